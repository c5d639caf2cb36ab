"""What an owner is that the ledger knows by its name: told in the same way by Python and by each database."""

from contextlib import closing
from dataclasses import replace
from typing import get_args

import pytest
import sqlalchemy as sa

from evergrow.resources.ledger import Ledger, OwnerKind, Rows, State, Submission, SubmissionLine, kind_of, sums
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
    assert dict(ledger.costs.grouped(("kind", "batch")).select("kind", "calls").iter_rows()) == counts
    assert {kind: cost.calls for (kind, name), cost in ledger.costs.by_owner().items() if name == "x"} == counts
    of_tree = ledger.costs.by_owner()["tree", "x"]
    assert (of_tree.usd, of_tree.tokens) == (0.25 * counts["tree"], 15 * counts["tree"])
    assert type(of_tree.tokens) is int  # PostgreSQL sums to a decimal, which JSON has not
    assert {kind: ledger.costs.spent("x", kind=kind).calls for kind in counts} == counts
    assert {kind: len(ledger.latest("x", kind)) for kind in counts} == counts
    assert ledger.costs.spent("x").calls == len(ASKED)


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


def test_what_a_budget_sums_is_read_from_an_index_alone(ledger_url: str, ledger: Ledger) -> None:
    """The rows hold long texts, and the sum is read while every other run waits."""
    ledger.record([reply(number, asset="dataset/responses", batch=f"b{number % 9}") for number in range(300)])
    engine = sa.create_engine(ledger_url, isolation_level="AUTOCOMMIT")
    sqlite = engine.dialect.name == "sqlite"
    with closing(engine.connect()) as connection:
        if not sqlite:
            connection.execute(sa.text("VACUUM ANALYZE calls"))
            for way in ("seqscan", "bitmapscan"):
                connection.execute(sa.text(f"SET enable_{way} = off"))
        for kind in get_args(OwnerKind):
            query = sums.spent(Rows(batch="b1", kind=kind)).compile(engine, compile_kwargs={"literal_binds": True})
            asked = sa.text(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{query}".replace("%%", "%"))
            plan = " ".join(str(tuple(row)) for row in connection.execute(asked))
            assert ("COVERING INDEX calls_by_batch" if sqlite else "Index Only Scan using calls_by_batch") in plan
    engine.dispose()


def test_a_request_that_was_drawn_again_is_held_once_and_by_its_role(ledger: Ledger) -> None:
    asked = {"asset": "evolution/round_01/instructions", "role": "generator", "model": "m"}
    ledger.record(
        [
            reply(0, call_id="0", draw=0, tokens_in=10, tokens_out=5, usd=0.25, **asked),
            reply(0, call_id="1", draw=1, tokens_in=20, tokens_out=7, usd=0.5, **asked),
            reply(1, call_id="2", **{**asked, "role": "judge"}),
        ]
    )

    (held,) = ledger.costs.replies_of(Rows(batch="b", kind="batch"), {("generator", "m"), ("judge", "another")})

    assert (held.requests, held.tokens, held.usd) == (1, 27, 0.5)
    assert ledger.costs.replies_of(Rows(batch="b", kind="tree"), {("generator", "m")}) == []
    assert ledger.costs.replies_of(Rows(batch="b", kind="batch"), set()) == []
