from contextlib import closing
from typing import Any, get_args

import polars as pl
import pytest

from evergrow.resources.ledger import Ledger, OwnerKind, State, Submission, SubmissionLine
from evergrow.resources.llm import BudgetReached
from evergrow.resources.llm.budget import limits, room
from evergrow.resources.registry.batches import stage, take_as_is
from evergrow.resources.registry.registry import Registry
from evergrow.resources.seeds.source import Seeds
from evergrow.resources.settings import SettingsError
from tests.conftest import FakeEndpoint
from tests.resources.ledger.support import reply
from tests.resources.llm.support import WHO, ask, requests, settings

ROLES = {"generator": {"max_tokens": 300}, "judge": {"max_tokens": 300}}
PRICES = {"model-1": {"input": 2.5, "output": 10.0}}


@pytest.mark.parametrize("limit", [{"max_tokens": 10_000}, {"max_usd": 0.02}])
@pytest.mark.parametrize("scope", ["batch", "month"])
def test_a_limit_that_ended_a_run_leaves_no_room_for_the_next(
    fake_endpoint: FakeEndpoint, ledger: Ledger, scope: str, limit: dict[str, Any]
) -> None:
    chosen = settings(roles=ROLES, prices=PRICES, budget=limit if scope == "batch" else {"month": limit})
    assert room(chosen, ledger, WHO.batch) is None

    # The same prompt at ever new slots: every request is as large as the next.
    ended = ask(chosen, ledger, requests(1000, system=""))
    assert isinstance(ended.error, BudgetReached)
    tight = settings(
        roles={name: {"max_tokens": 1000} for name in ROLES}, prices=PRICES,
        budget=limit if scope == "batch" else {"month": limit},
    )  # fmt: skip

    why = room(tight, ledger, WHO.batch)
    assert why is not None
    assert f"budget{'.month' if scope == 'month' else ''}.{next(iter(limit))}" in why
    assert (room(tight, ledger, "another batch") is None) == (scope == "batch")


def test_room_for_the_cheapest_role_is_room(ledger: Ledger) -> None:
    roles = {"generator": {"max_tokens": 5000}, "judge": {"max_tokens": 100}}

    assert room(settings(roles=roles, budget={"max_tokens": 1000}), ledger, "b") is None
    assert "budget.max_tokens is 100 tokens" in str(
        room(settings(roles=roles, budget={"max_tokens": 100}), ledger, "b")
    )


def test_the_limit_of_a_run_closes_only_where_no_run_could_ever_begin(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = settings(roles=ROLES, budget={"run": {"max_tokens": 3000}})

    assert isinstance(ask(chosen, ledger, requests(1000)).error, BudgetReached)

    assert room(chosen, ledger, WHO.batch) is None


def test_what_is_handed_in_and_not_answered_takes_room(ledger: Ledger) -> None:
    chosen = settings(roles=ROLES, budget={"max_tokens": 5000})
    draft = Submission("s", State.DRAFT, "default", "generator", "model-1", "run-1", "a", "p", "b", created_at=0.0)
    ledger.submissions.begin(draft)
    assert room(chosen, ledger, "b") is None

    ledger.submissions.add("s", [SubmissionLine("call", "key", 0, 0, 0, "v1", "{}", tokens=4900, usd=0.0)])

    assert "4,900 is spent" in str(room(chosen, ledger, "b"))


@pytest.mark.parametrize("origin", ["tree 't'", "elsewhere"])
def test_a_tree_and_its_samples_share_a_limit_and_another_batch_of_its_name_has_its_own(
    ledger_url: str, registry: Registry, origin: str
) -> None:
    roles = {"generator": {"max_tokens": 100}, "judge": {"max_tokens": 100}}
    chosen, kinds = settings(roles=roles, budget={"max_tokens": 10_000}), get_args(OwnerKind)
    seed = pl.DataFrame({"id": ["1"], "content": ["Add."], "kind": ["instruction"], "source": ["x"]})
    with closing(Ledger.open(ledger_url)) as ledger:
        grown = {"asset": "treesynth/level_0", "partition": "t", "batch": "t", "tokens_in": 6_000, "tokens_out": 0}
        ledger.record([reply(0, **grown)])
        answers = ("dataset/responses", "t", "t")
        draft = Submission("s", State.DRAFT, "default", "generator", "m", "run", *answers, created_at=0.0)
        ledger.submissions.begin(draft)
        ledger.submissions.add("s", [SubmissionLine("call", "key", 0, 0, 0, "v1", "{}", tokens=3_900, usd=0.0)])
        assert {room(chosen, ledger, "t", kind) for kind in kinds} == {None}

        stage(registry, "t", Seeds(seed, origin=origin))
        assert {room(chosen, ledger, "t", kind) for kind in kinds} == {None}
        take_as_is(registry, "t")

        full = {kind: why for kind in kinds if (why := room(chosen, ledger, "t", kind))}
        assert set(full) == ({"tree", "batch"} if origin == "tree 't'" else set())
        assert all("for tree 't' and the answers to its samples, 9,900 is spent" in why for why in full.values())
        shared = {kind: limits(chosen, ledger, "t", "run", kind)[0].key for kind in kinds}
        assert (shared["tree"] == shared["batch"]) == (origin == "tree 't'")
        assert len(set(shared.values())) == len(kinds) - (origin == "tree 't'")


def test_without_limits_there_is_room_and_without_prices_a_clear_error(ledger: Ledger) -> None:
    assert room(settings(), ledger, "b") is None
    with pytest.raises(SettingsError, match="has no price"):
        room(settings(budget={"max_usd": 5}), ledger, "b")
