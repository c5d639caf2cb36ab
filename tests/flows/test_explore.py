"""The explorer's page, opened from a file in a real browser, on rows that try to be more than text."""

from collections.abc import Iterator

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from evergrow.assets.trust.explorer import explorer
from evergrow.assets.trust.map import NEAR
from evergrow.assets.trust.scene import Scene
from tests.browser import browsing

HOSTILE = "</script><script>alert('run')</script><img src=x onerror=alert('img')> {{ 7*7 }} ${alert(1)} \u2028"
ROOTS, CHILDREN = 5, 3


def rows() -> pl.DataFrame:
    """Roots with children; the first root's text, and one reason, are hostile."""
    listed: list[dict[str, object]] = []
    for root in range(ROOTS):
        own: dict[str, object] = {"parent_id": None, "stage": "seeds", "state": "kept", "reason": None, "value": None}
        text = HOSTILE if root == 0 else f"Count the invoices of kind {root}."
        listed.append({"id": f"s{root}", "content": text, **own})
        for slot in range(CHILDREN):
            state = "complexity" if slot == 2 else "kept"
            listed.append(
                {
                    "id": f"s{root}_{slot}",
                    "parent_id": f"s{root}",
                    "stage": "round_01",
                    "state": state,
                    "reason": f"{state}: <b>{HOSTILE}</b>" if slot == 2 else None,
                    "value": 5.0 + slot,
                    "content": f"Count the unpaid invoices of kind {root}, and say why slot {slot} is harder.",
                }
            )
    frame = pl.DataFrame(
        listed,
        schema_overrides={"value": pl.Float64, "parent_id": pl.String, "reason": pl.String},
        infer_schema_length=None,
    ).with_columns(batch=pl.lit("b"))
    places = [((n % 5) / 2.5 - 0.8, (n // 5) / 2.5 - 0.6) for n in range(frame.height)]
    near = pl.Series([[{"batch": "b", "id": "s1", "similarity": 0.75}]] * frame.height, dtype=NEAR)
    x, y = (pl.Series([place[axis] for place in places]) for axis in (0, 1))
    return frame.with_columns(x=x, y=y, near=near, method=pl.lit("made up"))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, list[str]]]:
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(explorer(Scene("batch:b", rows(), None, "a model")), encoding="utf-8")
    with browsing() as (page, wrong):
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-ready]")
        assert page.get_attribute("body", "data-ready") == "yes"
        yield page, wrong


@pytest.fixture
def page(opened: tuple[Page, list[str]]) -> Iterator[Page]:
    """The page, as it was opened; nothing may have gone wrong on it."""
    opened[0].click("#clear")
    yield opened[0]
    assert opened[1] == []


def count(page: Page) -> str:
    return page.inner_text("#count")


def test_it_searches_all_texts_whatever_their_case(page: Page) -> None:
    assert count(page) == "20 of 20 rows"

    page.fill("#search", "UNPAID kind 3")
    expect(page.locator("#count")).to_have_text("3 of 20 rows")

    assert {text[:2] for text in page.locator("#body .row span:nth-child(3)").all_inner_texts()} == {"s3"}


def test_filters_by_words_and_by_numbers_hold_together(page: Page) -> None:
    page.select_option("#filter-column", "state")
    page.select_option("#filter-level", label="complexity (5)")
    assert count(page) == "5 of 20 rows"

    page.select_option("#filter-column", "value")
    page.fill("#filter-high", "6")
    page.press("#filter-high", "Enter")
    assert count(page) == "0 of 20 rows"

    page.click("#filters button:has-text('state')")
    assert count(page) == "10 of 20 rows"


def test_a_row_leads_to_its_root_and_shows_what_changed(page: Page) -> None:
    page.fill("#search", "s2_1")
    expect(page.locator("#count")).to_have_text("1 of 20 rows")
    page.click("#body .row")

    assert page.locator("#ancestors button").count() == 2
    assert "unpaid" in " ".join(page.locator("#pair ins").all_inner_texts())
    page.click("#ancestors button:first-of-type")
    assert page.inner_text("#text") == "Count the invoices of kind 2."
    assert page.locator("#children button").count() == CHILDREN
    assert page.inner_text("#fields").splitlines()[:2] == ["id", "s2"]


def test_a_point_of_the_map_and_a_part_of_the_tree_are_the_same_row(page: Page) -> None:
    x, y = page.evaluate("place(6)")
    page.click("#map", position={"x": x, "y": y})
    assert page.evaluate("cell('id', state.selected)") == "s1_1"

    found = page.evaluate("box(state.places[state.ofRow[6]])")
    page.click("#clear")
    page.click("#tree", position={"x": found[0] + found[2] / 2, "y": found[1] + found[3] / 2})
    assert page.evaluate("cell('id', state.selected)") == "s1_1"
    page.click(".near")
    assert page.evaluate("cell('id', state.selected)") == "s1"


def test_text_stays_text(page: Page) -> None:
    page.evaluate("select(0)")
    assert page.inner_text("#text").startswith("</script><script>alert('run')</script><img src=x")
    assert page.locator("#detail img, #detail b, #detail script").count() == 0

    page.evaluate("select(3)")
    assert "<b></script>" in page.inner_text("#fields")
    page.select_option("#colour", "value")
    page.hover("#map", position={"x": 5, "y": 200})


def test_rows_are_sorted_by_a_column_and_those_without_a_value_come_last(page: Page) -> None:
    page.click("#head button[data-column=value]")
    page.click("#head button[data-column=value]")

    shown = page.locator("#body .row span:nth-child(5)").all_inner_texts()
    assert shown[:5] == ["7"] * 5
    assert page.evaluate("state.shown.slice(-5).every((row) => cell('value', row) === null)")


def test_the_policy_lets_nothing_else_run_and_hostile_text_is_packed() -> None:
    text = explorer(Scene("batch:b", rows(), None, "a model"))
    policy = text.partition('Content-Security-Policy" content="')[2].partition('"')[0]

    assert "default-src &#39;none&#39;" in policy or "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "alert(" not in text
    assert "{{ 7*7 }}" not in text
