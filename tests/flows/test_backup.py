"""A backup that is made while runs go on comes back byte by byte, and what was paid for by then is not paid again."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from evergrow.cli.main import main
from evergrow.cli.workspace import open_workspace
from evergrow.flows.backup import HOME, Copied, Part, copy_database, copy_events, copy_lake, named_files
from evergrow.flows.runs import UNFINISHED
from evergrow.flows.workspace import Workspace
from evergrow.resources.backup.archive import BackupError, BackupStore
from evergrow.resources.backup.postgres import Tables
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Ledger
from evergrow.resources.registry.batches import stage
from evergrow.resources.registry.exports import exports
from evergrow.resources.settings import load_settings
from tests.command import started
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, functions
from tests.resources.conftest import postgres_url
from tests.test_two_homes import databases, home_on
from tests.world.zygote import Zygote

assert postgres_url  # fixtures
assert databases

SETTINGS = {**LENIENT, "evolution": {"rounds": 1, "children": 2, "margin": -10}}
BATCHES = ("b", "c")
RUN = "11111111-1111-4111-8111-111111111111"
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, FakeEndpoint]]:
    """A home with a batch `b` that is collected, and a batch `c` that is registered."""
    folder, endpoint = tmp_path_factory.mktemp("project"), FakeEndpoint()
    (folder / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    with pytest.MonkeyPatch.context() as patch:
        use(patch, folder, folder / "home", endpoint)
        for number, name in enumerate(BATCHES):
            seeds = functions(4).frame.slice(2 * number, 2)
            seeds.select("content").write_ndjson(folder / f"{name}.jsonl")
            assert main(["seeds", "add", str(folder / f"{name}.jsonl"), "--batch", name]) == 0
        assert main(["run", "--batch", "b"]) == 0
        (folder / "home" / "inbox" / "later.jsonl").write_text('{"content": "x"}\n')
    yield folder, endpoint
    endpoint.kill()


def use(patch: pytest.MonkeyPatch, folder: Path, home: Path, endpoint: FakeEndpoint) -> None:
    patch.setenv("EVERGROW_HOME", str(home))
    patch.setenv("EVERGROW_CONFIG", str(folder / "evergrow.yaml"))
    patch.setenv("OPENAI_BASE_URL", endpoint.url)
    patch.setenv("OPENAI_API_KEY", "sk-test-0123456789")


@pytest.fixture
def evergrow(
    done: tuple[Path, FakeEndpoint],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    _own_environment: None,
) -> Said:
    """The command on a copy of that home, in an empty working directory."""
    shutil.copytree(done[0] / "home", tmp_path / "home")
    use(monkeypatch, done[0], tmp_path / "home", done[1])
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        return main([str(argument) for argument in arguments]), *capsys.readouterr()

    return run


def contents(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Every file below a folder."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith(but) and not name.endswith(".lock")}


def test_a_backup_comes_back_byte_by_byte_and_its_runs_ask_for_nothing(
    evergrow: Said, done: tuple[Path, FakeEndpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evergrow("export", "--batch", "b", "--format", "parquet", "--out", tmp_path / "home/exports/b")[0] == 0
    code, out, _ = evergrow("backup", "kept", "--json")
    assert code == 0
    assert {row["what"] for row in json.loads(out)} == {"databases and home", "lake"}
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "second"))

    code, out, err = evergrow("restore", "kept", "--json")

    assert code == 0, err
    for part in ("lake", "inbox", "exports"):
        assert contents(tmp_path / "second" / part) == contents(tmp_path / "home" / part) != {}
    assert calls(tmp_path / "second") == calls(tmp_path / "home") != []
    asked = done[1].stats()["requests"]
    assert evergrow("run", "--batch", "b")[0] == 0
    assert evergrow("scrub", "--look")[0] == 0
    assert done[1].stats()["requests"] == asked
    with open_workspace(load_settings(), LogProgress(dg.get_dagster_logger())) as workspace:
        assert [one.folder for one in exports(workspace.registry)] == [tmp_path / "second" / "exports" / "b"]
    assert evergrow("run", "--batch", "c")[0] == 0
    assert done[1].stats()["requests"] > asked


def calls(home: Path) -> list[tuple[object, ...]]:
    engine = sa.create_engine(f"sqlite:///{home / 'ledger.sqlite'}")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM calls ORDER BY call_id")).all()
    engine.dispose()
    return [tuple(row) for row in rows]


def test_a_second_backup_adds_what_is_new_and_an_earlier_one_can_still_be_restored(
    evergrow: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evergrow("backup", "kept")[0] == 0
    before = contents(tmp_path / "kept")
    (tmp_path / "home" / "inbox" / "more.jsonl").write_text('{"content": "y"}\n')
    assert evergrow("backup", "kept")[0] == 0

    new = {name: data for name, data in contents(tmp_path / "kept").items() if name not in before}
    assert b'{"content": "y"}\n' in new.values()
    assert not set(contents(tmp_path / "home" / "lake").values()) & set(new.values())
    first, second = BackupStore(tmp_path / "kept").names()
    for name, there in ((first, False), (second, True)):
        monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / name))
        assert evergrow("restore", "kept", "--at", name)[0] == 0
        assert (tmp_path / name / "inbox" / "more.jsonl").exists() is there


def test_a_content_that_was_damaged_is_never_restored_and_is_replaced_by_a_checked_backup(
    evergrow: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evergrow("backup", "kept")[0] == 0
    store = BackupStore(tmp_path / "kept")
    lake = next(iter(store.read().lake.values()))
    place = tmp_path / "kept" / "contents" / lake.sha256[:2] / lake.sha256
    data = place.read_bytes()
    place.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "second"))
    code, _, err = evergrow("restore", "kept")
    assert code == 1
    assert f"{place.relative_to(tmp_path)} was changed or cut" in err
    assert not any(path.is_file() for path in (tmp_path / "second").rglob("*"))
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "home"))
    assert evergrow("backup", "kept", "--check")[0] == 0
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "second"))
    assert evergrow("restore", "kept")[0] == 0


def test_a_damaged_table_is_left_out_and_named(evergrow: Said, tmp_path: Path) -> None:
    (file,) = (tmp_path / "home" / "lake" / "evolution" / "collected" / "b").glob("*.parquet")
    file.write_bytes(b"not it")

    code, _, err = evergrow("backup", "kept")

    assert code == 1
    assert f"evolution/collected/b/{file.name} was changed or cut" in err
    assert "evergrow scrub" in err
    assert BackupStore(tmp_path / "kept").names()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("home", "is not empty, it holds"),
        ("lake", "the lake .* is not empty, it holds mine/a.txt: name an empty place with lake_url"),
        ("ledger", "the ledger .* exists: name another place with ledger_url"),
        ("kind", "holds a ledger of sqlite, and ledger_url names postgresql: set ledger_url to an empty database"),
        ("none", "holds no backup: `evergrow backup .*` makes one"),
        ("name", "holds no backup 'yesterday'; there are: 2"),
    ],
)
def test_a_place_that_is_not_empty_and_a_backup_that_is_none_are_refused_in_one_sentence(
    evergrow: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, words: str
) -> None:
    assert evergrow("backup", "kept")[0] == 0
    other = tmp_path / "other"
    (other / "mine").mkdir(parents=True)
    (other / "mine" / "a.txt").write_text("mine")
    if place != "home":
        monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "second"))
    for name, variable in (
        ("lake", str(other)),
        ("ledger", f"sqlite:///{other}/mine/a.txt"),
        ("kind", "postgresql+psycopg://x/y"),
    ):
        if name == place:
            monkeypatch.setenv(f"EVERGROW_{'LAKE' if name == 'lake' else 'LEDGER'}_URL", variable)
    before = contents(tmp_path)

    code, out, err = evergrow(
        "restore", other if place == "none" else "kept", *(["--at", "yesterday"] * (place == "name"))
    )

    assert (code, out, err.count("\n")) == (2 if place in ("none", "name") else 1, "", 1)
    assert re.search(words, err)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("order", "whole"),
    [((copy_events, copy_database, copy_lake), True), ((copy_lake, copy_database, copy_events), False)],
)
def test_what_names_is_copied_before_what_is_named(
    evergrow: Said, tmp_path: Path, order: tuple[Part, ...], whole: bool
) -> None:
    """A batch is made between any two parts; in the other order its tables would stand in the log without files."""
    store = BackupStore(tmp_path / "kept")
    store.begin()
    copied = Copied()
    for part in order:
        with open_workspace(load_settings(), LogProgress(dg.get_dagster_logger())) as workspace:
            part(workspace, store, copied)
        assert evergrow("run", "--batch", "c")[0] == 0

    for name, entry in copied.files.items():
        if name.startswith(f"{HOME}/dagster/"):
            store.give_file(entry, tmp_path / name.replace(HOME, "copy", 1))
    with dg.DagsterInstance.from_config(str(tmp_path / "copy" / "dagster")) as instance:
        named = set(named_files(instance, instance.get_asset_keys()))
    assert named
    assert (named <= set(copied.lake)) is whole


def test_a_run_that_was_under_way_goes_on_from_its_backup(
    fake_endpoint: FakeEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    zygote: Zygote,
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump({**SETTINGS, "endpoints": {"default": {"concurrency": 4}}}))
    use(monkeypatch, tmp_path, tmp_path / "home", fake_endpoint)
    fake_endpoint.control(latency=0.4)
    with open_workspace(load_settings(), LogProgress(dg.get_dagster_logger())) as workspace:
        stage(workspace.registry, "b", functions(6))
        with started("run", "--batch", "b", folder=tmp_path / "cwd", zygote=zygote) as command:
            for number, wanted in enumerate((3, 8)):
                command.until(partial(has_saved, workspace, wanted))
                assert main(["backup", str(tmp_path / "kept")]) == 0
                assert len(BackupStore(tmp_path / "kept").names()) == number + 1
            command.process.kill()
            command.wait()
    shutil.move(tmp_path / "home", tmp_path / "lost")
    fake_endpoint.control(latency=0.0)

    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "second"))
    capsys.readouterr()
    assert main(["restore", str(tmp_path / "kept")]) == 0
    assert "1 run that was under way is ended" in capsys.readouterr().err
    lost = contents(tmp_path / "lost" / "lake")
    assert all(lost.get(name) == data for name, data in contents(tmp_path / "second" / "lake").items())
    kept = calls(tmp_path / "second")
    assert 8 <= len(kept) <= len(calls(tmp_path / "lost"))
    assert set(kept) <= set(calls(tmp_path / "lost"))
    assert main(["scrub", "--look"]) == 0
    asked = fake_endpoint.stats()["requests"]
    assert main(["run", "--batch", "b"]) == 0
    assert fake_endpoint.stats()["requests"] - asked == len(calls(tmp_path / "second")) - len(kept) > 0


def has_saved(workspace: Workspace, wanted: int) -> bool:
    with closing(Ledger.of(workspace.settings)) as ledger:
        return ledger.costs.spent("b").calls >= wanted


def test_two_databases_on_postgresql_come_back_and_go_on(
    databases: dict[str, str],
    postgres_url: str,
    fake_endpoint: FakeEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))

    def at(name: str) -> None:
        use(monkeypatch, tmp_path, home_on(databases, tmp_path / name), fake_endpoint)
        monkeypatch.setenv("EVERGROW_LEDGER_URL", databases["two_homes"])

    at("first")
    functions(3).frame.select("content").write_ndjson(tmp_path / "b.jsonl")
    assert main(["seeds", "add", str(tmp_path / "b.jsonl"), "--batch", "b"]) == 0
    assert main(["run", "--batch", "b"]) == 0
    assert main(["backup", str(tmp_path / "kept")]) == 0
    at("second")
    capsys.readouterr()
    assert main(["restore", str(tmp_path / "kept")]) == 1
    assert "is not empty, it holds the table" in capsys.readouterr().err
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in databases:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()

    assert main(["restore", str(tmp_path / "kept")]) == 0, capsys.readouterr().err
    asked = fake_endpoint.stats()["requests"]
    assert main(["run", "--batch", "b"]) == 0
    assert fake_endpoint.stats()["requests"] == asked
    assert main(["scrub", "--look"]) == 0
    assert main(["run", "--batch", "b", "--rounds", "2"]) == 0
    assert fake_endpoint.stats()["requests"] > asked
    assert fake_endpoint.stats()["repeated"] == 0
    with dg.DagsterInstance.from_config(str(tmp_path / "second" / "dagster")) as opened:
        assert opened.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []


def test_a_restore_never_touches_the_event_log_of_the_home_that_was_backed_up(
    databases: dict[str, str],
    fake_endpoint: FakeEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    url = databases["two_homes_dagster"]
    configuration = yaml.safe_dump({"storage": {"postgres": {"postgres_url": url.replace("+psycopg:", "+psycopg2:")}}})
    configured = tmp_path / "first" / "dagster" / "dagster.yaml"
    configured.parent.mkdir(parents=True)
    configured.write_text(configuration)
    use(monkeypatch, tmp_path, tmp_path / "first", fake_endpoint)
    functions(3).frame.select("content").write_ndjson(tmp_path / "b.jsonl")
    assert main(["seeds", "add", str(tmp_path / "b.jsonl"), "--batch", "b"]) == 0
    assert main(["backup", str(tmp_path / "kept")]) == 0
    with dg.DagsterInstance.from_config(str(configured.parent)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("after_the_backup"))
    store = BackupStore(tmp_path / "looked")
    store.begin()
    production = Tables(url).take(store)
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "second"))

    for own, words in ((False, "into .*second/dagster/dagster.yaml, then restore"), (True, "holds rows in the table")):
        if own:
            (tmp_path / "second" / "dagster").mkdir(parents=True)
            shutil.copyfile(configured, tmp_path / "second" / "dagster" / "dagster.yaml")
        capsys.readouterr()
        assert main(["restore", str(tmp_path / "kept")]) == 1
        assert re.search(words, capsys.readouterr().err)
        assert contents(tmp_path / "second") == ({"dagster/dagster.yaml": configuration.encode()} if own else {})
        assert Tables(url).take(store) == production


def test_a_configuration_that_keeps_events_in_the_folder_of_another_home_is_refused(
    evergrow: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = tmp_path / "home" / "dagster" / "dagster.yaml"
    own = yaml.safe_load(configured.read_text()) or {}
    configured.write_text(yaml.safe_dump({**own, "storage": {"sqlite": {"base_dir": str(configured.parent / "kept")}}}))
    with dg.DagsterInstance.from_config(str(configured.parent)) as instance:
        instance.add_run(dg.DagsterRun(job_name="job", run_id=RUN, status=dg.DagsterRunStatus.STARTED))
    assert evergrow("backup", "kept")[0] == 0
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "second"))

    code, _, err = evergrow("restore", "kept")

    assert code == 1
    assert "outside of the home" in err
    assert not any(path.is_file() for path in (tmp_path / "second").rglob("*"))
    with dg.DagsterInstance.from_config(str(configured.parent)) as instance:
        assert [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))] == [RUN]


@pytest.mark.parametrize(("part", "module", "kind"), [
    ("run_storage", "runs", "SqliteRunStorage"),
    ("schedule_storage", "schedules", "SqliteScheduleStorage"),
    ("event_log_storage", "event_log", "SqliteEventLogStorage"),
])  # fmt: skip
def test_no_backup_is_made_that_no_restore_would_take(
    evergrow: Said, tmp_path: Path, part: str, module: str, kind: str
) -> None:
    configured = tmp_path / "home" / "dagster" / "dagster.yaml"
    own = yaml.safe_load(configured.read_text()) or {}
    elsewhere = {
        "module": f"dagster._core.storage.{module}",
        "class": kind,
        "config": {"base_dir": str(tmp_path / "x")},
    }
    configured.write_text(yaml.safe_dump({**own, part: elsewhere}))

    code, _, err = evergrow("backup", "kept")

    assert code == 1
    assert re.search("keeps runs, events or schedules outside of .*home/dagster", err)
    assert BackupStore(tmp_path / "kept").names() == []


@pytest.mark.parametrize("kind", ["link", "broken link", "pipe"])
def test_a_home_that_holds_a_link_or_a_pipe_is_not_empty(
    evergrow: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    assert evergrow("backup", "kept")[0] == 0
    second = tmp_path / "second"
    (second / "dagster").mkdir(parents=True)
    (second / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.txt").write_text("mine")
    if kind == "pipe":
        os.mkfifo(second / "lake")
    else:
        (second / "lake").symlink_to(tmp_path / ("elsewhere" if kind == "link" else "nowhere"))
    monkeypatch.setenv("EVERGROW_HOME", str(second))

    code, _, err = evergrow("restore", "kept")

    assert (code, err.count("\n")) == (1, 1)
    assert "is not empty, it holds lake" in err
    assert (second / "dagster" / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert (tmp_path / "elsewhere" / "mine.txt").read_text() == "mine"
    (second / "lake").unlink()
    assert evergrow("restore", "kept")[0] == 0
    assert (second / "dagster" / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert contents(second / "lake") == contents(tmp_path / "home" / "lake")


def test_nobody_else_may_read_a_backup(evergrow: Said, tmp_path: Path) -> None:
    assert evergrow("backup", "kept")[0] == 0
    there = [tmp_path / "kept", tmp_path / "kept" / "contents", *(tmp_path / "kept").rglob("*")]
    within = [path for path in there if path.is_file() or path.parent == tmp_path or path.name == "contents"]
    assert len(within) > 3
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in within if path.stat().st_mode & 0o077} == {}


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("files", "home//abs/evil"),
        ("files", "home/../../evil"),
        ("files", "/evil"),
        ("files", "home/a\0b"),
        ("files", "home/./a"),
        ("lake", "../../../{digest}.parquet"),
        ("lake", "a\\..\\{digest}.parquet"),
        ("lake", "/{digest}.parquet"),
        ("digest", "../../../evil"),
    ],
)
def test_a_page_that_leads_out_of_its_place_is_refused(tmp_path: Path, part: str, name: str) -> None:
    store = BackupStore(tmp_path / "kept")
    store.begin()
    entry = store.take(lambda file: file.write(b"evil")).model_dump()
    name = name.format(digest=entry["sha256"][:16])
    page = {
        "name": "20260101T000000.000000Z", "evergrow": "1", "dagster": "1", "revision": "1", "ledger": "sqlite",
        "events": "sqlite", "home": "/home", "lake_held": True, "files": {}, "lake": {},
    }  # fmt: skip
    page |= {"files": {"home/a": {**entry, "sha256": name}}} if part == "digest" else {part: {name: entry}}
    (tmp_path / "kept" / f"{page['name']}.backup.json").write_text(json.dumps(page))

    with pytest.raises(BackupError, match="cannot be read"):
        store.read()
