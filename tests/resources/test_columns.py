"""Every column of every table is explained, once."""

from typing import Any

import pytest

from evergrow.assets.dataset import clean, release, responses, verified
from evergrow.assets.evolution import difficulty
from evergrow.assets.evolution.accepted import ACCEPTED_COLUMNS
from evergrow.assets.treesynth import aware, routed, samples
from evergrow.methods.releasing.formats import EXPLAINING, PAIR
from evergrow.methods.treesynth import adherence
from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA
from evergrow.resources.columns import MEANINGS, table_schema
from evergrow.resources.seeds.harvest import SCHEMA as HARVESTED

TABLES: dict[str, Any] = {
    "seeds": HARVESTED,
    "accepted": ACCEPTED_COLUMNS,
    "difficulty": difficulty.SCHEMA,
    "level": LEVEL_SCHEMA,
    "samples": (*samples.SAMPLE_SCHEMA, *adherence.CHECKED_SCHEMA),
    "routed": routed.ROUTED_SCHEMA,
    "aware": aware.AWARE_SCHEMA,
    "responses": responses.COLUMNS,
    "verified": verified.COLUMNS,
    "clean": clean.COLUMNS,
    "release": release.COLUMNS,
    "files": (*EXPLAINING, *PAIR),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_has_a_meaning(table: str) -> None:
    assert [name for name in TABLES[table] if name not in MEANINGS] == []


def test_the_ui_is_told_types_and_meanings() -> None:
    schema = table_schema({"complexity": "Float64", "own": "String"})

    assert [(column.name, column.type) for column in schema.columns] == [("complexity", "Float64"), ("own", "String")]
    assert schema.columns[0].description == MEANINGS["complexity"]
    assert schema.columns[1].description is None


def test_meanings_are_short_sentences_without_markup() -> None:
    for name, meaning in MEANINGS.items():
        assert len(meaning) <= 110, name
        assert not meaning.endswith("."), name
        assert "\n" not in meaning, name
