"""A batch and a tree of one name share neither spending, nor budgets, nor who works on them."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evergrow.assets.names import level_key
from evergrow.cli.console import Bars
from evergrow.cli.workspace import open_workspace
from evergrow.flows.step import closed
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import tree_owner
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint

Project = tuple[Path, FakeEndpoint]


def of_both(here: Evergrow) -> dict[str, Any]:
    return {one["kind"]: one for one in here("status", "--json").json if one["name"] == "t"}


def test_a_batch_and_a_tree_of_one_name_are_two(
    here: Evergrow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("seeds", "add", project[0] / "plain.jsonl", "--batch", "t").code == 0

    both = of_both(here)
    assert both["batch"]["requests"] == 0 < both["tree"]["requests"]
    asked = both["tree"]["requests"]
    assert len(here("calls", "--tree", "t", "--limit", "1000", "--json").json) == asked
    assert here("calls", "--batch", "t", "--json").json == []

    with closing(Registry.of(load_settings())) as registry:
        with lease(registry, "t"):
            assert here("tree", "grow", "t").code == 0
            assert [of_both(here)[kind]["held"] is None for kind in ("batch", "tree")] == [False, True]
        with lease(registry, tree_owner("t")):
            said = here("tree", "grow", "t")
            assert (said.code, "tree t is being run by process" in said.err) == (1, True)
            assert [of_both(here)[kind]["held"] is None for kind in ("batch", "tree")] == [True, False]

    with open_workspace(load_settings(), Bars()) as workspace:
        assert "set t SETTING=VALUE --kind tree`" in closed(workspace, "tree", "t", "3, setting gates.level")
        job = workspace.definitions.resolve_implicit_global_asset_job_def()
        run = workspace.instance.create_run_for_job(
            job, tags={"dagster/partition": "t"}, asset_selection=frozenset({level_key(0)})
        )
        runs = {kind: one["runs"] for kind, one in of_both(here).items()}
        workspace.instance.delete_run(run.run_id)
    assert (len(runs["tree"]), runs["batch"]) == (1, [])

    monkeypatch.setenv("EVERGROW_BUDGET__MAX_TOKENS", str(both["tree"]["tokens"] + 1))
    assert of_both(here)["batch"]["waits"] == []
    stopped = here("tree", "grow", "t", "--rows", "12")
    assert "tree 't' stops: budget reached" in stopped.err
    assert "for tree 't'" in stopped.err
    assert of_both(here)["tree"]["waits"] != []
    assert of_both(here)["batch"]["waits"] == []


def test_a_name_alone_shows_what_is_called_so_if_it_is_one(here: Evergrow, project: Project) -> None:
    assert here("seeds", "add", project[0] / "plain.jsonl", "--batch", "t").code == 0

    assert here("status", "code", "--json").json == here("status", "--batch", "code", "--json").json
    assert "did you mean 'code'" in here("status", "cod").err
    assert "`evergrow status --batch t` or `evergrow status --tree t`" in " ".join(here("status", "t").err.split())
    assert here("status", "t", "--tree", "t").code == 2


def test_a_kind_stands_for_each_name_that_several_have(
    here: Evergrow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("seeds", "add", project[0] / "plain.jsonl", "--batch", "t").code == 0
    assert "say which with --kind batch" in here("recipe", "diff", "code", "t").err
    assert here("recipe", "diff", "code", "t", "--kind", "batch").code == 0
    assert here("recipe", "diff", "t", "code", "--kind", "tree").code == 0

    monkeypatch.setenv("EVERGROW_TREESYNTH__PIVOTS", "7")
    said = here("tree", "grow", "t").err
    assert "`evergrow recipe set t --from-settings --kind tree` takes them" in said
    said = here("run", "--batch", "code").err
    assert "`evergrow recipe set code --from-settings` takes them" in said
