"""What an owner is that the ledger knows by its name: told in the same way by Python and by each database."""

from dataclasses import replace

import pytest

from evergrow.resources.ledger import Ledger, OwnerKind, Rows, State, Submission, SubmissionLine, kind_of
from tests.resources.ledger.support import reply

ASKED: dict[tuple[str, str], OwnerKind] = {
    ("evolution/round_01/instructions", "x"): "batch",
    ("dataset/responses", "x"): "batch",
    ("dataset/release", "x"): "release",
    ("treesynth/level_0", "x"): "tree",
    ("treesynth/samples", "s00|x"): "tree",
    ("trust/judge", "x"): "model",
    ("evaluation/scores", "x"): "model",
    ("quality/measures", "batch:x"): "batch",
    ("quality/measures", "tree:x"): "tree",
    ("quality/map", "release:x"): "release",
    ("doctor", "default"): "doctor",
    ("another", "x"): "batch",
}


def test_the_table_that_asked_tells_what_its_owner_is(ledger: Ledger) -> None:
    rows = [
        reply(number, asset=asset, partition=partition, batch="x") for number, (asset, partition) in enumerate(ASKED)
    ]
    ledger.record(rows)

    assert {asked: kind_of(*asked) for asked in ASKED} == ASKED
    counts = {kind: list(ASKED.values()).count(kind) for kind in ASKED.values()}
    assert dict(ledger.costs(("kind", "batch")).select("kind", "calls").iter_rows()) == counts
    assert {kind: cost.calls for (kind, name), cost in ledger.costs_by_owner().items() if name == "x"} == counts
    of_tree = ledger.costs_by_owner()["tree", "x"]
    assert (of_tree.usd, of_tree.tokens) == (0.25 * counts["tree"], 15 * counts["tree"])
    assert type(of_tree.tokens) is int  # PostgreSQL sums to a decimal, which JSON has not
    assert {kind: ledger.spent("x", kind=kind).calls for kind in counts} == counts
    assert {kind: len(ledger.latest("x", kind)) for kind in counts} == counts
    assert ledger.spent("x").calls == len(ASKED)


@pytest.mark.parametrize("kind", ["batch", "tree"])
def test_what_is_handed_in_counts_for_its_owner_alone(ledger: Ledger, kind: OwnerKind) -> None:
    asset = {"batch": "evolution/round_01/instructions", "tree": "treesynth/level_1"}
    for name in ("batch", "tree"):
        draft = Submission(name, State.DRAFT, "e", "generator", "m", "run", asset[name], "x", "x", created_at=0.0)
        ledger.submissions.begin(draft)
        line = SubmissionLine("call", "key", 0, 0, 0, "v1", "{}", tokens=10 if name == "batch" else 7, usd=0.0)
        ledger.submissions.add(name, [replace(line, call_id=name)])

    assert ledger.submissions.set_aside(Rows(batch="x", kind=kind)).tokens == {"batch": 10, "tree": 7}[kind]
    assert [one.kind for one in ledger.submissions.find((State.DRAFT,), batch="x", kind=kind)] == [kind]


def test_a_request_that_was_drawn_again_is_held_once_and_by_its_role(ledger: Ledger) -> None:
    asked = {"asset": "evolution/round_01/instructions", "role": "generator", "model": "m"}
    ledger.record(
        [
            reply(0, call_id="0", draw=0, tokens_in=10, tokens_out=5, usd=0.25, **asked),
            reply(0, call_id="1", draw=1, tokens_in=20, tokens_out=7, usd=0.5, **asked),
            reply(1, call_id="2", **{**asked, "role": "judge"}),
        ]
    )

    (held,) = ledger.replies_of(Rows(batch="b", kind="batch"), {("generator", "m"), ("judge", "another")})

    assert (held.requests, held.tokens, held.usd) == (1, 27, 0.5)
    assert ledger.replies_of(Rows(batch="b", kind="tree"), {("generator", "m")}) == []
    assert ledger.replies_of(Rows(batch="b", kind="batch"), set()) == []
