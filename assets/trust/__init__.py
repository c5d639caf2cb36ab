"""How far sets, judges and models can be trusted, as assets: measures, planted tasks read, answers to benchmarks.

What is here is no sample: no table of a dataset reads it.
"""
