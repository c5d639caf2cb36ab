"""Copies of a project's state: a store of them, and how a database, the lake and the home get into it and out again.

What is copied when is decided in `flows.backup`; nothing here knows what a table means.
"""
