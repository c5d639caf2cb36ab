"""`quality/measures` of a batch, by the command, against its seeds and round by round."""

from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint


def test_each_stage_of_a_batch_is_measured_against_its_seeds_and_the_stage_before(
    grown: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    asked = fake_endpoint.stats()["requests"]

    said = grown("measure", "--batch", "b", "--json")

    assert said.code == 0, said.err
    stages = list(dict.fromkeys(row["stage"] for row in said.json))
    assert stages == ["seeds", "round_01", "round_02", "collected"]
    by = {(row["stage"], row["measure"]): row for row in said.json}
    assert by["seeds", "vendi_score"]["against_first"] is None
    assert by["round_01", "vendi_score"]["against_first"] == by["round_01", "vendi_score"]["against_before"]
    assert by["round_02", "coverage_of_reference"]["measure"]
    assert all(row["source"] for row in said.json)
    assert fake_endpoint.stats()["requests"] == asked
    assert grown("table", "quality/measures", "--partition", "batch:b", "--out", "m.parquet").code == 0


def test_what_is_measured_is_one_thing_that_is_there(grown: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    assert grown("measure").code == 2
    assert grown("measure", "x.jsonl", "--batch", "b").code == 2
    missing = grown("measure", "--tree", "none")
    assert missing.code == 1
    assert "nothing of 'tree:none' to measure" in missing.err
