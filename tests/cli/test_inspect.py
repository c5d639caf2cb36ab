"""Looking without Dagster: what there is and where it stands, rows of each stage, two batches side by side."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from evergrow.cli.console import Bars
from evergrow.cli.inspect import draw_pair
from evergrow.cli.workspace import open_workspace
from evergrow.flows.status import status, statuses
from evergrow.resources.host.event_log import EventLog
from evergrow.resources.registry.leases import lease
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow
from tests.conftest import ROOT, FakeEndpoint

Project = tuple[Path, FakeEndpoint]


def standing(here: Evergrow) -> dict[str, Any]:
    return {one["name"]: one for one in here("status", "--json").json}


def everything(project: Project) -> list[tuple[str, int, int]]:
    """All that is kept but for what looking may write: locks and SQLite's own beside files."""
    home = project[0] / "home"
    files = [path for path in sorted(home.rglob("*")) if path.is_file() and "locks" not in path.parts]
    kept = [path for path in files if not path.name.endswith(("-shm", "-wal"))]
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in kept]


def test_status_says_where_each_stands_and_which_command_does_what_is_due(here: Evergrow) -> None:
    found = standing(here)

    assert set(found) == {"code", "plain", "t"}
    assert (found["code"]["stage"], found["code"]["due"]) == ("collected", None)
    assert (found["t"]["kind"], found["t"]["stage"], found["t"]["rows"]) == ("tree", "samples", 6)
    assert found["plain"]["stage"] == "registered"
    assert found["plain"]["rows"] == 6
    assert found["plain"]["due"] == "make evolution/seeds: it was never made"
    assert found["plain"]["command"] == "evergrow run --batch plain"
    assert found["code"]["requests"] > 0 == found["plain"]["requests"]
    further = "for a dataset of it (answers, tests, cleaning): evergrow release --batch code"
    assert [found["code"]["further"], found["plain"]["further"]] == [further, None]
    assert f"nothing is due; {further}" in here("status", "code").out
    assert here("run", "--batch", "code").err.splitlines()[-1] == further


def test_the_rows_of_a_tree_are_those_of_all_its_shards(evergrow: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    tree = ("--domain", "customer_support", "--max-depth", "1", "--rows", "6", "--set", "treesynth.shards=2")
    assert evergrow("tree", "grow", "t", *tree, "--set", "treesynth.adherence_rows=0").code == 0

    one = evergrow("status", "--tree", "t", "--json").json

    shards = [table["rows"] for table in one["tables"] if table["table"] == "treesynth/samples"]
    assert (len(shards), sum(shards), one["rows"]) == (2, 6, 6)
    assert max(shards) < 6
    assert standing(evergrow)["t"]["rows"] == 6


def test_status_of_one_names_each_table_with_its_gate(here: Evergrow) -> None:
    tables = here("status", "--batch", "code", "--json").json["tables"]

    assert [one["table"] for one in tables] == [
        "evolution/seeds",
        *(f"evolution/round_01/{stage}" for stage in ("instructions", "complexity", "diversity", "accepted")),
        "evolution/collected",
    ]
    assert {one["due"] for one in tables} == {None}
    assert all(one["gate"].startswith("PASSED") for one in tables[1:])


def test_what_a_changed_recipe_makes_due_is_said_with_its_reason(here: Evergrow) -> None:
    here("recipe", "set", "code", "evolution.rounds=2", "gates.complexity.min_mean=1.5")
    judged = standing(here)["code"]
    here("recipe", "set", "code", "gates.complexity.min_mean=1.0")
    further = standing(here)["code"]
    here("recipe", "set", "code", "evolution.rounds=1")

    assert judged["due"].startswith("judge only evolution/round_01/complexity")
    assert further["due"] == "make evolution/round_02/instructions: it was never made"


def test_looking_sends_nothing_and_writes_nothing(here: Evergrow, project: Project) -> None:
    before, asked = everything(project), project[1].stats()["requests"]

    for line in ("status", "status --tree t", "show code", "show t", "funnel --batch code", "recipe show code"):
        assert here(*line.split()).code == 0

    assert everything(project) == before
    assert project[1].stats()["requests"] == asked


def test_who_works_on_a_batch_is_named(here: Evergrow) -> None:
    with open_workspace(load_settings(), Bars(), reading=True) as workspace, lease(workspace.registry, "plain"):
        found = standing(here)

    assert found["plain"]["held"].startswith("process ")
    assert found["code"]["held"] is None


def test_a_run_that_nobody_has_ended_is_listed(here: Evergrow, project: Project) -> None:
    with open_workspace(load_settings(), Bars()) as workspace:
        job = workspace.definitions.resolve_job_def("round_01")
        run = workspace.instance.create_run_for_job(job, tags={"dagster/partition": "plain"})
        found = standing(here)["plain"]["runs"]
        workspace.instance.delete_run(run.run_id)

    assert found == [f"round_01 not_started {run.run_id}"]


def test_the_event_log_says_of_all_at_once_what_dagster_says_one_by_one(here: Evergrow) -> None:
    with open_workspace(load_settings(), Bars(), reading=True) as reading:
        assert isinstance(reading.instance, EventLog)
        found = statuses(reading)
        details = [status(reading, one.kind, one.name) for one in found]
    with open_workspace(load_settings(), Bars()) as real:
        assert isinstance(real.instance, dg.DagsterInstance)
        assert statuses(real) == found
        assert [status(real, one.kind, one.name) for one in found] == details


def test_a_fault_of_one_is_its_own_reason_to_wait(here: Evergrow, project: Project) -> None:
    lake = project[0] / "home" / "lake" / "evolution" / "round_01" / "accepted" / "code"
    file = next(lake.glob("*.parquet"))
    aside = file.rename(file.with_suffix(".aside"))
    try:
        found = standing(here)
    finally:
        aside.rename(file)

    assert "is gone" in found["code"]["due"]
    assert found["t"]["due"] is None


def test_an_unknown_name_is_refused_with_those_that_there_are(here: Evergrow) -> None:
    said = here("status", "--batch", "cod")

    assert said.code == 2
    assert "did you mean 'code'" in said.err


@pytest.mark.parametrize(("asked", "kind"), [("--batch t", "tree"), ("--release t", "tree"), ("--tree code", "batch")])
def test_a_name_of_another_kind_is_told_with_the_command_that_shows_it(here: Evergrow, asked: str, kind: str) -> None:
    said = here("status", *asked.split())
    name = asked.split()[1]

    assert said.code == 2
    assert f"{name!r} is a {kind}: `evergrow status --{kind} {name}`" in said.err
    assert "unknown" not in said.err


def test_nothing_registered_is_said_with_the_way_to_begin(evergrow: Evergrow) -> None:
    assert "nothing is registered yet" in evergrow("status").err


def test_show_has_rows_of_each_stage(here: Evergrow) -> None:
    stages = here("show", "code", "--rows", 2, "--json").json
    drawn = here("show", "code", "--rows", 2).out

    assert (stages[0]["table"], stages[-1]["table"]) == ("evolution/seeds", "evolution/collected")
    assert all(len(one["rows"]) == min(2, one["kept"]) for one in stages)
    assert stages[0]["rows"][0]["content"].split()[1] in drawn
    assert "evolution/collected" in drawn


def test_show_says_of_a_batch_without_tables_what_to_ask(here: Evergrow) -> None:
    assert "nothing of 'plain' is made yet" in here("show", "plain").err


def test_diff_sets_two_batches_on_the_same_seeds_side_by_side(here: Evergrow, project: Project) -> None:
    assert here("seeds", "add", project[0] / "code.jsonl", "--batch", "other").code == 0
    assert here("run", "--batch", "other", "--set", "evolution.children=1").code == 0

    found = here("diff", "code", "other", "--json").json
    drawn = here("diff", "code", "other", "--rows", 1)

    assert found["seeds"] == {"common": 4, "only_a": 0, "only_b": 0}
    assert [(row["setting"], row["a"], row["b"]) for row in found["settings"]] == [("evolution.children", "2", "1")]
    stages = {row["stage"]: row for row in found["stages"]}
    assert (stages["round_01"]["requested_a"], stages["round_01"]["requested_b"]) == (8, 4)
    assert {row["score"] for row in found["scores"]} == {"complexity", "diversity", "value"}
    assert {row["asset"] for row in found["cost"]} >= {"evolution/round_01/instructions"}
    assert len(found["rows"]) == 4
    assert all(row["root_a"] == row["root_b"] for row in found["rows"])
    assert drawn.code == 0
    assert "1 of 4 roots are drawn" in drawn.err


def test_diff_draws_a_score_of_nothing_too(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"complexity_a": 0.0, "diversity_a": 0.0, "complexity_b": None, "diversity_b": 0.5}

    draw_pair({"root_a": "r", "seed": "its seed", "a": "one", "b": "two", **scores})

    drawn = capsys.readouterr().out
    assert "complexity 0, diversity 0" in " ".join(drawn.split())
    assert drawn.count("complexity") == 1


def test_diff_refuses_batches_without_a_common_seed(here: Evergrow) -> None:
    said = here("diff", "code", "plain")

    assert said.code == 2
    assert "no seed in common" in said.err


@pytest.mark.parametrize("arguments", [("--batch", "code", "--tree", "t"), ("--batch", "code", "--release", "main")])
def test_status_of_one_takes_one_name(here: Evergrow, arguments: tuple[str, ...]) -> None:
    assert here("status", *arguments).code == 2


def test_the_commands_of_the_page_do_what_it_says(here: Evergrow) -> None:
    page = (ROOT / "docs" / "status.md").read_text(encoding="utf-8")
    lines = [line.split("  ")[0].split()[1:] for line in page.splitlines() if line.startswith("evergrow ")]

    assert len(lines) == 5
    for line in lines:
        assert here(*line).code == 0, line


def test_a_recipe_that_a_person_has_set_holds_from_the_first_table_on(here: Evergrow) -> None:
    assert here("recipe", "set", "plain", "gates.accepted.measures.novelsum.min=0.01").code == 0

    assert here("release", "--batch", "plain", "--as-is", "--name", "trial").code == 0

    kept = here("recipe", "show", "plain", "--json").json["values"]["gates"]["accepted"]
    assert kept["measures"]["novelsum"]["min"] == 0.01
