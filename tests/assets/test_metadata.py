"""What the UI shows of a table."""

import base64
from xml.etree import ElementTree

import dagster as dg
import polars as pl

from evergrow.assets.metadata import against, asked, histogram, image, sample


def drawn(shown: dg.MetadataValue) -> list[str]:
    """The lines of a picture."""
    data = str(shown.value).partition("base64,")[2].removesuffix(")")
    return [text for text in ElementTree.fromstring(base64.b64decode(data)).itertext() if text.strip()]


def test_a_spread_is_a_picture_with_figures_that_plot() -> None:
    shown = histogram(pl.DataFrame({"complexity": [1.0, 1.5, 9.9, None]}), "complexity", 1, 10)

    assert drawn(shown["complexity_spread"])[:2] == ["1 to 2", "2"]
    assert shown["complexity_mean"].value == (1.0 + 1.5 + 9.9) / 3
    assert {"complexity_p10", "complexity_p90"} < set(shown)


def test_of_no_value_there_is_no_picture_and_no_zero() -> None:
    assert (
        histogram(pl.DataFrame({"complexity": [None, None]}, schema={"complexity": pl.Float64}), "complexity", 1, 10)
        == {}
    )
    assert against({"requests": 0, "usd": None}, {"requests": 0, "usd": 3.0}) == {}


def test_a_plan_stands_beside_what_it_became() -> None:
    shown = against({"requests": 10, "tokens": 200.0}, {"requests": 12, "tokens": 100})

    assert drawn(shown["plan_against_actual"])[2:] == [
        "requests, expected", "10", "requests, actual", "12", "tokens, expected", "200", "tokens, actual", "100"
    ]  # fmt: skip


def test_sample_rows_are_cut_and_rejected_ones_left_out() -> None:
    table = pl.DataFrame({"id": ["a", "b"], "content": ["x" * 999, "y"], "reason": [None, "too_short"]})

    shown = sample(table, "content")["sample"]

    assert isinstance(shown, dg.TableMetadataValue)
    assert [len(str(record.data["content"])) for record in shown.records] == [200]


def test_a_picture_has_words_for_those_who_cannot_see_it() -> None:
    assert str(image("<svg/>", "the tree").value).startswith("![the tree](data:image/svg+xml;base64,")


def test_a_forecast_is_drawn_beside_what_the_engine_did_and_all_figures_stay() -> None:
    planned = {"planned_requests": 4, "planned_usd": None, "planned_s": 2.0, "planned_from": "generator: history"}
    shown = asked(planned, {"requests": 5, "usd": 0.1, "wall_s": 1.0, "failed": 0})

    assert next(iter(shown)) == "plan_against_actual"
    assert drawn(shown["plan_against_actual"])[2::2] == [
        "requests, expected", "requests, actual", "s, expected", "s, actual"
    ]  # fmt: skip
    assert shown["planned_usd"] is None
    assert (shown["failed"], shown["planned_from"]) == (0, "generator: history")
