import pytest

from evergrow.methods.verification.code import read_tests, render_tests, tests_prompt

ADD = "def add(a, b):\n    return a + b"


def test_the_prompt_fences_what_it_is_given_and_has_a_version() -> None:
    rendered = render_tests("Add {{ 7 * 7 }}.", f"{ADD}\n", 3)

    assert "Add {{ 7 * 7 }}." in rendered.user
    assert ADD in rendered.user
    assert "Write 3 tests" in rendered.user
    assert rendered.version == tests_prompt().version
    assert len({line for line in rendered.user.splitlines() if line.startswith("=== ")}) == 2


def test_tests_are_read_without_repetitions_up_to_the_number() -> None:
    tests = ["assert add(1, 2) == 3", "assert add(1, 2) == 3 ", "assert add(0, 0) == 0", "assert add(2, 2) == 4"]

    assert read_tests({"tests": tests}, 2) == ["assert add(1, 2) == 3", "assert add(0, 0) == 0"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("```python\nassert f()\n```", "assert f()"),
        ("for n in range(3):\n    assert f(n)", "for n in range(3):\n    assert f(n)"),
        ("def test_f():\n    assert f()", "def test_f():\n    assert f()\ntest_f()"),
    ],
)
def test_a_test_that_can_be_made_to_run_is_used(text: str, read: str) -> None:
    assert read_tests({"tests": [text]}, 5) == [read]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("assert add(1, 2) ==", "not valid Python"),
        ("print(add(1, 2))", "no assert"),
        ("def test_f(x):\n    assert x", "no assert"),
        ("class T:\n    def test(self):\n        assert f()", "no assert"),
        ("assert f() # " + "x" * 4_000, "longer than 4,000"),
        ("assert '\0'", "not valid Python"),
        ("assert " + "(" * 500, "not valid Python"),
        (7, "no text"),
    ],
)
def test_what_is_no_test_is_dropped_and_named_where_none_is_left(text: object, fault: str) -> None:
    assert read_tests({"tests": [text, "assert f()"]}, 5) == ["assert f()"]
    with pytest.raises(ValueError, match=f"none of the tests can be used; test 1, .*{fault}"):
        read_tests({"tests": [text]}, 5)


@pytest.mark.parametrize("answer", [None, [], {}, {"tests": []}, {"tests": "assert f()"}, {"tests": None}])
def test_an_answer_without_a_list_of_tests_is_an_error(answer: object) -> None:
    with pytest.raises(ValueError, match="no list of tests"):
        read_tests(answer, 5)
