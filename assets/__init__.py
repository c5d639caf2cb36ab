"""The Dagster assets and their checks: thin functions that read frames, call methods and resources, and return frames.

No step of a method, no file format and no request to a model is spelt out here.
"""
