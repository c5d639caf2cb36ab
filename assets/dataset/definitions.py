"""The tables of a dataset: answers, verdicts, clean rows, releases."""

from collections.abc import Iterator

from evergrow.assets.dataset.clean import clean_table
from evergrow.assets.dataset.release import release_table
from evergrow.assets.dataset.responses import responses_table
from evergrow.assets.dataset.verified import verified_table
from evergrow.assets.table import Table


def dataset_tables() -> Iterator[Table]:
    """All of them, in the order in which they are made."""
    yield responses_table()
    yield verified_table()
    yield clean_table()
    yield release_table()
