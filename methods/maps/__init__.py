"""Maps of sets: where each row stands in a plane, and which rows are most like it.

No Dagster, no files, no models: vectors in, numbers out.
"""
