"""`evergrow plan`: what a batch or tree would take, and which limits it meets, with nothing sent."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint


def test_a_plan_says_what_a_run_takes_and_sends_nothing(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    rows = evergrow("plan", "--batch", "b", "--rounds", 1, "--json").json

    assert fake_endpoint.stats()["requests"] == 0
    assert [(row["step"], row["requests"]) for row in rows] == [
        ("round_01/instructions", 8),
        ("round_01/complexity", 8),
        ("round_01/diversity", 0),
        ("in all", 16),
    ]
    assert "no history yet" in rows[0]["basis"]
    assert "was embedded by all-MiniLM-L6-v2 here yet" in rows[2]["basis"]
    assert rows[2]["seconds"] is None
    assert rows[-1]["usd"] is None
    assert rows[-1]["most_tokens"] > rows[-1]["tokens_in"] + rows[-1]["tokens_out"]
    evergrow("run", "--batch", "b", "--rounds", 1)
    assert fake_endpoint.stats()["requests"] == 16
    more = evergrow("plan", "--batch", "b", "--rounds", 2, "--json").json
    assert "8 earlier requests tell too little" in more[0]["basis"]


def test_a_plan_learns_from_what_was_asked_before(grown: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    prices = ["--set", "prices={gpt-4o-2024-08-06: {input: 1, output: 2}}"]
    more = tmp_path / "more.jsonl"
    more.write_text("\n".join(json.dumps({"content": f"def f{n}():\n    return {n}"}) for n in range(12)))
    grown("seeds", "add", more, "--batch", "more")
    for name in ("b", "more"):
        assert grown("run", "--batch", name, "--rounds", 1, "--set", "evolution.margin=-10").code == 0
    asked = {row["asset"]: row for row in grown("cost", "--json").json if row["batch"] == "more"}

    rows = grown("plan", "--batch", "more", "--rounds", 2, *prices, "--json").json

    assert [row["step"] for row in rows] == [
        "round_02/instructions", "round_02/complexity", "round_02/diversity", "in all"
    ]  # fmt: skip
    assert "texts a second, as the last" in rows[2]["basis"]
    assert rows[-1]["seconds"] == pytest.approx(sum(row["seconds"] for row in rows[:-1]))
    assert rows[0]["basis"].startswith("the mean of its last")
    assert rows[0]["usd"] == pytest.approx((rows[0]["tokens_in"] + 2 * rows[0]["tokens_out"]) / 1e6)
    mean = asked["evolution/round_01/instructions"]["tokens_out"] / asked["evolution/round_01/instructions"]["calls"]
    assert rows[0]["tokens_out"] / rows[0]["requests"] == pytest.approx(mean, rel=0.3)
    assert rows[-1]["seconds"] > 0
    assert rows[-1]["most_usd"] > rows[-1]["usd"]


def test_a_plan_says_what_of_it_the_ledger_already_answers(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")
    assert "already answers" not in evergrow("plan", "--batch", "b", "--rounds", 1).err
    fake_endpoint.control(share={"401": 1.0}, only="judge-1")
    assert evergrow("run", "--batch", "b", "--rounds", 1, "--set", "roles.judge.model=judge-1").code == 1
    fake_endpoint.control(share={}, only="")
    asked = fake_endpoint.stats()["outcomes"]["ok"]
    (paid,) = [row for row in evergrow("cost", "--json").json if row["asset"] == "evolution/round_01/instructions"]

    said = " ".join(evergrow("plan", "--batch", "b", "--rounds", 1).err.split())

    assert f"already answers {asked:,} requests for these tables (evolution/round_01/instructions {asked:,})" in said
    assert f"takes {paid['tokens_in'] + paid['tokens_out']:,} tokens less" in said


@pytest.mark.parametrize("scope", ["budget", "budget.run", "budget.month"])
def test_a_plan_names_each_limit_that_the_run_would_meet(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint, scope: str
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    beyond = evergrow("plan", "--batch", "b", "--rounds", 1, "--set", f"{scope}.max_tokens=1000")
    perhaps = evergrow("plan", "--batch", "b", "--rounds", 1, "--set", f"{scope}.max_tokens=20000")
    never = evergrow("plan", "--batch", "b", "--rounds", 1, "--set", f"{scope}.max_tokens=2000000")

    assert [said.code for said in (beyond, perhaps, never)] == [0, 0, 0]
    assert f"beyond the budget: {scope}.max_tokens leaves 1,000 tokens" in beyond.err
    assert f"{scope}.max_tokens leaves 20,000 tokens" in perhaps.err
    assert "not for the most" in perhaps.err
    assert "max_tokens" not in never.err
    assert fake_endpoint.stats()["requests"] == 0


def test_a_plan_names_a_model_without_a_price_once_and_what_that_means(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")
    model = ("--set", "model=m-1")

    plain = evergrow("plan", "--batch", "b", *model)
    limited = evergrow("plan", "--batch", "b", *model, "--set", "budget.month.max_usd=5")

    assert plain.err.count("no price for model m-1: set prices.m-1; without it its cost stays unknown") == 1
    assert limited.err.count("no price for model m-1") == 1
    dotted = evergrow("plan", "--batch", "b", "--set", "model=m-1.5")
    assert 'set prices."m-1.5"; without it' in dotted.err
    assert (
        evergrow("plan", "--batch", "b", "--set", "model=m-1.5", "--set", 'prices."m-1.5"={input: 1, output: 2}').code
        == 0
    )
    apart = evergrow("plan", "--batch", "b", "--set", "prices.m-1.5={input: 1, output: 2}")
    assert (apart.code, 'as prices."NAME".input' in apart.err) == (2, True)
    assert "budget.month.max_usd cannot be kept, and a run would be refused" in limited.err


def test_a_tree_is_planned_before_it_is_begun_and_nothing_is_written_or_sent(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    rows = evergrow("plan", "--tree", "t", "--domain", "gsm8k", "--max-depth", 2, "--rows", 40, "--json").json
    steps = {row["step"]: row for row in rows}

    assert list(steps) == [
        "level_0/pivots", "level_0/dimensions", "level_0/vectors", "level_1/pivots", "level_1/dimensions",
        "level_1/vectors", "samples/vectors", "samples", "samples/checks", "in all",
    ]  # fmt: skip
    assert steps["level_0/pivots"]["requests"] == 1
    assert steps["level_1/dimensions"]["requests"] == 8 * 3
    assert steps["in all"]["most_requests"] > steps["in all"]["requests"]
    assert fake_endpoint.stats()["requests"] == 0
    assert evergrow("tree", "show", "t").code == 2


def test_a_tree_that_grows_is_planned_from_where_it_stands(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_TREESYNTH__SHARDS", "1")
    evergrow("tree", "grow", "t", "--domain", "customer_support", "--max-depth", 1, "--rows", 20)
    asked = fake_endpoint.stats()["requests"]

    done = evergrow("plan", "--tree", "t", "--json").json
    more = {row["step"]: row["requests"] for row in evergrow("plan", "--tree", "t", "--rows", 70, "--json").json}

    assert [(row["step"], row["requests"]) for row in done] == [("in all", 0)]
    assert more["samples"] == 5 * 1
    assert fake_endpoint.stats()["requests"] == asked


def test_a_plan_counts_no_reply_of_another_model_or_of_a_previews_later_rounds(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")
    previewed = evergrow(
        "preview", "--batch", "b", "--seeds", 2, "--rounds", 2, "--yes", "--set", "evolution.margin=-10"
    )
    assert previewed.code == 0

    said = evergrow("plan", "--batch", "b", "--rounds", 2).err
    other = evergrow("plan", "--batch", "b", "--rounds", 2, "--set", "model=another").err

    assert "evolution/round_01/instructions" in said
    assert "already answers" not in other
    assert "evolution/round_02" not in said.partition("already answers")[2].partition("):")[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "either a batch with --batch B or a tree with --tree T"),
        (("--batch", "b", "--tree", "t"), "and not both"),
        (("--batch", "b", "--rows", "3"), "--rows goes with --tree"),
        (("--tree", "t", "--rounds", "3"), "--rounds goes with --batch"),
        (("--tree", "t"), "name its domain with --domain"),
        (("--tree", "../t", "--domain", "math"), "cannot name a tree"),
        (("--tree", "t", "--domain", "nothing"), "nothing"),
        (("--batch", "nowhere"), "nowhere"),
    ],
)
def test_a_plan_of_nothing_or_of_two_things_is_one_clear_usage_error(
    evergrow: Evergrow, options: tuple[str, ...], words: str
) -> None:
    said = evergrow("plan", *options)

    assert said.code == 2
    assert words in " ".join(said.err.split())


def test_answering_a_collected_batch_is_planned_apart_from_its_rounds(
    grown: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    before = fake_endpoint.stats()["requests"]

    rows = grown("plan", "--batch", "b", "--release", "--json").json

    assert [row["step"] for row in rows] == ["responses", "tests", "clean/near-duplicates", "in all"]
    assert rows[2]["seconds"] > 0
    assert "pairs at" in rows[2]["basis"]
    assert rows[0]["requests"] == rows[1]["requests"] > 0
    assert fake_endpoint.stats()["requests"] == before


def test_vectors_by_an_endpoint_are_planned_asked_once_and_paid_by_the_batch(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_EMBEDDING__ENDPOINT", "default")
    evergrow("seeds", "add", seed_file, "--batch", "b")

    planned = {row["step"]: row for row in evergrow("plan", "--batch", "b", "--rounds", 1, "--json").json}
    said = evergrow("run", "--batch", "b", "--rounds", 1, "--set", "evolution.margin=-10")

    assert said.code == 0
    stats = fake_endpoint.stats()
    paid = {row["asset"]: row for row in evergrow("cost", "--json").json}
    asked = paid["evolution/round_01/diversity"]
    assert planned["round_01/diversity"]["requests"] == 2  # children, and the seeds that they are compared with
    assert planned["in all"]["requests"] == 18
    assert planned["round_01/diversity"]["most_tokens"] >= asked["tokens_in"]
    assert planned["round_01/diversity"]["requests"] == asked["calls"]
    assert stats["embedded"] > 0
    assert stats["embedded_again"] == 0
    assert asked["batch"] == "b"
    assert asked["tokens_in"] > 0
    assert asked["tokens_out"] == 0
