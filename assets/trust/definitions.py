"""The tables that say how far sets, judges and models can be trusted."""

from evergrow.assets.table import Table
from evergrow.assets.trust.judge import judge_table
from evergrow.assets.trust.map import map_table
from evergrow.assets.trust.measures import measures_table
from evergrow.assets.trust.page import page_table
from evergrow.assets.trust.scores import scores_table


def trust_tables() -> list[Table]:
    """`trust/judge`, `evaluation/scores`, `quality/measures`, `quality/map` and `quality/page`."""
    return [judge_table(), scores_table(), measures_table(), map_table(), page_table()]
