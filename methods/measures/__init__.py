"""Measures of a whole set of texts: how far apart they lie, how they are worded, what of a space they cover.

One module a family; `measure_table` runs all of them. Vectors and texts come in, numbers go out: no model, no file.
"""
