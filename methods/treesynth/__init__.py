"""TreeSynth (NeurIPS 2025), a module per step: pivots, dimension, values, leaves, quotas, routing, balance.

The order of steps and their names follow method.md B.15. Nothing here asks a model: prompts are rendered and answers
are read, what lies between is the caller's. A domain is data: one YAML file, in `domains/` or in a folder of your own.
"""
