from xml.etree import ElementTree

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.releasing.funnel_picture import funnel_picture
from evergrow.methods.releasing.summaries import score_histogram, split_table, verdict_table
from tests.releases import FUNNEL, row, table


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=40))
def test_every_row_is_in_one_bin(scores: list[float | None]) -> None:
    bins = score_histogram(table(*(row(n, diversity=score) for n, score in enumerate(scores))), "diversity")

    assert bins["rows"].sum() == len(scores)
    assert bins.filter(pl.col("from").is_null())["rows"].sum() == scores.count(None)


def test_scores_lie_in_the_bin_that_they_start() -> None:
    rows = table(row(1, diversity=0.1 * 3), row(2, diversity=1.0), row(3, diversity=0.79), row(4, diversity=None))

    bins = {low: count for low, count in score_histogram(rows, "diversity").iter_rows() if count}

    assert bins == {0.3: 1, 0.7: 1, 1.0: 1, None: 1}


def test_splits_and_verdicts_are_counted() -> None:
    rows = table(row(1), row(2, split="test"), row(3, verdict=None), row(4, split="validation"))

    assert split_table(rows, rows["root_id"]).rows() == [("train", 2, 2), ("validation", 1, 1), ("test", 1, 1)]
    assert verdict_table(rows).rows() == [("text", "pass", 3), ("text", None, 1)]


def test_the_picture_of_the_funnel_is_svg_with_all_text_escaped() -> None:
    picture = ElementTree.fromstring(funnel_picture(FUNNEL))

    texts = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "<b>clean</b>" in texts
    assert "20 of 30" in texts
    assert not list(picture.iter("{http://www.w3.org/2000/svg}b"))


def test_stages_of_several_batches_are_one_bar_and_many_stages_are_counted() -> None:
    assert "40 of 60" in funnel_picture(pl.concat([FUNNEL, FUNNEL]))
    many = pl.concat([FUNNEL.with_columns(stage=pl.format("s{}", pl.lit(n))) for n in range(70)])
    assert "and 10 more stages" in funnel_picture(many)
    ElementTree.fromstring(funnel_picture(FUNNEL.clear()))
