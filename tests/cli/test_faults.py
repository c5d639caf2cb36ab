"""Bad input: one clear message that names the thing and the remedy, the right exit code, nothing half-written."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow, Said
from tests.conftest import FakeEndpoint


def refused(said: Said, code: int, *words: str) -> None:
    assert said.code == code, said
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


def test_an_unknown_batch_is_named_beside_those_that_there_are(evergrow: Evergrow, seed_file: Path) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "first")

    refused(evergrow("run", "--batch", "frist"), 2, "'frist'", "first")


@pytest.mark.parametrize("name", ["../x", "a b", "", "x" * 100, "a/b"])
def test_a_name_that_cannot_be_a_batchs_is_refused(evergrow: Evergrow, seed_file: Path, name: str) -> None:
    refused(evergrow("seeds", "add", seed_file, "--batch", name), 2, "cannot name a batch")


def test_a_missing_seed_file_is_named(evergrow: Evergrow, tmp_path: Path) -> None:
    refused(evergrow("seeds", "add", tmp_path / "none.json", "--batch", "b"), 2, "none.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("{not json", ["bad.json"]),
        ('[{"text": "x"}]', ["content", "text"]),
        ('[{"content": "a", "id": 1}, {"content": "b", "id": 1}]', ["1"]),
        ('[{"content": "%s"}]' % ("x" * 100_000), ["seeds.max_chars", "row 1"]),
        ('[{"content": "a", "id": "%s"}]' % ("i" * 300), ["300", "row 1"]),
    ],
)
def test_a_faulty_seed_file_is_explained_and_registers_nothing(
    evergrow: Evergrow, tmp_path: Path, text: str, words: list[str]
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)

    refused(evergrow("seeds", "add", path, "--batch", "b"), 2, "bad.json", *words)
    refused(evergrow("run", "--batch", "b"), 2, "'b'")


def test_odd_ids_are_taken_and_the_change_is_told(evergrow: Evergrow, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text('[{"id": "a_b", "content": "x = 1"}, {"id": "../x", "content": "y = 2"}]')

    said = evergrow("seeds", "add", path, "--batch", "b")

    assert said.code == 0
    assert "a%5Fb" in said.err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("evolution.beam=2", ["evolution.beam", "less than or equal to 1"]),
        ("evolution.baem=0.5", ["evolution.baem", "did you mean 'beam'"]),
        ("gates.complexity.min_mean=high", ["gates.complexity.min_mean", "number"]),
        ("nonsense", ["PATH=VALUE"]),
        ("model=[", ["--set model=["]),
    ],
)
def test_a_faulty_setting_is_named(evergrow: Evergrow, seed_file: Path, setting: str, words: list[str]) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    refused(evergrow("run", "--batch", "b", "--set", setting), 2, *words)


def test_an_unknown_option_is_a_usage_error(evergrow: Evergrow) -> None:
    assert evergrow("run", "--btach", "b").code == 2


def test_an_endpoint_that_is_not_there_is_named(
    evergrow: Evergrow, seed_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    evergrow("seeds", "add", seed_file, "--batch", "b")

    refused(evergrow("run", "--batch", "b"), 1, "http://127.0.0.1:9/v1")


def test_a_wrong_key_is_named_and_not_shown(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_endpoint.control(key="right")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    evergrow("seeds", "add", seed_file, "--batch", "b")

    said = evergrow("run", "--batch", "b")

    refused(said, 1, "OPENAI_API_KEY")
    assert "sk-wrong" not in said.err


def test_an_endpoint_that_answers_prose_ends_at_the_gate_with_every_row_explained(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    fake_endpoint.control(share={"prose": 1.0})
    evergrow("seeds", "add", seed_file, "--batch", "b")

    refused(evergrow("run", "--batch", "b"), 1, "round_01", "gate")


def test_a_model_folder_that_is_not_there_is_named(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    said = evergrow("run", "--batch", "b", "--set", "embedding.model=/no/such/model")

    refused(said, 1, "/no/such/model", "embedding.model")
    assert fake_endpoint.stats()["requests"]


def test_a_home_that_is_a_file_is_named(evergrow: Evergrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "occupied").write_text("")
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "occupied"))

    refused(evergrow("cost"), 2, "occupied")


def test_a_batch_that_another_run_holds_is_left_alone(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    with closing(Registry.of(load_settings())) as registry, lease(registry, "b", "other-run"):
        refused(evergrow("run", "--batch", "b"), 1, "'b'", "other-run")

    assert fake_endpoint.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("table", "evolution/round_01/accpeted", "--partition", "b"), ["accpeted", "evolution/round_01/accepted"]),
        (("table", "evolution/round_01/accepted", "--partition", "b"), ["never made"]),
        (("table", "evolution/seeds", "--partition", "b", "--out", "x.xlsx"), ["x.xlsx", ".parquet"]),
        (("trace", "nobody_0"), ["'nobody_0'"]),
        (("export", "--out", "out"), ["evergrow run"]),
        (("seeds", "harvest", "no_such_package", "--batch", "c"), ["no_such_package"]),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    evergrow: Evergrow, seed_file: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    said = evergrow(*arguments)

    assert said.code in (1, 2)
    refused(said, said.code, *words)


def test_a_closed_gate_ends_the_run_and_nothing_can_be_exported(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    said = evergrow("run", "--batch", "b", "--set", "gates.complexity.min_mean=10")

    refused(said, 1, "complexity_gate", "gates.complexity.min_mean")
    refused(evergrow("table", "evolution/round_01/complexity", "--partition", "b"), 1, "complexity_gate is FAILED")
    refused(evergrow("export", "--out", "out", "--batch", "b"), 1)
    assert fake_endpoint.stats()["requests"]
    assert not Path("out").exists()


def test_two_settings_that_contradict_each_other_are_named(evergrow: Evergrow, seed_file: Path) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")

    refused(evergrow("run", "--batch", "b", "--set", "model=m", "--set", "model.x=1"), 2, "--set model.x=1")


@pytest.mark.parametrize("where", ["environment", "file"])
def test_faulty_settings_are_one_message_in_a_process_of_their_own(tmp_path: Path, where: str) -> None:
    """The command's own process imports everything anew: no import may read the settings before the command does."""
    environment = dict(os.environ)
    if where == "file":
        (tmp_path / "evergrow.yaml").write_text("evolution: {beam: 2}\n")
    else:
        environment["EVERGROW_EVOLUTION__BEAM"] = "2"
    command = [str(Path(sys.executable).with_name("evergrow")), "cost"]

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "evolution.beam" in done.stderr
