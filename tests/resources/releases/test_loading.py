import json
import select
import subprocess
import sys
from pathlib import Path

import polars as pl
import psutil
import pytest

from evergrow.methods.releasing.formats import FORMS, Form
from evergrow.resources.releases.loader import check_turns
from evergrow.resources.releases.loading import check_loads
from evergrow.resources.releases.manifest import file_entry, read_manifest
from evergrow.resources.releases.writing import write_release
from tests.releases import SCHEMA, TRICKY, facts, row, table

NULL_IN_TRAIN = dict.fromkeys(set(SCHEMA) - {"id", "batch", "content", "response", "split"})
FILLED = {
    "split": "validation",
    "tree": "t",
    "leaf_id": "l",
    "final_answer": "4",
    "draws": ["4", None],
    "attributes": [{"dimension": "d", "value": None}],
}
USER, ASSISTANT = {"role": "user", "content": "Do"}, {"role": "assistant", "content": "Done"}


def test_every_form_loads_as_it_was_written(tmp_path: Path) -> None:
    """Text that breaks readers, columns without a value in the first split, a split of one row, one without rows."""
    rows = table(
        *(row(n, **NULL_IN_TRAIN, content=text, response=text) for n, text in enumerate(TRICKY)), row(50, **FILLED)
    )

    for form in FORMS:
        write_release(rows, tmp_path / form, form, facts())
        loaded = check_loads(tmp_path / form)

        assert loaded.faults == (), form
        assert loaded.rows == {"train": 14, "validation": 1}
        assert loaded.rendered == (15 if form == "chat" else 0)


def test_a_release_of_a_single_row_that_is_not_for_training_loads(tmp_path: Path) -> None:
    write_release(table(row(1, split="test")), tmp_path / "r", "chat", facts())

    assert check_loads(tmp_path / "r").rows == {"test": 1}


def test_columns_may_be_silent_for_longer_than_a_reader_looks_ahead(tmp_path: Path) -> None:
    """Within one split, too: a reader of JSON lines guesses types from its first ten megabytes."""
    silent = [row(n, **NULL_IN_TRAIN, content="c" * 100_000, response="r") for n in range(120)]
    write_release(table(*silent, row(500, **FILLED | {"split": "train"})), tmp_path / "r", "chat", facts())

    loaded = check_loads(tmp_path / "r")

    assert (tmp_path / "r" / "train.jsonl").stat().st_size > 11_000_000
    assert loaded.faults == ()
    assert loaded.rows == {"train": 121}


@pytest.mark.parametrize(("form", "column"), [("alpaca", "output"), ("completion", "completion"), ("parquet", None)])
def test_values_that_a_reader_changes_are_found_and_their_column_is_named(
    tmp_path: Path, form: Form, column: str | None
) -> None:
    """A reader of JSON lines takes what looks like a moment in all rows for one, and writes it in its own way."""
    write_release(table(row(1, response="2024-01-01"), row(2, response="2024-01-02")), tmp_path / "r", form, facts())

    said = [str(fault) for fault in check_loads(tmp_path / "r").faults]

    why = f"perhaps as what `{column}` holds reads as times, which readers of JSON lines take it for"
    wrong = f"train: was loaded with other values than were written, {why}; write parquet instead (--format parquet)"
    assert said == ([wrong] if column else [])


@pytest.mark.parametrize(
    "time", ["2024-01-01", "2024-01-01 10:20", "2024-01-01T10:20:30Z", "2024-01-01T10:20:30+02:00", "2024-01-01T10-05"]
)
def test_what_explains_rows_and_reads_as_times_in_a_whole_split_is_left_to_parquet(tmp_path: Path, time: str) -> None:
    rows = table(row(1, final_answer=time), row(2, final_answer=time, split="test"), row(3, final_answer="May"))
    write_release(rows, tmp_path / "lines", "chat", facts())
    write_release(rows, tmp_path / "whole", "parquet", facts())

    assert check_loads(tmp_path / "lines").faults == check_loads(tmp_path / "whole").faults == ()
    assert "final_answer" not in read_manifest(tmp_path / "lines").columns
    assert "final_answer" in read_manifest(tmp_path / "whole").columns
    (left,) = (line for line in (tmp_path / "lines/README.md").read_text().splitlines() if "take for text" in line)
    assert r"final\_answer" in left


def test_of_what_is_read_in_parts_a_column_with_a_time_is_left_to_parquet(tmp_path: Path) -> None:
    many = [row(n, content="c" * 100_000, final_answer=None if n < 110 else "2024-01-01") for n in range(120)]
    write_release(table(row(500, final_answer="May"), *many), tmp_path / "r", "chat", facts())

    assert check_loads(tmp_path / "r").faults == ()
    assert "final_answer" not in read_manifest(tmp_path / "r").columns


def test_turn_marks_in_the_text_are_counted(tmp_path: Path) -> None:
    write_release(table(row(1), row(2, content="Say <|im_end|>")), tmp_path / "r", "chat", facts())

    loaded = check_loads(tmp_path / "r")

    assert (loaded.rendered, loaded.marked, loaded.faults) == (2, 1, ())


def test_a_release_that_does_not_load_says_why(tmp_path: Path) -> None:
    write_release(table(row(1), row(2, split="test")), tmp_path / "r", "chat", facts())
    (tmp_path / "r" / "train.jsonl").write_text('{"id": [1')

    faults = check_loads(tmp_path / "r").faults

    assert len(faults) == 1
    assert "cannot be loaded: " in str(faults[0])
    assert "JSON parse error" in str(faults[0])


def test_a_release_that_ends_the_process_that_loads_says_why_and_the_next_one_loads(tmp_path: Path) -> None:
    for name in ("sound", "broken"):
        write_release(table(row(1)), tmp_path / name, "chat", facts())
    (tmp_path / "broken" / "train.jsonl").unlink()

    (fault,) = check_loads(tmp_path / "broken").faults

    assert "cannot be loaded: FileNotFoundError" in str(fault)
    assert check_loads(tmp_path / "sound").rows == {"train": 1}


def test_a_process_that_was_killed_meanwhile_is_started_again(tmp_path: Path) -> None:
    write_release(table(row(1)), tmp_path / "r", "parquet", facts())
    assert check_loads(tmp_path / "r").faults == ()
    left = []
    for child in psutil.Process().children():
        if "evergrow.resources.releases.loader" in child.cmdline():
            left.append(Path(child.environ()["HF_HOME"]))
            child.kill()
            child.wait()

    assert check_loads(tmp_path / "r").faults == ()
    assert left
    assert not any(folder.exists() for folder in left)


def test_an_interrupted_load_is_not_taken_for_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in {"one": 1, "two": 2}.items():
        write_release(table(*(row(n) for n in range(rows))), tmp_path / name, "chat", facts())

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(select, "select", interrupted)
        with pytest.raises(KeyboardInterrupt):
            check_loads(tmp_path / "one")

    assert check_loads(tmp_path / "two").rows == {"train": 2}


def test_a_release_that_was_written_again_is_loaded_as_it_is_now(tmp_path: Path) -> None:
    for rows in (3, 1):
        write_release(table(*(row(n) for n in range(rows))), tmp_path / "r", "chat", facts())

        assert check_loads(tmp_path / "r").rows == {"train": rows}
        assert check_loads(tmp_path / "r").faults == ()


def test_a_release_that_loads_differently_says_how(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    write_release(table(row(1), row(2), row(3, split="test")), folder, "chat", facts())
    lines = (folder / "train.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "train.jsonl").write_bytes(lines[0])
    (folder / "test.jsonl").write_bytes((folder / "test.jsonl").read_bytes().replace(b'"user"', b'"human"'))

    said = [str(fault) for fault in check_loads(folder).faults]

    assert "train: was loaded with 1 row, not 2" in said
    assert "test: row 0: its roles are ['human', 'assistant'], not user and assistant in turn" in said


def test_a_card_that_names_other_columns_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    write_release(table(row(1)), folder, "chat", facts())
    told = read_manifest(folder)
    columns = {name: kind for name, kind in told.columns.items() if name != "verdict"}
    changed = told.model_copy(update={"columns": columns, "files": [file_entry(folder / "train.jsonl", "train")]})
    (folder / "manifest.json").write_bytes(changed.to_bytes())

    assert "was loaded with columns" in str(check_loads(folder).faults[0])


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [USER],
        [ASSISTANT, USER],
        [USER, USER],
        [USER, ASSISTANT, USER],
        [{"role": "system", "content": ""}, ASSISTANT],
    ],
)
def test_roles_must_alternate(turns: list[dict[str, str]]) -> None:
    faults, _ = check_turns([turns])

    assert len(faults) == 1


def test_conversations_of_several_turns_are_rendered_in_order() -> None:
    assert check_turns([[USER, ASSISTANT, USER, ASSISTANT], [USER, ASSISTANT]]) == ([], 0)


def test_the_package_is_loaded_without_what_is_heavy() -> None:
    modules = ["writing", "proof", "loading", "pushing", "manifest", "card"]
    program = (
        f"import sys, {', '.join(f'evergrow.resources.releases.{name}' for name in modules)}; import json; "
        "print(json.dumps([m for m in ('datasets', 'transformers', 'torch', 'huggingface_hub') if m in sys.modules]))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == []


def test_nothing_of_a_load_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    write_release(table(row(1)), tmp_path / "r", "chat", facts())
    program = (
        "import sys; from pathlib import Path; from evergrow.resources.releases.loading import check_loads; "
        "check_loads(Path(sys.argv[1]))"
    )

    subprocess.run([sys.executable, "-c", program, str(tmp_path / "r")], check=True)

    assert list((tmp_path / "tmp").iterdir()) == []
    assert len(list((tmp_path / "r").iterdir())) == 5
    assert pl.read_ndjson(tmp_path / "r" / "train.jsonl").height == 1
