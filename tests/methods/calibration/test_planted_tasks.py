import polars as pl

from evergrow.methods.calibration.calibration import spearman
from evergrow.methods.calibration.planted_tasks import planted_readings, planted_tasks, planted_version


def test_there_are_twelve_tasks_a_band_four_of_each_kind() -> None:
    counts = planted_tasks().filter(pl.col("probe") == "band").group_by("band", "kind").len()

    assert counts.height == 15
    assert counts["len"].unique().to_list() == [4]


def test_the_length_of_a_task_tells_nothing_of_its_band() -> None:
    known = planted_tasks().filter(pl.col("probe") == "band")

    assert abs(spearman(known["words"], known["band"]) or 1.0) < 0.2


def test_every_id_stands_once_and_every_probe_of_a_task_names_one() -> None:
    tasks = planted_tasks()
    named = tasks.filter(pl.col("probe").is_in(["addressed", "paraphrase"]))

    assert tasks["id"].is_unique().all()
    assert named["of"].is_in(tasks["id"].implode()).all()
    assert tasks["content"].str.strip_chars().str.len_chars().min() > 0  # type: ignore[operator]
    assert set(tasks["probe"]) == {
        *("band", "long_easy", "short_hard", "vague", "unsolvable", "addressed", "paraphrase")
    }


def test_an_addressed_task_holds_its_original_whole() -> None:
    tasks = planted_tasks()
    originals = dict(tasks.select("id", "content").iter_rows())

    for of, content in tasks.filter(pl.col("probe") == "addressed").select("of", "content").iter_rows():
        assert content.startswith(originals[of] + "\n\n")


def test_every_task_is_read_so_often_that_it_has_two_scores() -> None:
    for together in (1, 3):
        readings = planted_readings(together)

        assert readings.select("id", "reading").is_unique().all()
        assert readings.group_by("id").len()["len"].unique().to_list() == [2 * together]
    assert len(planted_version()) == 12
