"""From a batch to files that a trainer reads, by the command: release, export, verify, push, funnel, table."""

import json
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint
from tests.samples import PLAIN


@pytest.fixture(scope="module")
def endpoint(project: tuple[Path, FakeEndpoint]) -> FakeEndpoint:
    return project[1]


def test_before_there_is_a_release_the_instructions_are_exported_and_nothing_else(here: Evergrow) -> None:
    said = here("export", "--out", "early")

    assert said.code == 0
    assert "`evergrow release --batch code` makes them a dataset to train on" in said.err
    for arguments, words in (
        (("export", "--format", "alpaca", "--out", "x"), "need a release of batches"),
        (("export", "--domain", "code", "--out", "x"), "`evergrow release --batch B`"),
        (("table", "dataset/release"), "was never made"),
        (("release", "--batch", "plain"), "with --as-is its seeds are answered as they are"),
    ):
        refused = here(*arguments)
        assert refused.code in (1, 2)
        assert words in refused.err
        assert "Traceback" not in refused.err
    assert not Path("x").exists()
    assert here("verify", "early").code == 0


def test_a_release_of_a_batch_a_file_and_a_tree_says_where_all_rows_went(
    here: Evergrow, endpoint: FakeEndpoint
) -> None:
    said = here("release", "--batch", "code", "--batch", "plain", "--batch", "code", "--tree", "t", "--as-is", "--json")

    assert said.code == 0, said.err
    assert "no benchmarks of your own are checked" in said.err
    assert "warning: dataset/clean: not met: benchmarks of your own were there to compare with" in said.err
    assert "PASSED, with a warning" in " ".join(here("status", "--batch", "plain").out.split())
    assert "code: not compared with MBPP" in said.err
    assert [row["batch"] for row in said.json if row["stage"] == "release"] == ["code", "plain", "t"]
    assert all(row["requested"] == row["accepted"] + row["rejected"] + row["failed"] for row in said.json)
    asked = endpoint.stats()["requests"]

    again = here("release", "--batch", "code", "--batch", "plain", "--tree", "t", "--as-is")

    assert again.code == 0
    assert again.err.count("up to date") == 3 * 4 + 1
    assert endpoint.stats()["requests"] == asked


def test_a_changed_folder_of_benchmarks_makes_clean_rows_be_compared_again(
    here: Evergrow, project: tuple[Path, FakeEndpoint]
) -> None:
    folder = project[0] / "home" / "benchmarks"
    folder.mkdir()
    (folder / "letters.jsonl").write_text(json.dumps({"question": PLAIN[1]}) + "\n")
    asked = project[1].stats()["requests"]

    said = here("release", "--batch", "plain", "--as-is", "--json")

    assert said.code == 0
    assert "plain: clean: the benchmarks changed" in said.err
    assert "no benchmarks of your own" not in said.err
    assert "contaminated 1" in next(row["reasons"] for row in said.json if row["stage"] == "clean")
    assert project[1].stats()["requests"] == asked
    (folder / "letters.jsonl").unlink()
    assert here("release", "--batch", "code", "--batch", "plain", "--tree", "t", "--as-is").code == 0


@pytest.mark.parametrize(
    ("form", "read", "answer"),
    [
        ("chat", "messages", lambda row: row["messages"][1]["content"]),
        ("alpaca", "instruction", lambda row: row["output"]),
        ("sharegpt", "conversations", lambda row: row["conversations"][1]["value"]),
        ("parquet", "content", lambda row: row["response"]),
    ],
)
def test_every_format_holds_the_release_and_verifies(here: Evergrow, form: str, read: str, answer: object) -> None:
    said = here("export", "--format", form, "--out", "out")

    assert said.code == 0, said.err
    assert "`evergrow verify out`" in said.err or "evergrow verify out" in said.err
    readers = {"parquet": pl.read_parquet}
    files = [path for path in Path("out").iterdir() if path.suffix in (".jsonl", ".parquet")]
    assert {path.stem for path in files} == {"train", "validation", "test"}
    rows = [row for path in files for row in readers.get(form, pl.read_ndjson)(path).iter_rows(named=True)]
    released = here("table", "dataset/release", "--out", "all.parquet")
    assert f"{len(rows)} rows" in released.err
    assert {(r["batch"], r["id"]) for r in rows} == set(
        pl.read_parquet("all.parquet").select("batch", "id").iter_rows()
    )
    assert all(row[read] and answer(row) for row in rows)  # type: ignore[operator]
    assert (verified := here("verify", "out", "--lake")).code == 0, verified.err
    assert f"{len(rows)} rows equal the lake's" in verified.err


def test_reasoning_that_no_answer_has_is_not_promised(here: Evergrow) -> None:
    said = here("export", "--with-reasoning", "--out", "thinking")

    assert said.code == 1
    assert "answers has its reasoning" in said.err
    assert not Path("thinking").exists()


def test_pairs_are_of_draws_that_disagree_and_load(
    here: Evergrow, monkeypatch: pytest.MonkeyPatch, endpoint: FakeEndpoint
) -> None:
    asked = endpoint.stats()["requests"]
    monkeypatch.setenv("EVERGROW_PAIRS__MIN_AGREEMENT_GAP", "0.2")

    said = here("export", "--format", "preference", "--out", "pairs")
    single = here("export", "--format", "kto", "--out", "kto")

    assert (said.code, single.code) == (0, 0), said.err + single.err
    rows = pl.concat([pl.read_ndjson(path) for path in Path("pairs").glob("*.jsonl")], how="diagonal_relaxed")
    assert (rows["chosen_score"] - rows["rejected_score"] >= 0.2).all()
    assert (rows["chosen"] != rows["rejected"]).all()
    labels = pl.concat([pl.read_ndjson(path) for path in Path("kto").glob("*.jsonl")], how="diagonal_relaxed")["label"]
    assert set(labels) == {True, False}
    assert here("verify", "pairs").code == 0
    monkeypatch.setenv("EVERGROW_PAIRS__MIN_AGREEMENT_GAP", "1")
    none = here("export", "--format", "preference", "--out", "none")
    assert none.code == 1
    assert "pairs.min_agreement_gap (1)" in none.err
    assert endpoint.stats()["requests"] == asked


def test_a_recipe_goes_with_its_own_format(here: Evergrow) -> None:
    made = here("export", "--recipe", "trl", "--out", "trl")
    assert made.code == 0
    assert "train on it: cd trl && trl sft --config trl.yaml" in made.err + made.out
    assert "trl sft --config PATH/trl.yaml --dataset_name PATH" in (Path("trl") / "trl.yaml").read_text()
    wrong = here("export", "--recipe", "trl", "--format", "alpaca", "--out", "x")

    assert wrong.code == 2
    assert "--recipe trl reads the format completion" in wrong.err


def test_choosing_rows_costs_no_request_and_is_told_by_the_card(here: Evergrow, endpoint: FakeEndpoint) -> None:
    asked = endpoint.stats()["requests"]

    said = here(
        "export", "--out", "out", "--format", "parquet", "--round", 1, "--min-complexity", 4, "--verdict", "pass"
    )

    rows = pl.concat([pl.read_parquet(path) for path in Path("out").glob("*.parquet")])
    assert said.code == 0, said.err
    assert rows["complexity"].min() >= 4  # type: ignore[operator]
    assert (set(rows["round"]), set(rows["verdict"]), set(rows["batch"])) == ({1}, {"pass"}, {"code"})
    assert "rounds 1; complexity 4 or more; verdict pass" in (Path("out") / "README.md").read_text()
    assert endpoint.stats()["requests"] == asked


def test_nothing_wanted_is_one_message_and_no_folder(here: Evergrow) -> None:
    said = here("export", "--out", "out", "--domain", "astronomy")

    assert said.code == 1
    assert "rows of the release is wanted (domain astronomy)" in said.err
    assert not Path("out").exists()


def test_a_folder_with_other_things_is_left_alone(here: Evergrow) -> None:
    Path("mine").mkdir()
    (Path("mine") / "thesis.txt").write_text("x")

    said = here("export", "--out", "mine")

    assert said.code == 2
    assert "thesis.txt" in said.err
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]


def test_a_flipped_byte_is_found(here: Evergrow) -> None:
    assert here("export", "--out", "out").code == 0
    path = Path("out") / "train.jsonl"
    data = bytearray(path.read_bytes())
    place = data.index(b"content") + 12
    data[place] ^= 1
    path.write_bytes(data)

    said = here("verify", "out")

    assert said.code == 1
    assert "train.jsonl" in said.err
    assert here("verify", "nowhere").code == 2


def test_a_push_says_what_it_would_send_and_sends_nothing(here: Evergrow) -> None:
    assert here("export", "--out", "out").code == 0

    said = here("push", "out", "--repo", "me/data")

    assert said.code == 0, said.err
    assert "train.jsonl" in said.err
    assert "would go to the private dataset repository me/data" in said.err
    assert "HF_TOKEN is not set" in said.err
    assert here("push", "out", "--repo", "me/data", "--yes").code == 1
    assert here("push", "nowhere", "--repo", "me/data").code == 2


def test_the_funnel_is_a_table_a_picture_and_json_that_add_up(here: Evergrow) -> None:
    shown = here("funnel", "--batch", "code", "--svg", "funnel.svg")
    rows = here("funnel", "--json").json

    assert shown.code == 0
    assert "█" in shown.out
    assert ElementTree.fromstring(Path("funnel.svg").read_text()).tag.endswith("svg")
    stages = {row["stage"]: row for row in rows if row["batch"] == "code"}
    assert list(stages) == ["round_01", "collected", "responses", "verified", "clean", "release"]
    for before, after in (
        ("collected", "responses"),
        ("responses", "verified"),
        ("verified", "clean"),
        ("clean", "release"),
    ):
        assert stages[before]["accepted"] == stages[after]["requested"]


def test_an_exact_size_is_met_or_says_what_ran_dry(here: Evergrow) -> None:
    names = ("--batch", "code", "--batch", "plain", "--tree", "t", "--as-is")

    assert here("release", *names, "--rows", 5).code == 0
    assert here("export", "--out", "out").code == 0
    assert "5 rows were read" in here("verify", "out").err
    dry = here("release", *names, "--rows", 500)

    assert dry.code == 1
    assert "of 500 rows are there" in dry.err
    later = here("export", "--out", "later")  # what was released before stays
    assert later.code == 0, later.err
    assert "is behind" not in later.err  # and so does what it was asked to hold: nothing sends one to what failed
    assert "5 rows were read" in here("verify", "later", "--lake").err
    assert here("release", *names).code == 0


def test_a_release_that_a_measure_closes_says_which_and_one_that_it_passes_says_so_to_its_readers(
    here: Evergrow,
) -> None:
    names, path = ("--batch", "code", "--batch", "plain", "--tree", "t", "--as-is"), "gates.release.measures.vocabulary"
    assert here("recipe", "set", "main", f"{path}.min=100000", "--kind", "release").code == 0
    refused = here("recipe", "set", "main", "automate=release", "evolution.rounds=2", "--kind", "release")
    assert refused.code == 2
    assert "automate, evolution.rounds: of batches and trees, and no release obeys it" in refused.err.replace("\n", " ")

    closed = here("release", *names)

    assert closed.code == 1
    assert "vocabulary of the whole set (" in closed.err
    assert f"wanted at least 100000, setting {path}.min" in closed.err.replace("\n", " ")
    assert here("export", "--out", "never").code == 1
    assert here("recipe", "set", "main", f"{path}.min=5", "--kind", "release").code == 0
    assert here("release", *names).code == 0
    assert here("export", "--out", "out").code == 0
    gate = json.loads((Path("out") / "manifest.json").read_text())["gates"][-1]
    assert f"{path}.min 5" in gate["thresholds"]
    assert "vocabulary of the whole set: " in gate["observed"]
    assert "vocabulary of the whole set: " in (Path("out") / "README.md").read_text()
    taken_back = here("recipe", "set", "main", f"{path}=null", "--kind", "release")
    assert "due: judge only dataset/release" in taken_back.err
    before = set(here("table", "dataset/release", "--json").json[0])
    assert here("release").code == 0  # which names nothing: what was asked for is made again
    assert set(here("table", "dataset/release", "--json").json[0]) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("release", "--name", "never-asked-for"), "name a batch with --batch, or a tree with --tree"),
        (("release", "--batch", "cdoe"), "did you mean 'code'?"),
        (("release", "--tree", "nowhere"), "nowhere"),
        (("release", "--batch", "code", "--rows", "0"), "--rows"),
        (("export", "--out", "x", "--format", "csv"), "csv"),
        (("export", "--out", "x", "--batch", "cdoe"), "did you mean 'code'?"),
        (("funnel", "--batch", "cdoe"), "did you mean 'code'?"),
        (("forget", "--lift"), "--seed"),
        (("table", "dataset/clean"), "--partition"),
    ],
)
def test_what_is_asked_for_wrongly_is_said_in_one_message(
    here: Evergrow, arguments: tuple[str, ...], words: str
) -> None:
    said = here(*arguments)

    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err
    assert not Path("x").exists()


def test_an_empty_home_has_an_empty_funnel(here: Evergrow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "empty"))

    assert here("funnel", "--json").json == []
    assert here("funnel").code == 0
    assert here("export", "--out", "x").code == 1


def test_rows_are_held_against_the_release_that_the_manifest_names(here: Evergrow) -> None:
    assert (made := here("release", "--name", "other", "--batch", "plain", "--as-is")).code == 0, made.err
    assert here("export", "--name", "other", "--out", "other").code == 0

    said = here("verify", "other", "--lake")

    assert said.code == 0, said.err
    assert "rows equal the lake's" in said.err


def test_a_release_that_there_is_not_is_named_and_nothing_else_is_exported(here: Evergrow) -> None:
    assert here("release", "--batch", "plain", "--as-is", "--name", "one").code == 0

    said = here("export", "--out", "typo", "--name", "two")

    assert said.code != 0
    assert "there is no release 'two'; there are " in said.err.replace("\n", " ")
    assert "'one'" in said.err
    assert not Path("typo").exists()
