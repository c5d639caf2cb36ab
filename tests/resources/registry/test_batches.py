import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.methods.text.times import reads_as_time
from evergrow.resources.lake.content_files import DamagedFile, Files
from evergrow.resources.ledger.database import connect
from evergrow.resources.registry import batches, owner_names
from evergrow.resources.registry.registry import Registry, changes
from evergrow.resources.seeds.source import Seeds
from tests.properties import examples


def seeds(*contents: str, source: str = "f.json") -> Seeds:
    return Seeds(
        pl.DataFrame(
            {
                "id": [str(n) for n in range(len(contents))],
                "content": list(contents),
                "source": [f"{source}:{n}" for n in range(len(contents))],
            },
            schema_overrides={"id": pl.String, "content": pl.String, "source": pl.String},
        ),
        origin=source,
    )


def opened(folder: str) -> Registry:
    return Registry(connect(f"sqlite:///{folder}/ledger"), Files(f"{folder}/lake"))


def files(registry: Registry) -> dict[Path, int]:
    assert registry.files.local
    return {path: path.stat().st_mtime_ns for path in registry.files.local.rglob("*")}


def test_a_staged_batch_can_be_read_back_with_its_origin(registry: Registry) -> None:
    before = datetime.now(UTC)
    made = batches.stage(registry, "b", seeds("x", "y"))
    assert batches.staged(registry, "b") == made
    assert made.read().equals(seeds("x", "y").frame)
    assert (made.batch, made.rows, made.origin) == ("b", 2, "f.json")
    assert made.file.startswith("registry/batches/b/")
    assert abs(made.staged_at - before) < timedelta(minutes=1)


def test_the_same_seeds_again_change_nothing_even_from_another_file(registry: Registry) -> None:
    made = batches.stage(registry, "b", seeds("x"))
    before = files(registry), changes(registry, 0)
    assert batches.stage(registry, "b", seeds("x", source="moved.json")) == made
    assert (files(registry), changes(registry, 0)) == before


def test_other_seeds_under_a_taken_name_are_refused_unless_they_shall_replace(registry: Registry) -> None:
    first = batches.stage(registry, "b", seeds("x"))
    with pytest.raises(batches.BatchExistsError, match=r"'b' already has 1 other seed, from f\.json.*--replace"):
        batches.stage(registry, "b", seeds("y", "z"))
    assert batches.staged(registry, "b") == first
    second = batches.stage(registry, "b", seeds("y", "z"), replace=True)
    assert batches.staged(registry, "b") == second
    assert second.rows == 2
    assert first.read().equals(seeds("x").frame)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_file_that_was_damaged_is_refused_and_written_again(
    registry: Registry, damage: Callable[[Path], object]
) -> None:
    made = batches.stage(registry, "b", seeds("x"))
    damage(Path(registry.files.locate(made.file)))
    with pytest.raises(DamagedFile, match=r"registry/batches/b/.*register the seeds of batch 'b' again, from f\.json"):
        batches.staged(registry, "b").read()
    assert batches.stage(registry, "b", seeds("x")).read().equals(seeds("x").frame)


def test_a_batch_without_seeds_is_refused(registry: Registry) -> None:
    with pytest.raises(batches.BatchError, match=r"'b' would have no seeds: nothing was found in f\.json"):
        batches.stage(registry, "b", seeds())
    assert batches.staged_batches(registry) == []


def test_an_unknown_batch_is_answered_with_the_ones_there_are(registry: Registry) -> None:
    with pytest.raises(batches.UnknownBatch, match=r"unknown batch 'b1'; there are none yet: register it with"):
        batches.staged(registry, "b1")
    for name in ("math-1", "code-1"):
        batches.stage(registry, name, seeds(name))
    with pytest.raises(batches.UnknownBatch, match="there are 'code-1', 'math-1': did you mean 'math-1'"):
        batches.staged(registry, "maths-1")
    for name in ("../seeds/math-1", "", "x" * 10_000, "\x1b[31m"):
        with pytest.raises(batches.UnknownBatch) as caught:
            batches.staged(registry, name)
        assert len(str(caught.value)) < 300
        assert "\x1b" not in str(caught.value)


def test_all_batches_are_listed_by_name(registry: Registry) -> None:
    assert batches.staged_batches(registry) == []
    made = [batches.stage(registry, name, seeds(name)) for name in ("b", "a")]
    assert batches.staged_batches(registry) == [made[1], made[0]]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("my seeds", "my-seeds"),
        ("../x", "x"),
        ("", "batch-e3b0c442"),
        (".b", "b"),
        ("é", "batch-"),
        ("a" * 64, "a" * 63),
        ("2026-11-27", "batch-2026-11-27"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(registry: Registry, name: str, suggestion: str) -> None:
    with pytest.raises(batches.BatchNameError, match=rf"(such as|call it) '{re.escape(suggestion)}"):
        batches.stage(registry, name, seeds("x"))
    assert files(registry) == {}


@given(st.text())
def test_every_file_name_gives_a_batch_name(name: str) -> None:
    made = batches.batch_name_from_file(Path(f"{name.replace('/', '')}.json"))
    batches.check_name(made)
    assert owner_names.slug(made) == made


good_names = st.from_regex(owner_names.NAME, fullmatch=True).filter(lambda name: not reads_as_time(name))


@given(st.sets(good_names, min_size=1, max_size=9))
@settings(max_examples=examples(12))  # a registry costs far more than a name
def test_every_good_name_is_taken_and_stays_in_the_folder_of_seeds(names: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(opened(folder)) as registry:
        for name in names:
            batches.stage(registry, name, seeds("x"))
        assert {batch.batch for batch in batches.staged_batches(registry)} == names
        assert {path.name for path in Path(folder, "lake/registry/batches").iterdir()} == names


def test_the_digest_tells_values_columns_and_order_apart() -> None:
    nan, none, order = [float("nan"), 1.0], [None, 1.0], [1.0, None]
    frames = [
        *(
            pl.DataFrame({"x": values})
            for values in (nan, none, order, ["1", "a"], [1, 2], [b"1", b"a"], [["1"], ["a"]])
        ),
        pl.DataFrame({"x": [timedelta(1), None]}),
        pl.DataFrame({"y": ["1", "a"]}),
        pl.DataFrame({"x": ["1", "a"], "y": ["1", "a"]}),
    ]
    digests = {batches.seeds_digest(frame) for frame in frames}
    assert len(digests) == len(frames)
    assert digests == {batches.seeds_digest(frame) for frame in frames}


def test_of_two_processes_with_different_seeds_one_gets_the_name(registry: Registry, ledger_url: str) -> None:
    code = (
        "import sys, polars as pl; from evergrow.resources.lake.content_files import Files\n"
        "from evergrow.resources.ledger.database import connect; from evergrow.resources.seeds.source import Seeds\n"
        "from evergrow.resources.registry.registry import Registry\n"
        "from evergrow.resources.registry.batches import stage\n"
        "frame = pl.DataFrame({'id': ['1'], 'content': [sys.argv[3]]})\n"
        "stage(Registry(connect(sys.argv[1]), Files(sys.argv[2])), 'b', Seeds(frame))\n"
    )
    arguments = [sys.executable, "-c", code, ledger_url, registry.files.locate("")]
    makers = [subprocess.Popen([*arguments, text], stderr=subprocess.PIPE) for text in "xyz"]
    errors = [maker.communicate()[1] for maker in makers]
    assert sorted(maker.returncode for maker in makers) == [0, 1, 1]
    assert sum(b"BatchExistsError" in error for error in errors) == 2
    assert batches.staged(registry, "b").read()["content"].item() in "xyz"
