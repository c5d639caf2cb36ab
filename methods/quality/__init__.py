"""Which rows a dataset should not hold: duplicates, copies of benchmarks, secrets, texts of the wrong size or language.

Plain functions over polars frames and arrays of vectors; benchmarks come as frames, read elsewhere.
"""
