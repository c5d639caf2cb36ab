"""The one answer: what changed, and what is due of each table for it.

Tables that a row does not name are up to date.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml

from evergrow.assets.names import (
    CLEAN,
    COLLECTED,
    MAIN,
    RELEASE,
    RELEASES_NAME,
    RESPONSES,
    SAMPLES,
    SCORES,
    SEEDS,
    STAGES,
    TREES_NAME,
    VERIFIED,
    level_key,
    shard_names,
    shard_partition,
    stage_key,
)
from evergrow.flows.due import What
from evergrow.flows.run import judge
from evergrow.flows.step import Step, bring
from evergrow.methods.quality import rules
from evergrow.methods.treesynth.domain_files import SHIPPED
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.lake.readable import GateClosed, GateState, Outdated
from evergrow.resources.registry.bans import Ban, remember
from evergrow.resources.registry.recipes import Kind, record
from evergrow.resources.registry.trees import register
from evergrow.resources.settings.recipe import recipe_of
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform, functions, share_vectors

INSTRUCTIONS, COMPLEXITY, DIVERSITY, ACCEPTED = (stage_key(1, stage) for stage in STAGES)
ROUND_2 = [stage_key(2, stage) for stage in STAGES]
BATCH = (SEEDS, INSTRUCTIONS, COMPLEXITY, DIVERSITY, ACCEPTED, *ROUND_2, COLLECTED, RESPONSES, VERIFIED, CLEAN)
DOMAIN = "customer_support"
SETTINGS: dict[str, Any] = {
    **LENIENT,
    "evolution": {"rounds": 2, "children": 2, "margin": -10},
    "treesynth": {"max_depth": 1, "shards": 1, "adherence_rows": 0},
    "verification": {"keep": {"code": ["pass", "fail", "unverified", "timeout", "crash", "sandbox_unavailable"]}},
    "cleaning": {"minhash_similarity": 1.0, "embedding_similarity": 1.0},
}


@pytest.fixture(scope="module")
def made(known_vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A batch that was released and a tree that is written, each by its recipe; and the endpoint that answered."""
    folder, endpoint = tmp_path_factory.mktemp("made"), FakeEndpoint()
    domains = folder / "domains"
    domains.mkdir()
    shutil.copy(SHIPPED / f"{DOMAIN}.yaml", domains / "own.yaml")
    text = yaml.safe_load((domains / "own.yaml").read_text())
    (domains / "own.yaml").write_text(yaml.safe_dump({**text, "name": "own"}))
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("EVERGROW_HOME", str(folder / "home"))
        patch.setenv("OPENAI_BASE_URL", endpoint.url)
        patch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
        settings = {**SETTINGS, "treesynth": {**SETTINGS["treesynth"], "domains": str(domains)}}
        platform = Platform(instance, settings)
        share_vectors(known_vectors, platform.home.lake)
        platform.register("b", 6)
        record(platform.registry, "batch", "b", recipe_of(platform.settings), "a test")
        for job in ("seeds", "round_01", "round_02", "collected", "responses", "verified", "clean"):
            assert platform.run(job, "b") == "", job
        assert platform.release("b") == ""
        register(platform.registry, TreeSpec("t", "own", 1, 6, 42))
        record(platform.registry, "tree", "t", recipe_of(platform.settings), "a test")
        instance.add_dynamic_partitions(TREES_NAME, ["t"])
        for job, partition in (("tree_level_0", "t"), ("tree_level_1", "t"), ("tree_samples", "s00|t")):
            assert platform.run(job, partition) == "", job
        yield platform, folder, endpoint
    endpoint.kill()


@pytest.fixture
def world(made: Any, monkeypatch: pytest.MonkeyPatch, _own_environment: None) -> Platform:
    """The same, as it was: what a test changes of files and recipes is put back."""
    platform, folder, endpoint = made
    monkeypatch.setenv("EVERGROW_HOME", str(folder / "home"))
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    owners: tuple[tuple[Kind, str], ...] = (("batch", "b"), ("tree", "t"))
    for kind, name in owners:
        record(platform.registry, kind, name, recipe_of(platform.settings), "a test")
    platform.frontier.forget()
    return platform  # type: ignore[no-any-return]


def due(platform: Platform) -> dict[str, What]:
    """What is due, by the short name of the table."""
    places = [(key, "b") for key in BATCH] + [(level_key(0), "t"), (level_key(1), "t"), (SAMPLES, "s00|t")]
    found = {}
    for key, partition in [*places, (RELEASE, MAIN)]:
        reason = platform.due(key, partition)
        if reason:
            found[key.to_user_string().removeprefix("evolution/")] = reason.what
    return found


def remade(*keys: dg.AssetKey) -> dict[str, What]:
    return {key.to_user_string().removeprefix("evolution/"): What.MAKE for key in keys}


def recipe(platform: Platform, kind: Kind, name: str, section: str, **values: object) -> None:
    """Change a section of a recipe."""
    old = recipe_of(platform.settings)
    record(platform.registry, kind, name, {**old, section: {**old[section], **values}}, "a test")


def role(platform: Platform, name: str, kind: Kind = "batch", owner: str = "b", **values: object) -> None:
    old = recipe_of(platform.settings)["roles"]
    recipe(platform, kind, owner, "roles", **{name: {**old[name], **values}})


def automate(platform: Platform, how_far: str) -> None:
    record(platform.registry, "batch", "b", recipe_of(platform.settings, how_far), "a test")


def test_nothing_is_due_of_what_was_made_from_what_there_is(world: Platform) -> None:
    assert due(world) == {}


RECIPES: Mapping[str, tuple[Callable[[Platform], None], dict[str, What]]] = {
    "the generator's model": (
        lambda p: role(p, "generator", model="another"),
        remade(INSTRUCTIONS, stage_key(2, "instructions")),
    ),
    "the judge's temperature": (
        lambda p: role(p, "judge", temperature=0.5),
        remade(COMPLEXITY, stage_key(2, "complexity")),
    ),
    "children": (
        lambda p: recipe(p, "batch", "b", "evolution", children=3),
        remade(INSTRUCTIONS, stage_key(2, "instructions")),
    ),
    "the beam": (
        lambda p: recipe(p, "batch", "b", "evolution", beam=0.5),
        remade(ACCEPTED, stage_key(2, "accepted")),
    ),
    "fewer rounds": (lambda p: recipe(p, "batch", "b", "evolution", rounds=1), remade(COLLECTED)),
    "the target of rows": (lambda p: recipe(p, "batch", "b", "evolution", target_rows=3), remade(COLLECTED)),
    "votes": (lambda p: recipe(p, "batch", "b", "answers", votes=3), remade(RESPONSES)),
    "the responder's model": (lambda p: role(p, "responder", model="another"), remade(RESPONSES)),
    "the tester's model": (lambda p: role(p, "tester", model="another"), remade(VERIFIED)),
    "mutants": (lambda p: recipe(p, "batch", "b", "verification", mutants=3), remade(VERIFIED)),
    "a rule of cleaning": (lambda p: recipe(p, "batch", "b", "cleaning", ngram_words=8), remade(CLEAN)),
    "the embedding model": (
        lambda p: recipe(p, "batch", "b", "embedding", model="another"),
        remade(DIVERSITY, stage_key(2, "diversity"), COLLECTED, CLEAN),
    ),
    "how precisely texts are embedded": (
        lambda p: recipe(p, "batch", "b", "embedding", precision="bfloat16"),
        remade(DIVERSITY, stage_key(2, "diversity"), COLLECTED, CLEAN),
    ),
    "pivots of a tree": (
        lambda p: recipe(p, "tree", "t", "treesynth", pivots=5),
        remade(level_key(0), level_key(1)),
    ),
    "rows a call of a tree": (
        lambda p: recipe(p, "tree", "t", "treesynth", samples_per_call=5),
        remade(level_key(0), level_key(1), SAMPLES),
    ),
    "how far sensors go": (
        lambda p: automate(p, "release"),
        {},
    ),
    "a threshold": (
        lambda p: recipe(p, "batch", "b", "gates", complexity={"min_mean": 1.5, "max_drop": 9.0}),
        {f"{key.path[1]}/complexity": What.JUDGE for key in (COMPLEXITY, stage_key(2, "complexity"))},
    ),
    "a threshold of a level": (
        lambda p: recipe(p, "tree", "t", "gates", level={"max_fan_out": 40}),
        {level_key(d).to_user_string(): What.JUDGE for d in (0, 1)},
    ),
}


@pytest.mark.parametrize("what", RECIPES)
def test_a_changed_recipe_touches_the_tables_that_it_shapes(world: Platform, what: str) -> None:
    change, expected = RECIPES[what]

    change(world)

    assert due(world) == expected


MACHINE: Mapping[str, dict[str, Any]] = {
    "another endpoint": {"endpoints": {"default": {}, "far": {"base_url": "http://127.0.0.1:9/v1"}},
                         "roles": {"judge": {"endpoint": "far"}}},
    "a pool": {"endpoints": {"default": {}, "far": {"base_url": "http://127.0.0.1:9/v1"}},
               "roles": {"generator": {"endpoint": ["default", "far"]}}},
    "concurrency and timeouts": {"endpoints": {"default": {"concurrency": 3, "timeout_s": 5.0}}},
    "the Batch API": {"roles": {"generator": {"mode": "batch"}, "judge": {"mode": "batch"}}},
    "prices": {"prices": {"gpt-4o-2024-08-06": {"input": 1, "output": 2}}},
    "a budget": {"budget": {"max_tokens": 1}},
    "where embeddings are computed": {"embedding": {"device": "cpu", "batch_tokens": 300, "backend": "torch"}},
    "workers of the sandbox": {"sandbox": {"workers": 1}},
    "draws and repairs": {"roles": {"generator": {"draws": 4, "repair": False}}},
}  # fmt: skip


@pytest.mark.parametrize("what", MACHINE)
def test_what_only_the_machine_decides_makes_nothing_due(world: Platform, what: str) -> None:
    assert due(world.but(**MACHINE[what])) == {}


def test_todays_settings_change_nothing_of_what_has_a_recipe(world: Platform) -> None:
    assert due(world.but(model="another", evolution={"rounds": 3, "children": 4})) == {}


DOMAIN_KEYS: Mapping[str, tuple[dict[str, object], dict[str, What]]] = {
    "rules": ({"rules": ["Write in one sentence."]}, remade(SAMPLES)),
    "sample": ({"sample": "a question"}, remade(SAMPLES)),
    "answer": ({"answer": "maths"}, {}),
    "export": ({"export": {"q": "{question}"}}, {}),
}


@pytest.mark.parametrize("key", DOMAIN_KEYS)
def test_a_domain_that_states_its_dimensions_shapes_samples_not_levels(world: Platform, made: Any, key: str) -> None:
    file = made[1] / "domains" / "own.yaml"
    before, (change, expected) = file.read_text(), DOMAIN_KEYS[key]
    text = yaml.safe_load(before)
    change = {"export": {"q": f"{{{next(iter(text['fields']))}}}"}} if key == "export" else change
    file.write_text(yaml.safe_dump({**text, **change}))

    found = due(world)

    file.write_text(before)
    assert found == expected


def test_another_target_writes_samples_and_another_depth_levels(world: Platform) -> None:
    register(world.registry, TreeSpec("t", "own", 1, 9, 42))
    rows = due(world)
    register(world.registry, TreeSpec("t", "own", 0, 6, 42))
    depth = due(world)
    register(world.registry, TreeSpec("t", "own", 1, 6, 42))

    assert rows == remade(SAMPLES)
    assert depth == remade(level_key(0), level_key(1))


def test_other_seeds_under_the_name_are_loaded(world: Platform) -> None:
    world.register("b", functions(7))
    found = world.due(SEEDS, "b")
    world.register("b", functions(6))

    assert found
    assert str(found) == "what is registered as its seeds changed"
    assert due(world) == {}


def test_benchmarks_that_came_have_rows_cleaned_again(world: Platform) -> None:
    folder = world.home.path / "benchmarks"
    folder.mkdir()
    (folder / "mine.jsonl").write_text('{"question": "How many legs has a spider that lost two of them?"}\n')

    found = due(world)

    shutil.rmtree(folder)
    assert found == remade(CLEAN)


def test_changed_rules_of_cleaning_have_rows_cleaned_again(world: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules.RULES_VERSION
    monkeypatch.setattr(rules, "RULES_VERSION", before + 1)  # as the next version of evergrow has it

    assert due(world) == remade(CLEAN)
    assert str(world.due(CLEAN, "b")) == f"the version of cleaning's rules changed from {before} to {before + 1}"


def test_a_tightened_gate_closes_at_once_and_opens_again_without_a_request(world: Platform, made: Any) -> None:
    requests = made[2].stats()["requests"]
    recipe(world, "batch", "b", "gates", accepted={"min_share": 1.0})
    with pytest.raises(GateClosed, match="the thresholds of its gate changed since"):
        world.table(COLLECTED, "b")
    standing = world.frontier.standing(world.instance, ACCEPTED, "b")
    assert standing.due
    assert standing.due.what is What.JUDGE

    assert judge(world.workspace, standing).state is GateState.FAILED
    assert world.due(ACCEPTED, "b") is None
    assert "a large enough share" in str(world.frontier.standing(world.instance, ACCEPTED, "b").shut)
    with pytest.raises(GateClosed, match="is FAILED"):
        world.table(COLLECTED, "b")

    recipe(world, "batch", "b", "gates")
    said: list[str] = []
    world.frontier.forget()
    bring(world.workspace, Step("round_01", [ACCEPTED], "b", "round_01"), "b", said.append)
    assert said == ["round_01: the thresholds of its gate changed; accepted is judged again"]
    assert world.table(COLLECTED, "b").height
    assert made[2].stats()["requests"] == requests


def test_requests_that_failed_are_owed_and_only_they_are_asked_again(
    fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(
            instance,
            {
                **SETTINGS,
                "gates": {**LENIENT["gates"], "instructions": {"min_answered_share": 0}},
                "roles": {"generator": {"draws": 1, "repair": False}},
            },
        )
        platform.register("b", 6)
        assert platform.run("seeds", "b") == ""
        fake_endpoint.control(share={"prose": 0.4})
        platform.run("round_01", "b", [INSTRUCTIONS])
        owed = platform.due(INSTRUCTIONS, "b")
        assert owed
        assert owed.what is What.MAKE_FAILED
        assert re.search(r"\d+ of 12 requests got no answer of use", str(owed))
        rejected = platform.table(INSTRUCTIONS, "b", "rejected")
        missing = rejected.filter(pl.col("reason").str.starts_with("invalid")).height
        fake_endpoint.control(share={})
        before = fake_endpoint.stats()["requests"]

        assert platform.run("round_01", "b", [INSTRUCTIONS]) == ""

        assert fake_endpoint.stats()["requests"] - before == missing > 0
        assert platform.due(INSTRUCTIONS, "b") is None


def test_a_first_table_whose_requests_all_failed_says_so_itself(fake_endpoint: FakeEndpoint) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(instance, SETTINGS)
        platform.register("b", 2)
        assert platform.run("seeds", "b") == ""
        fake_endpoint.control(share={"400": 1.0}, error_message="Unsupported parameter: 'max_tokens'")

        said = platform.run("round_01", "b")

        assert "HTTP 400: Unsupported parameter: 'max_tokens'" in said
        assert "mean complexity" not in said
        fake_endpoint.control(share={})
        before = fake_endpoint.stats()["requests"]
        assert platform.run("round_01", "b") == ""
        assert fake_endpoint.stats()["requests"] - before == 8


def test_a_round_that_was_made_anew_is_left_out_of_the_collection_until_it_is_whole(world: Platform) -> None:
    """Nothing is due of `collected` for a later round that itself has to be made again first."""
    recipe(world, "batch", "b", "evolution", beam=0.5)
    found = due(world)

    assert "collected" not in found


def test_shards_of_a_tree_are_places_of_their_own() -> None:
    assert [str(shard_partition("t", name)) for name in shard_names(2)] == ["s00|t", "s01|t"]


def test_every_table_says_what_shapes_it(world: Platform) -> None:
    for key, table in world.frontier.tables.items():
        values = table.values(world.settings)
        assert values or key in (SEEDS, RELEASE, SCORES), (
            key
        )  # SCORES: what was asked for is a file that it is made from
        forbidden = {"endpoint", "mode", "timeout_s", "concurrency", "workers", "domains"}
        forbidden |= {"device", "batch_tokens", "backend"}
        assert not [name for name in values if name.split(".")[-1] in forbidden], key


def test_nothing_is_made_where_a_release_was_never_asked_for(world: Platform) -> None:
    world.instance.add_dynamic_partitions(RELEASES_NAME, ["other"])

    found = world.due(RELEASE, "other")

    assert found
    assert str(found) == "it was never made"


def test_a_release_is_behind_by_bans_and_wishes_and_read_past_all_but_bans(world: Platform) -> None:
    rows = world.released().height
    recipe(world, "batch", "b", "cleaning", ngram_words=8)
    assert world.released().height == rows

    remember(world.registry, [Ban("seed", "nobody")])
    found = world.due(RELEASE, MAIN)

    assert str(found) == "what is banned changed"
    with pytest.raises(Outdated, match=r"what is banned changed.*evergrow release --name main"):
        world.released()
