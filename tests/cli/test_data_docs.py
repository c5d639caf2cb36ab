"""`evergrow data-docs`: Great Expectations' own pages about the gates of a batch or a tree."""

from pathlib import Path

from tests.cli.conftest import Evergrow


def test_each_gate_of_a_batch_has_its_page_and_no_verdict_changes(here: Evergrow) -> None:
    before = here("status", "--batch", "code", "--json").json

    said = here("data-docs", "--batch", "code", "--out", "pages")

    assert said.code == 0, said.err
    pages = {path: path.read_text() for path in Path("pages").rglob("*.html")}
    text = "\n".join(pages.values())
    assert Path("pages/index.html") in pages
    assert [name for name in ("complexity_gate", "diversity_gate", "accepted_gate") if name not in text] == []
    assert "the funnel adds up" in text
    assert "count_planets" not in text  # a text of the dataset
    assert here("status", "--batch", "code", "--json").json == before


def test_a_tree_has_pages_too_and_what_has_no_gates_is_said(here: Evergrow) -> None:
    assert here("data-docs", "--tree", "t", "--out", "tree").code == 0
    assert "level_gate" in "\n".join(path.read_text() for path in Path("tree").rglob("*.html"))

    assert here("data-docs", "--batch", "nosuch").code == 2
    nothing = here("data-docs", "--batch", "plain")
    assert (nothing.code, "evergrow status" in nothing.err) == (1, True)


def test_files_of_others_are_left_alone_and_only_earlier_pages_are_replaced(here: Evergrow) -> None:
    own = Path("site/index.html")
    own.parent.mkdir()
    own.write_text("mine")
    Path("file").write_text("mine")

    refused = here("data-docs", "--batch", "code", "--out", "site")

    assert (refused.code, list(own.parent.iterdir()), own.read_text()) == (2, [own], "mine")
    assert "(index.html): name another folder with --out" in refused.err
    assert here("data-docs", "--batch", "code", "--out", "file").code == 2
    assert here("data-docs", "--batch", "code", "--out", "pages").code == 0
    assert here("data-docs", "--batch", "code", "--out", "pages").code == 0


def test_by_default_each_has_a_folder_of_its_own_and_the_last_words_say_what_the_pages_need(here: Evergrow) -> None:
    said = here("data-docs", "--batch", "code")
    assert here("data-docs", "--tree", "t").code == 0

    assert Path("data-docs/batch-code/index.html").is_file()
    assert Path("data-docs/tree-t/index.html").is_file()
    assert list(Path("data-docs/batch-code/validations").rglob("*.html"))
    assert "without it the index is blank, and the pages lie under data-docs/batch-code/validations" in said.err
