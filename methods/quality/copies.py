"""How much of a table says the same: what a degenerate generator or judge leaves behind."""

import polars as pl

from evergrow.methods.quality.words import OPERATORS, tokens, whole


def share_of_copies(texts: pl.Series) -> float:
    """The share of texts, 0 to 1, whose words an earlier one has in the same order; 0 for no texts.

    Nulls are left aside. Case, layout, quotes and brackets make no difference; texts without words are compared as they
    stand.
    """
    said = texts.drop_nulls()
    if not len(said):
        return 0.0
    found = tokens(said, OPERATORS)
    wordless = pl.Series(found.counts == 0)
    keys = pl.Series(whole(found)).zip_with(~wordless, said.hash())
    return 1.0 - keys.n_unique() / len(said)
