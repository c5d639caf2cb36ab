"""The tables of TreeSynth: levels, samples, the balancing of datasets, and the positive conversion."""

from collections.abc import Iterator

from evergrow.assets.table import Table
from evergrow.assets.treesynth.aware import aware_table
from evergrow.assets.treesynth.balanced import balanced_table
from evergrow.assets.treesynth.level import level_table
from evergrow.assets.treesynth.routed import routed_table
from evergrow.assets.treesynth.samples import samples_table


def treesynth_tables(levels: int, shards: int) -> Iterator[Table]:
    """All of them in the order in which they are made, for so many levels below the root and so many shards."""
    yield from (level_table(depth) for depth in range(levels + 1))
    yield samples_table(levels, shards)
    yield routed_table(levels)
    yield balanced_table(levels)
    yield aware_table()
