"""Takedown: what descends from a seed, a model or a licence is listed, then gone from releases and exports for good."""

import shutil
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from evergrow.assets.names import RELEASE
from evergrow.cli.main import main
from evergrow.cli.options import workspace_of
from evergrow.flows.forget import bans_of
from evergrow.flows.release import released, take_down
from evergrow.methods.releasing.row_selection import Wanted
from evergrow.resources.host.event_log import INDEX
from evergrow.resources.lake.readable import Outdated
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.bans import bans
from evergrow.resources.registry.exports import Export, confirm_export, remember_export
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import export_owner, release_owner
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.takedowns import open_takedowns, order_takedown
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow, use
from tests.command import begun
from tests.conftest import FakeEndpoint
from tests.samples import PLAIN, instructions
from tests.world.zygote import Zygote

NAMES = ("--batch", "code", "--batch", "plain", "--tree", "t", "--as-is")


@pytest.fixture(scope="module")
def exported(project: tuple[Path, FakeEndpoint]) -> Path:
    """A folder with exports of a release of everything, of two of its batches, and one of bare instructions."""
    with pytest.MonkeyPatch.context() as patch:
        use(patch, *project)
        folder = project[0]
        for name in ("all", "bare"):  # the release takes the place of the first
            assert main(["export", "--out", str(folder / name), "--format", "parquet", "--batch", "code"]) == 0
        assert main(["release", *NAMES]) == 0
        assert main(["export", "--out", str(folder / "all"), "--format", "parquet"]) == 0
        assert main(["export", "--out", str(folder / "plain"), "--batch", "plain"]) == 0
        assert main(["export", "--out", str(folder / "t"), "--format", "sharegpt", "--batch", "t"]) == 0
    return folder


def rows(folder: Path) -> pl.DataFrame:
    """The `batch, id` and roots that the files of an export hold."""
    tables = [pl.read_parquet(path, glob=False) for path in folder.glob("*.parquet")]
    tables += [pl.read_ndjson(path, infer_schema_length=None) for path in folder.glob("*.jsonl")]
    return pl.concat(table.select("batch", "id", "root_id") for table in tables)


def test_descendants_and_exports_are_listed_and_nothing_changes(here: Evergrow, exported: Path) -> None:
    before = {path: path.read_bytes() for name in ("all", "plain", "t") for path in (exported / name).iterdir()}

    found = here("forget", "--seed", "s1", "--json")
    shown = here("forget", "--seed", "s1")

    assert found.code == shown.code == 0
    assert {(row["id"], row["stage"]) for row in found.json} == {
        ("s1", "seeds"), ("s1_0", "release main"), ("s1_1", "release main")
    }  # fmt: skip
    assert {(row["batch"], row["why"]) for row in found.json} == {("code", "forgotten: seed 's1'")}
    assert "all holds 2 of them" in shown.err.replace("\n", "")
    assert "bare holds 2 of them" in shown.err.replace("\n", "")
    assert "Nothing is changed yet" in shown.err
    assert {path: path.read_bytes() for path in before} == before
    with closing(Registry.of(load_settings())) as registry:
        assert bans(registry) == []


def test_a_seed_may_be_named_as_its_file_does_or_as_tables_do() -> None:
    assert [ban.value for ban in bans_of(["a_b", "a%5Fb", "s1", "50%"], [], [])] == ["a%5Fb", "a%5Fb", "s1", "50%25"]


@pytest.mark.parametrize(
    ("kind", "remedy"), [("seed", "evergrow show BATCH"), ("model", "evergrow cost"), ("licence", "evergrow show")]
)
def test_what_nobody_knows_is_refused_and_not_remembered(
    here: Evergrow, exported: Path, kind: str, remedy: str
) -> None:
    said = here("forget", f"--{kind}", "nobody", "--seed", "s1", "--yes")

    assert said.code == 2
    assert f"nothing here descends from {kind} 'nobody': `{remedy}" in said.err
    assert "nothing was changed" in said.err
    with closing(Registry.of(load_settings())) as registry:
        assert bans(registry) == []
    assert here("forget", "--seed", "").code == 2


def test_seeds_and_rejected_rows_are_known_and_bans_are_told_before_anything_is_paid(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, seed_file: Path, tmp_path: Path
) -> None:
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0
    assert [(row["id"], row["stage"]) for row in evergrow("forget", "--seed", "s2", "--json").json] == [("s2", "seeds")]

    stopped, rejecting = ("gates.complexity.min_mean=9.9", "gates.complexity.min_mean=1"), "evolution.min_complexity=10"
    for changes in (("--set", stopped[0]), ("--set", stopped[1], "--set", rejecting)):
        evergrow("run", "--batch", "b", "--rounds", "1", *changes)
        found = evergrow("forget", "--seed", "s2", "--json").json
        assert {row["id"] for row in found} == {"s2", "s2_0", "s2_1"}
    assert "round_01, rejected" in {row["stage"] for row in found}

    assert "banned" not in evergrow("plan", "--batch", "b").err
    assert evergrow("forget", "--seed", "s2", "--yes").code == 0
    for asked in (("seeds", "add", seed_file, "--batch", "c"), ("plan", "--batch", "c")):
        assert "1 seed is banned (forgotten: seed 's2': 1)" in evergrow(*asked).err.replace("\n", " ")
    others = tmp_path / "others.jsonl"
    kept = [line for line in seed_file.read_text().splitlines() if '"s2"' not in line]
    others.write_text("\n".join(kept))
    replaced = evergrow("seeds", "add", others, "--batch", "b", "--replace")  # whose seeds were loaded
    assert (replaced.code, "banned" in replaced.err) == (0, False)
    assert "1 seed is banned" in evergrow("seeds", "add", seed_file, "--batch", "b", "--replace").err


def test_samples_of_a_tree_that_is_no_batch_are_found_by_their_leaf(here: Evergrow, exported: Path) -> None:
    leaf = here("tree", "show", "t", "--json").json
    name = next(row["leaf_id"] for row in leaf if row.get("rows"))

    assert here("forget", "--seed", name, "--json").json


def test_a_forgotten_seed_is_gone_from_the_release_and_its_exports_and_stays_out(
    here: Evergrow, exported: Path
) -> None:
    untouched = {path: path.read_bytes() for path in (exported / "t").iterdir()}
    held = rows(exported / "all").height

    said = here("forget", "--seed", "s1", "--seed", "q0", "--yes")

    assert said.code == 0, said.err
    assert "remembered: seed 'q0', seed 's1'" in said.err
    for name in ("all", "plain", "bare"):
        assert not {"s1", "q0"} & set(rows(exported / name)["root_id"])
        assert here("verify", exported / name, *(["--lake"] if name != "bare" else [])).code == 0
    assert set(rows(exported / "bare")["root_id"]) == {"s0", "s2", "s3"}
    assert rows(exported / "all").height == held - 3
    assert set(rows(exported / "plain")["batch"]) == {"plain"}
    assert {path: path.read_bytes() for path in untouched} == untouched

    assert here("release", *NAMES).code == 0
    assert here("export", "--out", "later", "--format", "parquet").code == 0
    assert rows(Path("later")).height == held - 3
    released = here("release", *NAMES, "--json").json
    assert sum(row["rejected"] for row in released if row["stage"] == "release") >= 3


def test_the_configuration_of_a_trainer_stays_beside_an_export_that_is_written_again(
    here: Evergrow, exported: Path
) -> None:
    said = here("export", "--out", exported / "trained", "--recipe", "trl")
    assert said.code == 0, said.err
    before = (exported / "trained/trl.yaml").read_bytes()

    said = here("forget", "--seed", "s1", "--yes")

    assert said.code == 0, said.err
    assert "s1" not in set(rows(exported / "trained")["root_id"])
    assert (exported / "trained/trl.yaml").read_bytes() == before
    assert here("verify", exported / "trained").code == 0


def test_a_release_of_an_exact_size_shrinks_rather_than_hold_what_was_forgotten(here: Evergrow, exported: Path) -> None:
    there = rows(exported / "all").height
    assert here("release", *NAMES, "--rows", there).code == 0

    said = here("forget", "--seed", "q1", "--yes")

    assert said.code == 0, said.err
    assert f"made again without what is banned, of {there - 1} rows" in said.err
    assert "q1" not in set(rows(exported / "all")["root_id"])
    assert f"of {there} rows are there" in here("release", *NAMES, "--rows", there).err
    assert here("release", *NAMES).code == 0


def test_an_export_of_an_earlier_release_is_never_filled_from_another_and_stays_owed(
    here: Evergrow, exported: Path
) -> None:
    assert here("release", "--tree", "t").code == 0
    before = {path: path.read_bytes() for path in (exported / "plain").iterdir()}

    said = here("forget", "--seed", "q2", "--yes")

    assert said.code == 1
    assert "plain holds 1 of them, and what it was written from has changed since: delete it" in said.err.replace(
        "\n", " "
    )
    assert {path: path.read_bytes() for path in before} == before
    with closing(Registry.of(load_settings())) as registry:
        assert [str(one) for one in open_takedowns(registry)] == ["the takedown of seed 'q2'"]
    assert here("release", *NAMES).code == 0  # which it can be written from again
    with closing(Registry.of(load_settings())) as registry:
        assert open_takedowns(registry) == []
    assert "q2" not in set(rows(exported / "plain")["root_id"])


KILLED = """
import os, signal, sys
from evergrow.cli.options import workspace_of
from evergrow.flows.forget import bans_of, forget
with workspace_of() as workspace:
    for step, said in enumerate(forget(workspace, bans_of([sys.argv[1]], [], []))):
        print(said, flush=True)
        if step == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("seed", "step", "last", "finish"),
    [
        ("s2", 0, "remembered", ("export", "--out", "after", "--format", "parquet")),
        ("s3", 1, "release 'main' is made again", ("release", *NAMES)),
        ("q3", 3, "is written again without", ("forget", "--seed", "q3", "--yes")),
    ],
)
def test_a_takedown_that_is_killed_lets_no_export_through_and_is_finished_by_whoever_comes_next(
    here: Evergrow, exported: Path, zygote: Zygote, seed: str, step: int, last: str, finish: tuple[str, ...]
) -> None:
    assert seed in set(rows(exported / "all")["root_id"])
    killed = begun(zygote, KILLED, seed, str(step), folder=Path.cwd())
    assert killed.wait() == -signal.SIGKILL, killed.said
    assert last in killed.said.splitlines()[-1]

    assert f"not finished yet: the takedown of seed '{seed}'" in here("forget", "--seed", seed).err.replace("\n", " ")
    assert here("export", "--out", "between", "--format", "parquet").code == 0  # it finishes the takedown first
    assert seed not in set(rows(Path("between"))["root_id"])
    assert here(*finish).code == 0

    for name in ("all", "plain"):
        assert seed not in set(rows(exported / name)["root_id"])
        assert here("verify", exported / name, "--lake").code == 0
    with closing(Registry.of(load_settings())) as registry:
        assert open_takedowns(registry) == []


def test_a_takedown_that_is_killed_before_its_release_is_judged_is_finished_by_the_same_command(
    here: Evergrow, exported: Path
) -> None:
    with workspace_of() as workspace:
        order_takedown(workspace.registry, bans_of(["s1"], [], []))
        take_down(workspace, "main")
        with closing(sqlite3.connect(workspace.home.dagster / INDEX)) as events, events:
            events.execute(
                "DELETE FROM asset_check_executions WHERE id = (SELECT max(id) FROM asset_check_executions "
                "WHERE asset_key = ?)",
                [RELEASE.to_string()],
            )

    said = here("forget", "--seed", "s1", "--yes")

    assert said.code == 0, said.err
    assert "s1" not in set(rows(exported / "all")["root_id"])
    with closing(Registry.of(load_settings())) as registry:
        assert open_takedowns(registry) == []


def test_no_release_with_what_was_forgotten_is_read_before_it_is_made_again(
    here: Evergrow, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_PAIRS__MIN_AGREEMENT_GAP", "0.0")
    for form in ("preference", "kto"):  # whose rows are pairs of answers, by ids of their own
        assert here("export", "--out", exported / form, "--format", form).code == 0
        assert "q4" in set(rows(exported / form)["root_id"])
    with workspace_of() as workspace:
        order_takedown(workspace.registry, bans_of(["q4"], [], []))
        with pytest.raises(Outdated, match="what is banned changed"):
            released(workspace)
    with closing(Registry.of(load_settings())) as registry:
        assert [str(one) for one in open_takedowns(registry)] == ["the takedown of seed 'q4'"]

    said = here("release", *NAMES)

    assert said.code == 0, said.err
    for name in ("all", "preference", "kto"):
        assert "q4" not in set(rows(exported / name)["root_id"]), name
    with closing(Registry.of(load_settings())) as registry:
        assert open_takedowns(registry) == []
    for form in ("preference", "kto"):  # of which nothing would be left later
        shutil.rmtree(exported / form)
        assert here("forget", "--gone", exported / form, "--yes").code in (0, 2)


def test_an_export_that_has_begun_before_is_taken_up_when_it_is_written(here: Evergrow, exported: Path) -> None:
    with closing(Registry.of(load_settings())) as registry:
        with lease(registry, export_owner(exported / "all")):
            said = here("forget", "--seed", "q5", "--yes")
            assert said.code == 1
            assert f"{exported / 'all'} is being written" in said.err.replace("\n", "")
            assert "q5" in set(rows(exported / "all")["root_id"])
            assert open_takedowns(registry)
            # Of the other one nothing would be left: its files are for a person to delete.
            assert "plain holds 1 of them, and nothing else: delete it" in said.err.replace("\n", " ")
            assert "q5" in set(rows(exported / "plain")["root_id"])
            shutil.rmtree(exported / "plain")
            assert here("forget", "--gone", exported / "plain", "--yes").code == 0
            assert open_takedowns(registry)

        assert here("export", "--out", "x", "--format", "parquet").code == 0

        assert "q5" not in set(rows(exported / "all")["root_id"])
        assert open_takedowns(registry) == []


def test_an_export_that_cannot_be_written_or_found_stops_no_other_and_stays_owed(
    here: Evergrow, exported: Path
) -> None:
    for name in ("lost", "deleted", "sound"):
        assert here("export", "--out", name, "--format", "parquet").code == 0
    leaf = rows(Path("sound")).filter(pl.col("batch") == "t")["root_id"][0]
    shutil.copytree("sound", "odd[1]")  # what loads it takes this name for a pattern
    with closing(Registry.of(load_settings())) as registry:
        remember_export(registry, Export(Path("odd[1]"), "parquet", Wanted()), Path("odd[1]"))
        confirm_export(registry, Path("odd[1]"))
    shutil.copytree("sound", ".sound.0123abcd.part")  # as a kill leaves it
    Path("sound").rename(".sound.4567cdef.old")  # and another one, between two renames
    Path("lost").rename("elsewhere")
    shutil.rmtree("deleted")
    (exported / "all" / "notes.txt").write_text("mine")

    said = here("forget", "--seed", leaf, "--yes")

    words = said.err.replace("\n", " ")
    assert said.code == 1
    assert "all is not written again" in words
    assert "notes.txt" in words
    assert "move that elsewhere" in words
    assert "--out" not in words
    assert "lost is not to be found" in words
    assert "odd[1] holds 1 of them, and without them it does not load: " in words
    assert "; or delete it with all its copies" in words
    assert leaf in set(rows(Path("odd[1]"))["root_id"])
    assert here("verify", "odd[1]").code == 0
    shutil.rmtree("odd[1]")
    assert here("forget", "--gone", "odd[1]", "--yes").code == 1  # the others are owed
    assert leaf in set(rows(exported / "all")["root_id"])
    assert leaf not in set(rows(Path("sound"))["root_id"])
    assert not list(Path().glob(".sound.*"))

    (exported / "all" / "notes.txt").unlink()
    again = here("export", "--out", "x", "--format", "parquet")
    assert again.code == 0
    assert "a takedown is not finished" in again.err
    assert leaf not in set(rows(exported / "all")["root_id"])

    Path("elsewhere").rename("lost")
    assert here("forget", "--gone", "lost", "--yes").code == 2  # it is there
    assert here("forget", "--gone", "deleted", "--yes").code == 0
    assert leaf not in set(rows(Path("lost"))["root_id"])
    with closing(Registry.of(load_settings())) as registry:
        assert open_takedowns(registry) == []


def test_a_release_goes_without_what_was_forgotten_whatever_happened_to_what_it_was_made_of(
    here: Evergrow, exported: Path
) -> None:
    assert here("release", *NAMES).code == 0
    size = rows(exported / "all").height - 2
    assert here("release", *NAMES, "--rows", size).code == 0
    assert here("export", "--out", "exact", "--format", "parquet").code == 0
    before = rows(Path("exact"))
    assert here("release", "--batch", "t", "--name", "other").code == 0
    assert here("export", "--out", "other", "--format", "parquet", "--name", "other").code == 0
    leaf = next(iter({*rows(Path("other"))["root_id"]} & {*before["root_id"]}))
    assert here("recipe", "set", "code", "cleaning.min_instruction_chars=19").code == 0

    said = here("forget", "--seed", leaf, "--yes")

    words = said.err.replace("\n", " ")
    for name, left in (("main", size - 1), ("other", rows(Path("other")).height)):
        assert f"release {name!r} is made again without what is banned, of {left} rows" in words
    for name in ("other", "exact"):
        assert leaf not in set(rows(Path(name))["root_id"])
    assert rows(Path("exact")).rows() == before.filter(pl.col("root_id") != leaf).rows()  # and nothing else has changed
    assert here("verify", "exact", "--lake").code == 0
    assert "cleaning.min_instruction_chars" in here("status", "code").out.replace("\n", "")
    assert here("recipe", "set", "code", "cleaning.min_instruction_chars=20").code == 0
    again = here("release", *NAMES, "--rows", size)
    assert "taken down, of which others may take the place" in again.err.replace("\n", " ")
    assert again.code == 0, again.err
    assert here("export", "--out", "after", "--format", "parquet").code == 0
    assert rows(Path("after")).height == size
    assert here("release", *NAMES).code == 0


def licensed(here: Evergrow, batch: str, texts: Sequence[str], *licences: str | None) -> None:
    """Register instructions u0, u1, ... (v0, ... of any batch but `own`) in the place of those that it had."""
    table = instructions(texts, prefix="u" if batch == "own" else "v").frame.select(id="seed_id", content="content")
    if any(licences):
        table = table.with_columns(license=pl.Series(licences))
    table.write_ndjson(f"{batch}.jsonl")
    assert here("seeds", "add", f"{batch}.jsonl", "--batch", batch, "--replace").code == 0


def released_as(here: Evergrow, batch: str, name: str) -> set[str]:
    """Release a batch by this name, and export it into a folder of the name; returns the ids."""
    for command in (
        ("release", "--batch", batch, "--name", name, "--as-is"),
        ("export", "--out", name, "--name", name),
    ):
        said = here(*command)
        assert said.code == 0, said.err
    return set(rows(Path(name))["id"])


def test_rows_are_taken_down_by_what_they_stem_from_and_not_by_what_their_seeds_are_today(
    here: Evergrow, exported: Path
) -> None:
    licensed(here, "own", PLAIN[5:8], "Old", "New", "New")
    assert released_as(here, "own", "own") == {"u0", "u1", "u2"}
    licensed(here, "own", PLAIN[5:8], "New", "New", "New")
    assert released_as(here, "own", "renewed") == {"u0", "u1", "u2"}

    said = here("forget", "--licence", "old", "--yes")

    assert said.code == 0, said.err
    assert set(rows(Path("own"))["id"]) == {"u1", "u2"}
    assert here("verify", "own", "--lake").code == 0
    assert "release 'renewed' holds nothing that is banned" in said.err.replace("\n", " ")
    assert set(rows(Path("renewed"))["id"]) == {"u0", "u1", "u2"}
    assert "written again" not in here("forget", "--licence", "old", "--yes").err


def test_a_licence_that_became_known_later_takes_what_was_released_without_one(here: Evergrow, exported: Path) -> None:
    texts = [
        "Name three trees that lose their leaves.",
        "Describe the smell of rain on dust.",
        "Plan a picnic for six.",
    ]
    licensed(here, "late", texts, None)
    assert released_as(here, "late", "late") == {"v0", "v1", "v2"}
    licensed(here, "late", texts, "Late", "Free", "Free")
    assert here("release", "--batch", "late", "--name", "known", "--as-is").code == 0

    with workspace_of(reading=True) as workspace:
        damaged = next((workspace.home.lake / "dataset" / "verified" / "own").glob("*.parquet"))  # of another batch
    whole = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(b"not what it was")

    said = here("forget", "--licence", "late", "--yes")

    assert "what descends from it cannot be listed whole" in said.err.replace("\n", " ")
    assert set(rows(Path("late"))["id"]) == {"v1", "v2"}
    damaged.write_bytes(whole)
    said = here("forget", "--yes")
    assert said.code == 0, said.err
    assert set(rows(Path("late"))["id"]) == {"v1", "v2"}
    assert here("export", "--out", "late again", "--name", "late").code == 0
    assert set(rows(Path("late again"))["id"]) == {"v1", "v2"}


def test_a_release_that_is_being_made_stops_no_other(here: Evergrow, exported: Path) -> None:
    with closing(Registry.of(load_settings())) as registry:
        with lease(registry, release_owner("known")):
            said = here("forget", "--licence", "Free", "--yes")
            assert said.code == 1
            assert "release of 'late' failed" in said.err  # of which nothing is left: it is closed
            assert "release known is being run by process" in said.err
            assert "release 'own' holds nothing that is banned" in said.err.replace("\n", " ")
            assert open_takedowns(registry)
        assert here("forget", "--licence", "Free", "--lift", "--yes").code == 0
        assert open_takedowns(registry) == []


def test_a_release_that_holds_nothing_of_it_stays_as_it_is_whatever_happened_to_what_it_was_made_of(
    here: Evergrow, exported: Path
) -> None:
    assert here("release", "--batch", "t", "--name", "leaves").code == 0
    assert here("export", "--out", "leaves", "--name", "leaves").code == 0
    with workspace_of(reading=True) as workspace:
        made = latest_materialization(workspace.instance, RELEASE, "leaves")
    assert here("recipe", "set", "t", "--kind", "batch", "cleaning.min_instruction_chars=19").code == 0

    listed = here("forget", "--seed", "u1").err.replace("\n", " ")
    said = here("forget", "--seed", "u1", "--yes")

    assert "the release 'own' holds 1 of them" in listed
    assert "the release 'leaves'" not in listed
    assert said.code == 0, said.err
    assert "release 'leaves' holds nothing that is banned and stays as it is" in said.err.replace("\n", " ")
    with workspace_of(reading=True) as workspace:
        now = latest_materialization(workspace.instance, RELEASE, "leaves")
    assert made is not None
    assert now is not None
    assert now.storage_id == made.storage_id
    assert here("verify", "leaves", "--lake").code == 0  # it is read as before
    leaf = rows(Path("leaves"))["root_id"][0]
    assert here("forget", "--seed", leaf, "--yes").code == 0  # which it holds
    assert leaf not in set(rows(Path("leaves"))["root_id"])


def test_bans_are_listed_and_lifted_and_what_they_took_comes_back_when_it_is_asked_for(
    here: Evergrow, exported: Path
) -> None:
    assert {"kind": "seed", "value": "u1"} in here("forget", "--json").json
    with workspace_of(reading=True) as workspace:
        versions = {
            name: latest_materialization(workspace.instance, RELEASE, name) for name in ("main", "leaves", "own")
        }
    assert "--yes lifts the ban of seed 'u1'" in here("forget", "--seed", "u1", "--lift").err
    assert {"kind": "seed", "value": "u1"} in here("forget", "--json").json

    said = here("forget", "--seed", "u1", "--lift", "--yes")

    assert said.code == 0, said.err
    words = said.err.replace("\n", " ")
    assert "what was lifted it has again by `evergrow release --batch own --as-is --name own`" in words
    assert {"kind": "seed", "value": "u1"} not in here("forget", "--json").json
    again = here("forget", "--seed", "u1", "--lift", "--yes")
    assert (again.code, "seed 'u1' is not banned" in again.err) == (0, True)
    assert here("forget", "--seed", "nosuch", "--lift", "--yes").code == 2
    with workspace_of(reading=True) as workspace:
        for name, before in versions.items():  # not even judged again
            now = latest_materialization(workspace.instance, RELEASE, name)
            assert (now and now.storage_id) == (before and before.storage_id), name
    assert here("export", "--out", "still", "--name", "own").code == 0  # a snapshot, until somebody asks
    assert set(rows(Path("still"))["id"]) == {"u2"}
    again = here("release", "--batch", "own", "--as-is", "--name", "own")
    assert again.code == 0, again.err
    assert here("export", "--out", "back", "--name", "own").code == 0
    assert {"u1", "u2"} <= set(rows(Path("back"))["id"])


def test_forgetting_nothing_says_so_and_finishes_what_is_not_finished(here: Evergrow, exported: Path) -> None:
    with closing(Registry.of(load_settings())) as registry:
        order_takedown(registry, bans_of(["u0"], [], []))
    assert "not finished yet: the takedown of seed 'u0'" in here("forget").err.replace("\n", " ")

    said = here("forget", "--yes")

    assert "release 'own' is made again without what is banned" in said.err.replace("\n", " ")
    assert said.code == 0, said.err
    with workspace_of(reading=True) as workspace:
        assert set(released(workspace, "own")["id"]) == {"u1", "u2"}
    assert "not finished" not in here("forget").err


def test_a_licence_takes_everything_that_its_seeds_became(here: Evergrow, exported: Path) -> None:
    said = here("forget", "--licence", "mit", "--yes")

    assert said.code == 1
    assert "bare holds 2 of them, and nothing else: delete it" in said.err.replace("\n", " ")
    assert set(rows(exported / "all")["batch"]) == {"t"}
    with closing(Registry.of(load_settings())) as registry:
        assert open_takedowns(registry)
        shutil.rmtree(exported / "bare")
        assert here("forget", "--gone", exported / "bare", "--yes").code == 0
        assert open_takedowns(registry) == []


def test_a_model_that_wrote_everything_leaves_no_release(here: Evergrow, exported: Path) -> None:
    model = here("table", "dataset/release", "--json").json[0]["responder_model"]

    said = here("forget", "--model", model, "--yes")

    assert said.code == 1
    assert "enough rows are released" in said.err
    assert "and nothing else: delete it with all its copies" in said.err.replace("\n", " ")
    planned = here("plan", "--release", "--batch", "code").err.replace("\n", " ")
    assert "(roles.responder) is banned: what it writes is paid for" in planned
    assert here("export", "--out", "x").code == 1
    assert not Path("x").exists()
