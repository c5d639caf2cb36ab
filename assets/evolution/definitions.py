"""The tables of Tree-of-Evolution: seeds; instructions, complexity, diversity, accepted of each round; the collection.

Where a recipe has solvers measure difficulty, `difficulty` comes before `accepted`. A round's parents are what the
round before accepted (method.md A.9; dagster-facts.md, section 2).
"""

from collections.abc import Iterator

from evergrow.assets.evolution.accepted import accepted_table
from evergrow.assets.evolution.collected import collected_table
from evergrow.assets.evolution.complexity import complexity_table
from evergrow.assets.evolution.difficulty import difficulty_table
from evergrow.assets.evolution.diversity import diversity_table
from evergrow.assets.evolution.instructions import instructions_table
from evergrow.assets.evolution.seeds import seeds_table
from evergrow.assets.table import Table


def evolution_tables(rounds: int) -> Iterator[Table]:
    """All of them, in the order in which they are made."""
    yield seeds_table()
    for round_no in range(1, rounds + 1):
        for stage_table in (instructions_table, complexity_table, diversity_table, difficulty_table, accepted_table):
            yield stage_table(round_no)
    yield collected_table(rounds)
