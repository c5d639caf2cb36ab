"""Tree-of-Evolution's tables, one file each: seeds, the four stages of a round, and what is collected over all rounds.

Declarations only: the steps of the method are in `methods/evolution`.
"""
