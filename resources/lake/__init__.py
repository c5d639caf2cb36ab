"""The lake: tables as immutable files, which of them is current, and who may read it.

No method and no asset lives here; a table is known by its key, its partition and its content.
"""
