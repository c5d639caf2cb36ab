"""From samples to a dataset that a trainer can use: responses, verified, clean by batch; then the release.

Thin as all assets are: what is asked and decided stands in `methods`, what touches the world in `resources`.
"""
