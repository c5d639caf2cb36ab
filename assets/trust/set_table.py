"""Tables over a whole set: a batch, a tree or a release, whatever its gates say. Nothing is built on them."""

from collections.abc import Callable, Sequence

import dagster as dg

from evergrow.assets.table import Declaration, Table, embedding_values


def set_table(key: dg.AssetKey, job: str, function: Callable[..., object], after: Sequence[dg.AssetKey] = ()) -> Table:
    """The table that `function` makes of the set that its partition names, such as `batch:B`; it has no gate.

    after: tables that are made first where they are made together.
    """
    declared = Declaration(
        key=key, kind="set", group="trust", job=job, values=embedding_values, pool="gpu", sources=lambda _: [],
        deps=after,
    )  # fmt: skip
    return declared.table(function)
