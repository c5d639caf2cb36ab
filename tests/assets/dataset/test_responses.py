"""Every sample gets a row; answers, refusals and outages are told apart, and nothing is asked twice."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from evergrow.assets.dataset.responses import COLUMNS
from evergrow.assets.names import RESPONSES, VERIFIED
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.nodes import ATTRIBUTES
from tests.conftest import FakeEndpoint
from tests.platform import Platform
from tests.samples import PLAIN, SUMS, choices, instructions

VOTES = 5
MIXED = [*SUMS[:2], *choices(2), PLAIN[2], PLAIN[3]]
DOMAINS = ["sums", "sums", "quiz", "quiz", "quiz", None]
DIALOGUE = {
    "answer": "none",
    "chat": {"user": "A customer writes: {message}", "assistant": "Thank you for: {message}"},
}


@pytest.fixture(scope="module")
def mixed(platform: Platform, endpoint: FakeEndpoint) -> pl.DataFrame:
    """The answers to two sums, two quizzes, a quiz without options and a plain instruction."""
    platform.register("mixed", instructions(MIXED, domain=DOMAINS))
    assert platform.run("seeds", "mixed") == ""
    assert platform.run("responses", "mixed") == ""
    return platform.table(RESPONSES, "mixed", "all")


def test_every_sample_has_one_row_with_all_that_explains_it(mixed: pl.DataFrame) -> None:
    assert tuple(mixed.columns) == COLUMNS
    assert mixed["id"].to_list() == [f"q{n}" for n in range(6)]
    assert mixed["task"].to_list() == ["maths", "maths", "choice", "choice", "choice", "text"]
    kept = mixed.filter(pl.col("reason").is_null())
    explaining = kept.select("response", "responder_model", "response_prompt_version", "response_call_id")
    assert explaining.null_count().sum_horizontal().item() == 0


def test_answers_that_agreement_verifies_are_drawn_several_times(mixed: pl.DataFrame, platform: Platform) -> None:
    assert mixed["draws"].list.len().to_list() == [VOTES] * 4 + [None, 1]
    assert platform.spent("mixed").calls == 4 * VOTES + 1
    for row in mixed.filter(pl.col("reason").is_null()).iter_rows(named=True):
        assert row["response"] == row["draws"][0]["text"]
        assert row["final_answer"] == row["draws"][0]["final"]


def test_a_choice_between_nothing_is_not_asked_and_says_why(mixed: pl.DataFrame) -> None:
    row = mixed.row(4, named=True)

    assert row["reason"] == "invalid: the sample has no options such as '(A) ...'"
    assert row["response"] is row["response_call_id"] is None


def test_code_is_answered_once_with_its_program(platform: Platform) -> None:
    platform.register("code", 3)
    for job in ("seeds", "round_01", "collected"):
        assert platform.run(job, "code") == ""
    before = platform.spent("code").calls

    assert platform.run("responses", "code") == ""

    answers = platform.table(RESPONSES, "code")
    assert set(answers["task"]) == {"code"}
    assert platform.spent("code").calls - before == answers.height
    assert answers["draws"].list.len().unique().to_list() == [1]
    assert all(row["final_answer"] in row["response"] for row in answers.iter_rows(named=True))


def test_a_repeated_run_asks_nothing_and_changes_nothing(platform: Platform, mixed: pl.DataFrame) -> None:
    asked = platform.spent("mixed").calls

    assert platform.run("responses", "mixed") == ""

    assert platform.spent("mixed").calls == asked
    assert platform.table(RESPONSES, "mixed", "all").equals(mixed)


def test_more_votes_ask_only_for_the_new_ones(platform: Platform, mixed: pl.DataFrame) -> None:
    asked = platform.spent("mixed").calls
    more = platform.but(answers={**platform.overrides["answers"], "votes": VOTES + 2})

    assert more.run("responses", "mixed") == ""

    assert platform.spent("mixed").calls - asked == 4 * 2


def test_a_sample_that_holds_its_answer_is_not_asked_and_has_both_turns(platform: Platform, tmp_path: Path) -> None:
    told = find_domain("customer_support", []).model_dump(mode="json", exclude_none=True)
    (tmp_path / "dialogues.yaml").write_text(yaml.safe_dump({**told, **DIALOGUE, "name": "dialogues"}))
    attributes = pl.Series([[{"dimension": "Tone", "value": "calm"}]] * 2, dtype=ATTRIBUTES)
    tree: dict[str, Any] = {
        "tree": "t",
        "leaf_id": ["l0", "l1"],
        "attributes": attributes,
        "letter": pl.Series([None] * 2, dtype=pl.String),
    }
    fields = ['{"message": "Where is it?"}', ""]
    seeds = instructions(("Where is it?", "A text"), domain="dialogues", fields=fields, **tree)
    own = platform.but(treesynth={"domains": str(tmp_path)})
    own.register("dialogues", seeds)
    assert own.run("seeds", "dialogues") == ""

    assert own.run("responses", "dialogues") == ""

    first, second = own.table(RESPONSES, "dialogues", "all").iter_rows(named=True)
    assert own.spent("dialogues").calls == 0
    assert (first["content"], first["response"]) == ("A customer writes: Where is it?", "Thank you for: Where is it?")
    assert first["draws"] is first["responder_model"] is first["reason"] is None
    assert second["reason"] == "invalid: domain 'dialogues' does not say which of its fields are the answer"
    assert own.run("verified", "dialogues") == ""
    assert own.table(VERIFIED, "dialogues")["verdict"].to_list() == ["unverified"]


def test_a_draw_that_fails_is_null_and_the_others_count(platform: Platform, endpoint: FakeEndpoint) -> None:
    platform.register("one", instructions(SUMS[2:4], domain="sums"))
    assert platform.run("seeds", "one") == ""
    endpoint.control(share={"prose": 1.0}, only='"temperature":0.0')  # of the first draw alone

    assert platform.run("responses", "one") == ""

    for row in platform.table(RESPONSES, "one", "all").iter_rows(named=True):
        texts = [draw["text"] for draw in row["draws"]]
        assert texts[0] is row["draws"][0]["final"] is None
        assert None not in texts[1:]
        assert row["response"] == texts[1]
        assert row["response_call_id"] == row["draws"][1]["call_id"]


def test_an_outage_closes_the_gate_and_the_next_run_asks_only_what_is_missing(
    platform: Platform, endpoint: FakeEndpoint
) -> None:
    platform.register("outage", instructions(PLAIN[4:], domain="general"))
    assert platform.run("seeds", "outage") == ""
    endpoint.control(reset=True, share={"500": 1.0}, only="sourdough")
    strict = platform.but(gates={**platform.overrides["gates"], "responses": {"max_failed_share": 0.05}})

    said = strict.run("responses", "outage")

    assert "few samples are without an answer" in said
    assert "gates.responses.max_failed_share" in said
    assert "responses_gate is FAILED" in strict.run("verified", "outage")
    every = strict.lake.scan(strict.instance, RESPONSES, "outage", "all", guarded=False).collect()
    assert every["reason"].str.starts_with("failed: transient").to_list() == [None, None, None, True]

    before, paid = endpoint.stats()["requests"], strict.spent("outage").tokens
    endpoint.control(share={}, only="")
    assert strict.run("responses", "outage") == ""

    assert endpoint.stats()["requests"] - before == 1
    assert strict.table(RESPONSES, "outage").height == 4
    assert strict.spent("outage").tokens == endpoint.stats()["tokens"] > paid
