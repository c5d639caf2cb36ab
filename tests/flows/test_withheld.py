"""What the pages withhold of rows that cleaning dropped, wherever it stands."""

import polars as pl

from evergrow.assets.trust.rows import _allowed
from evergrow.assets.trust.scene import withheld
from evergrow.methods.quality.rules import CleaningRules
from evergrow.resources.registry.bans import Ban, Kind

NONE = CleaningRules(secrets=False, personal_data=False)


def test_all_texts_of_a_row_that_cleaning_dropped_are_withheld() -> None:
    texts = {name: ["one", "two", "three"] for name in ("content", "response", "final_answer", "verdict_detail")}
    rows = pl.DataFrame({
        "id": ["a", "b", "c"], "state": ["secret", "kept", "leftover"],
        "reason": ["secret: looks like a token", None, "leftover: a mark of a template"], **texts,
    })  # fmt: skip

    found = withheld(rows, NONE)

    assert found["content"].to_list() == ["[withheld: secret: looks like a token]", "two", "three"]
    assert all(found[name].to_list() == [None, "two", "three"] for name in list(texts)[1:])
    assert found.columns == rows.columns


def test_a_secret_in_the_answer_of_a_row_that_was_never_cleaned_is_withheld() -> None:
    answer = "Use AKIAIOSFODNN7REALKEY"  # of no reason: only its shape tells
    rows = pl.DataFrame({"id": ["a"], "state": ["kept"], "content": ["How?"], "response": [f"{answer}."]})

    assert withheld(rows, NONE).equals(rows)
    mail = rows.with_columns(response=pl.lit("Ask jane.miller@siemens.com."))
    assert withheld(mail, CleaningRules())["content"].to_list() == ["[withheld: personal: e-mail address]"]
    assert withheld(rows.clear(), CleaningRules()).is_empty()


def test_rows_that_descend_from_something_banned_are_not_shown() -> None:
    rows = pl.DataFrame({
        "batch": ["b"] * 5, "id": ["s0", "s0_1", "s1", "s1_0", "s1_0_1"], "root_id": ["s0", "s0", "s1", "s1", "s1"],
        "stage": ["seeds", "round_01", "seeds", "round_01", "round_02"], "license": ["MIT", None, "X", None, None],
        "generator_model": [None, "m", None, "n", "m"],
    })  # fmt: skip

    def shown(kind: Kind, value: str) -> list[str]:
        return _allowed(rows, [Ban(kind, value)])["id"].to_list()

    assert shown("seed", "s0") == shown("licence", "mit") == ["s1", "s1_0", "s1_0_1"]
    assert shown("model", "n") == ["s0", "s0_1", "s1"]
    assert shown("seed", "nobody") == _allowed(rows, [])["id"].to_list() == rows["id"].to_list()
