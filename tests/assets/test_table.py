"""What a declaration says of the values that shape a table's rows."""

import pytest

from evergrow.assets.table import embedding_values
from evergrow.resources.settings import load_settings


def test_the_usual_way_of_embedding_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = load_settings({})
    monkeypatch.setenv("EVERGROW_EMBEDDING__PRECISION", "bfloat16")

    assert embedding_values(usual) == {"embedding.model": usual.embedding.model}
    assert embedding_values(load_settings({}))["embedding.precision"] == "bfloat16"
