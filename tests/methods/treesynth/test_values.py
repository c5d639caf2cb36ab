from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.text.fold import fold
from evergrow.methods.treesynth.values import KnownValues, ValuesReply, merge, read_reply

replies = st.builds(
    ValuesReply,
    st.sampled_from(["full", "more", "done"]),
    st.lists(st.sampled_from([f"value {n}" for n in range(30)]), max_size=10).map(tuple),
)


def test_a_reply_is_typed_and_its_values_are_cleaned() -> None:
    given_reply = {"status": "more", "values": ["- Foo", "", "2. Bar.", "Other", "x" * 200]}

    reply = read_reply(given_reply)

    assert (reply.status, reply.values) == ("more", ("Foo", "Bar"))
    assert [(value, why.partition(":")[0]) for value, why in reply.refused] == [
        ("Other", "remainder"),
        ("x" * 200, "too long"),
    ]


def test_what_an_answer_names_and_does_not_add_is_told_with_the_reason() -> None:
    known = KnownValues(("a", "b"))

    def passed_over(status: Any, *named: str) -> list[tuple[str, str]]:
        reply = read_reply({"status": status, "values": list(named)})
        return [(value, why.partition(":")[0]) for value, why in known.passed_over(reply)]

    assert passed_over("more", "A", "c", "c", "None") == [
        ("None", "remainder"),
        ("A", "repetition"),
        ("c", "repetition"),
    ]
    assert passed_over("full", "c") == [("c", "unneeded")]
    assert passed_over("done", "c") == []


@pytest.mark.parametrize(
    "given_answer",
    [
        {},
        [],
        {"status": "Complete", "values": []},
        {"status": "done", "values": "a"},
        {"status": "done", "values": [1]},
    ],
)
def test_a_reply_of_another_form_is_refused(given_answer: Any) -> None:
    with pytest.raises(ValueError, match=r"status|values"):
        read_reply(given_answer)


@given(st.lists(replies, max_size=60), st.integers(2, 40), st.integers(1, 12))
def test_asking_ends_whatever_is_replied(stream: list[ValuesReply], ask_until: int, max_asks: int) -> None:
    completion, asked = KnownValues(("a", "b")), 0
    for reply in stream + [ValuesReply("more", ())] * 20:
        if completion.over(ask_until, max_asks):
            break
        completion = completion.take(reply)
        asked += 1

    assert completion.over(ask_until, max_asks)
    assert asked <= max_asks
    assert len({fold(value) for value in completion.values}) == len(completion.values)
    assert completion.values[:2] == ("a", "b")


def test_two_asks_without_a_new_value_end_the_asking_and_full_adds_nothing() -> None:
    start = KnownValues(("a", "b"))

    assert not start.take(ValuesReply("more", ("A",))).over(50, 12)
    assert start.take(ValuesReply("more", ("A",))).take(ValuesReply("more", ())).over(50, 12)
    assert start.take(ValuesReply("full", ("c",))).values == ("a", "b")
    assert start.take(ValuesReply("done", ("c", "C "))).values == ("a", "b", "c")


def test_near_synonyms_are_merged_into_the_earlier_value() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.99, 0.141]], dtype=np.float32)

    kept, merged, closest = merge(("big", "red", "large"), vectors, 0.9)

    assert kept == ("big", "red")
    assert [(m.value, m.into) for m in merged] == [("large", "big")]
    assert closest == pytest.approx(0.0)


def test_a_split_keeps_two_values_even_if_all_are_alike() -> None:
    vectors = np.array([[1, 0], [1, 0], [0.98, 0.199]], dtype=np.float32)

    kept, merged, closest = merge(("a", "b", "c"), vectors, 0.9)

    assert kept == ("a", "c")
    assert [m.value for m in merged] == ["b"]
    assert closest > 0.9
