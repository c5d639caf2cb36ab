"""`evergrow explore` of a batch, a tree and a release, served to a real browser and written as a folder."""

import signal
import urllib.error
import urllib.request
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import expect

from evergrow.assets.names import PAGE
from evergrow.assets.trust.map import placed
from evergrow.assets.trust.scene import Rows, kept_map, rows_of
from evergrow.cli.options import workspace_of
from evergrow.cli.page_server import serve_page
from evergrow.cli.ui import UiError
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.versions import latest_materialization, noted
from tests.browser import browsing
from tests.cli.conftest import Evergrow
from tests.command import started
from tests.conftest import FakeEndpoint


def test_a_served_batch_is_searched_filtered_and_followed_from_a_row_to_its_seed(
    here: Evergrow, tmp_path: Path
) -> None:
    with browsing() as (page, wrong), started("explore", "--batch", "code", folder=tmp_path / "work") as command:
        command.until(lambda: "Ctrl-C ends it" in command.said)
        url = command.said.split()[command.said.split().index("shows") - 1]
        page.goto(url)
        page.wait_for_selector("body[data-ready=yes]")
        rows = int(page.evaluate("state.rows"))
        assert f"shows {rows} rows" in command.said

        page.select_option("#filter-column", "stage")
        page.select_option("#filter-level", label="round_01 (8)")
        expect(page.locator("#count")).to_have_text(f"8 of {rows} rows")
        page.fill("#search", "s1_1")
        expect(page.locator("#count")).to_have_text(f"1 of {rows} rows")
        page.click("#body .row")
        expect(page.locator("#detail code")).to_have_text("evergrow trace 's1_1' --batch 'code'")
        page.click("#ancestors button:first-of-type")
        expect(page.locator("#text")).to_contain_text("def count_planets_1(items)")
        assert page.locator("#detail .near").count() > 0
        assert wrong == []

        for other, code in ((f"{url}data", 404), (url, 403)):
            request = urllib.request.Request(other, headers={"Host": "evil.example:80"} if code == 403 else {})
            with pytest.raises(urllib.error.HTTPError, match=str(code)):
                urllib.request.urlopen(request)
        command.process.send_signal(signal.SIGINT)
        assert command.wait() == 0


def test_a_folder_opens_without_a_server_and_holds_the_rows_as_data(here: Evergrow, tmp_path: Path) -> None:
    said = here("explore", "--tree", "t", "--out", tmp_path / "t")

    assert said.code == 0, said.err
    rows = pl.read_parquet(tmp_path / "t" / "rows.parquet")
    assert {"id", "leaf_id", "x", "y", "near"} <= set(rows.columns)
    with browsing() as (page, wrong):
        page.goto((tmp_path / "t" / "index.html").as_uri())
        page.wait_for_selector("body[data-ready=yes]")
        page.evaluate("select(0)")
        expect(page.locator("#ancestors button").first).to_contain_text("the whole space")
        assert page.locator("#ancestors button").count() == 3
        assert wrong == []


def test_a_map_that_is_kept_lies_in_the_lake_and_is_what_is_shown(here: Evergrow, tmp_path: Path) -> None:
    assert here("explore", "--batch", "code", "--keep", "--out", tmp_path / "kept").code == 0
    assert here("explore", "--batch", "code", "--out", tmp_path / "again").code == 0
    table = here("table", "quality/map", "--partition", "batch:code", "--json").json

    shown = pl.read_parquet(tmp_path / "again" / "rows.parquet")
    assert [(row["id"], row["x"]) for row in table] == list(shown.select("id", "x").iter_rows())
    assert len({row["method"] for row in table}) == 1

    with workspace_of() as workspace:
        rows = rows_of(workspace.frontier.place(workspace.instance, PAGE, "batch:code"), workspace.lake)
        embedder = Embedder(workspace.settings.embedding, workspace.lake.files, workspace.progress)
        there = (workspace.instance, workspace.lake)
        assert kept_map(*there, rows, embedder.identity) is not None
        assert kept_map(*there, rows, "another model") is None
        assert kept_map(*there, Rows(rows.of, rows.frame[1:], None), embedder.identity) is None
        assert placed(rows.frame, embedder, near=False)["near"].list.len().to_list() == [0] * rows.frame.height
        assert min(placed(rows.frame, embedder)["near"].list.len().to_list()) > 0


def test_a_page_that_is_kept_lies_beside_the_data_and_is_shown_while_it_is_of_todays_rows(
    here: Evergrow, tmp_path: Path
) -> None:
    words, kept = "as quality/page keeps them", tmp_path / "kept"
    assert words in here("explore", "--tree", "t", "--keep", "--out", kept).err
    [held] = here("table", "quality/page", "--partition", "tree:t", "--json").json
    with workspace_of() as workspace:
        page, data = (workspace.lake.files.local / held[name] for name in ("page", "data"))
        assert noted(latest_materialization(workspace.instance, PAGE, "tree:t"), "page") == str(page)
        rows = rows_of(workspace.frontier.place(workspace.instance, PAGE, "tree:t"), workspace.lake)
        assert rows.digest("x") == Rows(rows.of, rows.frame.rechunk(), rows.nodes).digest("x")
        assert rows.digest("x") != Rows(rows.of, rows.frame.reverse(), rows.nodes).digest("x")
        assert rows.digest("x") != rows.digest("y")

    assert page.read_bytes() == (kept / "index.html").read_bytes()
    assert pl.read_parquet(data).equals(pl.read_parquet(kept / "rows.parquet"))
    assert pl.read_parquet(data).height == held["shown"] > 0
    for other in (["--with-secrets"], ["--set", "cleaning.personal_data=false"]):
        assert words not in here("explore", "--tree", "t", *other, "--out", tmp_path / "other").err
    with pytest.MonkeyPatch.context() as later:
        later.setattr("evergrow.assets.trust.page.RULES_VERSION", 10**6)  # which may withhold what this one shows
        assert words not in here("explore", "--tree", "t", "--out", tmp_path / "other").err
    page.write_text("<p>somebody else's</p>")
    assert words not in here("explore", "--tree", "t", "--out", tmp_path / "made").err
    assert (tmp_path / "made" / "index.html").read_bytes() == (kept / "index.html").read_bytes()


def test_a_report_of_a_batch_holds_every_section_and_asks_nobody(here: Evergrow, tmp_path: Path) -> None:
    file = tmp_path / "new" / "report.html"
    said = here("report", "--batch", "code", "--out", file)

    assert said.code == 0, said.err
    with browsing() as (page, wrong):
        page.goto(file.as_uri())
        titles = page.locator("h2").all_inner_texts()
        assert titles[:4] == ["Funnel", "Scores by round", "Set measures", "Map"]
        assert {"Tree", "Cost", "The judge's calibration", "Contamination", "Best rows", "Rejected rows"} < set(titles)
        assert page.locator("img").count() >= 6
        assert page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        assert "evergrow measure --batch code" in page.inner_text("body")
        assert "evolution/round_01/complexity" in page.inner_text("table >> nth=3")
        assert wrong == []
    assert here("report", "--tree", "t", "--out", tmp_path).code == 2


def test_a_release_is_shown_with_the_ancestors_of_its_rows(here: Evergrow, tmp_path: Path) -> None:
    assert here("release", "--batch", "code").code == 0
    assert here("explore", "--release", "main", "--out", tmp_path).code == 0
    assert here("report", "--release", "main", "--out", tmp_path / "report.html").code == 0

    rows = pl.read_parquet(tmp_path / "rows.parquet")
    released = rows.filter(pl.col("reached") == "release")
    assert set(released["parent_id"].drop_nulls()) <= set(rows["id"])
    assert {"seeds", "round_01"} == set(rows["stage"])
    assert "release" in (tmp_path / "report.html").read_text()


def test_answers_to_a_trees_samples_are_paid_from_what_growing_it_left(
    here: Evergrow, project: tuple[Path, FakeEndpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree,) = (one for one in here("status", "--json").json if (one["kind"], one["name"]) == ("tree", "t"))
    asked = project[1].stats()["requests"]

    with monkeypatch.context() as limited:
        limited.setenv("EVERGROW_BUDGET__MAX_TOKENS", str(tree["tokens"] + 1))
        said = here("release", "--tree", "t", "--name", "grown")

    assert said.code == 1
    assert "for tree 't' and the answers to its samples" in said.err.replace("\n", " ")
    assert project[1].stats()["requests"] == asked
    assert here("release", "--tree", "t", "--name", "grown").code == 0


def test_what_a_tree_cost_is_told_apart_from_what_each_of_the_rows_did(here: Evergrow, tmp_path: Path) -> None:
    assert here("release", "--tree", "t", "--name", "grown").code == 0
    assert here("report", "--release", "grown", "--out", tmp_path / "report.html").code == 0
    assert here("export", "--name", "grown", "--out", tmp_path / "files").code == 0

    cost = (tmp_path / "report.html").read_text().partition('id="cost"')[2].partition("<h2")[0]
    per_row, _, of_tree = cost.partition("Trees whose samples are among the seeds")
    assert "dataset/responses" in per_row
    assert "treesynth/" not in per_row
    spent = {one["kind"]: one["requests"] for one in here("status", "--json").json if one["name"] == "t"}
    assert f">{spent['tree']}<" in of_tree
    assert "What growing a tree cost is told apart" in cost
    assert "What is told of a tree is what all of it cost" in (tmp_path / "files" / "README.md").read_text()


def test_texts_with_secrets_are_withheld_unless_they_are_asked_for(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    token, mail = "ghp_" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zA2", "jane.miller@siemens.com"
    texts = [f"Clone the repository with {token}, then build it.", f"Write to {mail} about it.", "Sort five numbers."]
    pl.DataFrame({"content": texts, "id": ["a", "b", "c"]}).write_ndjson(tmp_path / "s.jsonl")
    assert evergrow("seeds", "add", "s.jsonl", "--batch", "b").code == 0
    assert evergrow("run", "--batch", "b", "--rounds", "1", "--set", "evolution.margin=-10").code == 0

    assert evergrow("explore", "--batch", "b", "--out", "page").code == 0
    assert evergrow("report", "--batch", "b", "--out", "report.html").code == 0
    assert evergrow("explore", "--batch", "b", "--with-secrets", "--out", "whole").code == 0
    assert evergrow("report", "--batch", "b", "--with-secrets", "--out", "whole.html").code == 0

    seeds = [pl.read_parquet(f"{name}/rows.parquet").filter(stage="seeds").sort("id") for name in ("page", "whole")]
    assert seeds[0]["content"].to_list() == [
        "[withheld: secret: looks like a GitHub token]",
        "[withheld: personal: e-mail address]",
        texts[2],
    ]
    assert seeds[1]["content"].to_list() == texts
    report = Path("report.html").read_text()
    assert not [word for word in (token, mail) if word in report]
    assert token not in Path("page/index.html").read_text()


def test_what_was_forgotten_is_not_shown(here: Evergrow, tmp_path: Path) -> None:
    assert here("explore", "--batch", "code", "--keep", "--out", tmp_path / "before").code == 0
    assert here("forget", "--seed", "s1", "--yes").code == 0
    assert here("explore", "--batch", "code", "--out", tmp_path / "page").code == 0
    assert here("report", "--batch", "code", "--out", tmp_path / "report.html").code == 0

    rows, before = (pl.read_parquet(tmp_path / name / "rows.parquet") for name in ("page", "before"))
    assert rows.height == before.filter(pl.col("root_id") != "s1").height < before.height
    near = set(rows["near"].explode().struct.field("id"))
    assert near <= set(rows["id"])
    assert "count_planets_1(" not in (tmp_path / "report.html").read_text()


def test_what_cannot_be_shown_is_one_sentence(here: Evergrow) -> None:
    assert "unknown batch 'nosuch'" in here("explore", "--batch", "nosuch").err
    assert here("explore").code == 2
    nothing = here("explore", "--release", "nosuch")
    assert (nothing.code, "`evergrow release --name nosuch` makes it" in nothing.err) == (1, True)


def test_a_port_that_is_taken_is_said() -> None:
    def second(url: str) -> None:
        with pytest.raises(UiError, match="cannot be used"):
            serve_page("", int(url.rpartition(":")[2].strip("/")), lambda _: None)
        signal.raise_signal(signal.SIGINT)

    serve_page("", 0, second)


def test_children_that_a_closed_gate_holds_up_are_shown_as_gated(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, seed_file: Path
) -> None:
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0
    assert evergrow("run", "--batch", "b", "--rounds", "1", "--set", "gates.complexity.min_mean=9.9").code == 1

    assert evergrow("explore", "--batch", "b", "--out", "page").code == 0
    assert evergrow("report", "--batch", "b", "--out", "report.html").code == 0

    rows = pl.read_parquet("page/rows.parquet")
    children = rows.filter(stage="round_01")
    assert (rows.height, children.height) == (12, 8)
    assert set(children["state"]) == {"gated"}
    assert children["complexity"].null_count() == 0
    assert children["reason"].str.contains("gated: quality gate evolution/round_01/complexity:complexity_gate").all()
    assert set(rows.filter(stage="seeds")["state"]) == {"kept"}
    assert "gates.complexity.min_mean" in Path("report.html").read_text()
    assert evergrow("run", "--batch", "b", "--set", "gates.complexity.min_mean=1").code == 0
    assert evergrow("explore", "--batch", "b", "--out", "page").code == 0
    assert "gated" not in set(pl.read_parquet("page/rows.parquet")["state"])
