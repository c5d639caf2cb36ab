"""A damaged table is never served; it is named, and made again from the ledger without a request."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from evergrow.assets.names import COLLECTED, PAGE, RESPONSES, SEEDS, stage_key
from evergrow.cli.main import main
from evergrow.cli.workspace import open_workspace
from evergrow.flows.explore import keep_page
from evergrow.flows.scrub import damaged_inputs, damaged_tables, heal
from evergrow.flows.workspace import Workspace
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.lake import Damaged
from evergrow.resources.registry.batches import stage, staged
from evergrow.resources.settings import load_settings
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, functions

log = logging.getLogger(__name__)
SETTINGS = {**LENIENT, "evolution": {"rounds": 1, "children": 2, "margin": -10}}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: list[Callable[[Path], object]] = [Path.unlink, flip, lambda path: os.truncate(path, 100)]


@pytest.fixture
def workspace(
    fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors_at_hand: None
) -> Iterator[Workspace]:
    """A batch that has gone through its one round."""
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    monkeypatch.setenv("EVERGROW_CONFIG", str(tmp_path / "evergrow.yaml"))
    with open_workspace(load_settings(), LogProgress(log)) as opened:
        stage(opened.registry, "b", functions(3))
    assert main(["run", "--batch", "b"]) == 0
    with open_workspace(load_settings(), LogProgress(log)) as opened:
        yield opened


def file_of(workspace: Workspace, key: dg.AssetKey) -> Path:
    record = workspace.instance.get_latest_materialization_event(key)
    assert record
    assert record.asset_materialization
    return Path(workspace.lake.locate(str(record.asset_materialization.metadata["lake_path"].value)))


def test_damaged_tables_are_refused_named_and_made_again_for_nothing(
    workspace: Workspace, fake_endpoint: FakeEndpoint
) -> None:
    keys = [SEEDS, stage_key(1, "instructions"), stage_key(1, "accepted"), COLLECTED]
    before = {key: workspace.table(key, "b").collect() for key in keys}
    assert list(damaged_tables(workspace)) == []
    asked = fake_endpoint.stats()["requests"]
    for key, damage in zip(keys[:3], DAMAGES, strict=True):
        damage(file_of(workspace, key))

    with pytest.raises(Damaged, match=f"{file_of(workspace, keys[2]).name} was changed or cut.*evergrow scrub"):
        workspace.table(keys[2], "b")
    found = list(damaged_tables(workspace))
    assert [one.key for one in found] == keys[:3]
    said: list[str] = []
    assert [heal(workspace, one, said.append) for one in found] == [True] * 3, said

    assert list(damaged_tables(workspace)) == []
    assert all(workspace.table(key, "b").collect().equals(rows) for key, rows in before.items())
    assert fake_endpoint.stats()["requests"] == asked
    assert main(["run", "--batch", "b"]) == 0
    assert fake_endpoint.stats()["requests"] == asked


def test_a_run_ends_well_where_only_what_was_answered_of_it_is_damaged(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", "--batch", "b"]) == 0
    whole = capsys.readouterr().out
    flip(file_of(workspace, RESPONSES))

    assert main(["run", "--batch", "b"]) == 0

    said = capsys.readouterr()
    assert "responses" in whole
    assert "collected" in said.out
    assert "responses" not in said.out
    assert "was changed or cut" in said.err
    assert "evergrow scrub" in said.err


def test_what_would_have_to_be_asked_for_again_is_left_and_said(
    workspace: Workspace, fake_endpoint: FakeEndpoint
) -> None:
    key = stage_key(1, "complexity")
    file_of(workspace, key).unlink()
    with workspace.registry.alone() as connection:
        connection.exec_driver_sql("UPDATE calls SET reply = reply || ' ' WHERE asset LIKE '%complexity'")
    asked = fake_endpoint.stats()["requests"]
    said: list[str] = []

    (one,) = damaged_tables(workspace)
    assert not heal(workspace, one, said.append)

    assert "not made again" in said[0]
    assert "budget" in said[0]
    assert fake_endpoint.stats()["requests"] == asked


def test_the_files_of_a_kept_page_are_looked_at_and_made_again(
    workspace: Workspace, fake_endpoint: FakeEndpoint
) -> None:
    keep_page(workspace, "batch:b")
    table = workspace.lake.ungated(workspace.instance, PAGE, "batch:b")
    assert table is not None
    page, data = (Path(workspace.lake.locate(file)) for file in table.select("page", "data").collect().row(0))
    whole, asked = page.read_bytes(), fake_endpoint.stats()["requests"]
    flip(page)
    data.unlink()

    found = list(damaged_tables(workspace))
    said: list[str] = []
    assert [(one.key, Path(one.file).name) for one in found] == [(PAGE, page.name), (PAGE, data.name)]
    assert [heal(workspace, one, said.append) for one in found] == [True, True], said

    assert list(damaged_tables(workspace)) == []
    assert page.read_bytes() == whole
    assert fake_endpoint.stats()["requests"] == asked


def test_registered_seeds_are_checked_as_well(workspace: Workspace) -> None:
    Path(workspace.lake.locate(staged(workspace.registry, "b").file)).unlink()

    (one,) = damaged_inputs(workspace)
    assert "batch 'b'" in str(one)
    assert "is gone" in str(one)
    assert "register its seeds again" in str(one)
    assert main(["scrub", "--look"]) == 1
