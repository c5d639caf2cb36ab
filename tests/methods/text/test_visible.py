"""Text that is shown commands nothing: neither a terminal nor a page."""

from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.provenance.steps import TraceStep
from evergrow.methods.provenance.trace_page import trace_page
from evergrow.methods.text.visible import UNSEEN, visible
from evergrow.resources.pages.page import page

HOSTILE = "a\x1b[2Jb\x00c\u202ed\u200be\x07"


@given(st.text())
def test_what_is_left_is_seen_and_of_the_same_length(text: str) -> None:
    shown = visible(text)

    assert len(shown) == len(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    assert visible("".join(c for c in text if c.isprintable())) == "".join(c for c in text if c.isprintable())


def test_pages_hold_none_of_it_and_their_own_code_is_as_it_was() -> None:
    step = TraceStep(id="s0", kind="seed", says="a seed", row={"id": "s0", "note": HOSTILE}, content=HOSTILE)
    for made in (trace_page("s0", [step], "1"), page("report.html.j2", title=HOSTILE, about=HOSTILE, sections=[])):
        assert f"a{UNSEEN}[2Jb{UNSEEN}c{UNSEEN}d{UNSEEN}e{UNSEEN}" in made
        assert not {"\x1b", "\x00", "\u202e", "\u200b", "\x07"} & set(made)
        assert "<style>" in made
