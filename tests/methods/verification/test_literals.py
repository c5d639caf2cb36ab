"""Other literals: of the same form, never of the same value."""

import ast
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.literals import is_literal, other_literal

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
)
VALUES = st.recursive(
    PLAIN | st.frozensets(st.integers(), min_size=1).map(set),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


def literal(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@given(VALUES, st.integers(0, 9))
def test_another_value_differs_and_has_the_same_type(value: object, seed: int) -> None:
    node = literal(repr(value))
    assert is_literal(node)

    other = ast.literal_eval(ast.unparse(other_literal(node, random.Random(seed))))

    assert other != value
    assert value is None or type(other) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "2 ** 64",
        "'ab' * 3",
        "[0] * 4",
        "(1,) + (2,)",
        "-3 + 2.5",
        "set()",
        "Fraction(1, 2)",
        "date(2024, 1, 31)",
        "b'x' + b'y'",
    ],
)
def test_sums_and_known_constructors_are_literals_too(text: str) -> None:
    from datetime import date  # noqa: F401, PLC0415 - for eval
    from fractions import Fraction  # noqa: F401, PLC0415 - for eval

    other = ast.unparse(other_literal(literal(text), random.Random(0)))

    assert is_literal(literal(text))
    try:
        assert eval(other) != eval(text)
    except (TypeError, ValueError):
        assert other != text  # what cannot be made is not equal either


@pytest.mark.parametrize(
    "text", ["x", "f(1)", "[x]", "{**a}", "f'{x}'", "a.b", "lambda: 1", "dict(a=1)", "[n for n in 'ab']"]
)
def test_what_is_computed_from_names_is_none(text: str) -> None:
    assert not is_literal(literal(text))
