"""The two published methods as plain functions over values and polars frames.

No Dagster, no network, no clock, no global state may live here: everything is a function of its arguments.
"""
