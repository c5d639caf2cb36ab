"""What is due, and doing it: for sensors and commands alike.

`due.py` is the one answer to whether a table must be made; the other modules are the ordered tables of a batch, a tree
and a dataset, and passes over them. No terminal and no Dagster UI: words for people belong into `cli`.
"""
