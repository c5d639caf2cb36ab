import pytest

from evergrow.methods.verification import code_tests as tester
from evergrow.methods.verification.code_tests import WrittenTests, read_tests, render_tests

ADD = "def add(a, b):\n    return a + b"


def usable(*texts: object, code: str = "", packages: tuple[str, ...] = ()) -> list[str]:
    return list(read_tests({"tests": list(texts)}, 9, code, packages).usable)


def test_the_prompt_fences_what_it_is_given_and_has_a_version() -> None:
    rendered = render_tests("Add {{ 7 * 7 }}.", f"{ADD}\n", 3)

    assert "Add {{ 7 * 7 }}." in rendered.user
    assert ADD in rendered.user
    assert "Write 3 tests" in rendered.user
    assert rendered.version == tester.tests_prompt().version
    assert len({line for line in rendered.user.splitlines() if line.startswith("=== ")}) == 2


def test_the_prompt_names_the_packages_and_only_what_is_missing_of_earlier_tests() -> None:
    earlier = WrittenTests(("assert add(1, 2) == 3",), ("test 2, 'print(1)': has no assert",))
    rendered = render_tests("Add.", ADD, 1, ("numpy", "pandas"), earlier)

    assert "Write 1 test that" in rendered.user
    assert "numpy, pandas" in rendered.user
    assert "assert add(1, 2) == 3" in rendered.user
    assert "test 2, 'print(1)': has no assert" in rendered.user
    assert len({line for line in rendered.user.splitlines() if line.startswith("=== ")}) == 4


def test_tests_are_read_without_repetitions_up_to_the_number() -> None:
    tests = ["assert add(1, 2) == 3", "assert add(1, 2) == 3 ", "assert add(0, 0) == 0", "assert add(2, 2) == 4"]

    assert read_tests({"tests": tests}, 2).usable == ("assert add(1, 2) == 3", "assert add(0, 0) == 0")


CASE = "import unittest\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(), 1)"
RUN_CASE = "import unittest\nunittest.defaultTestLoader.loadTestsFromTestCase(T).debug()"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("```python\nassert f()\n```", "assert f()"),
        ("for n in range(3):\n    assert f(n)", "for n in range(3):\n    assert f(n)"),
        ("def test_f():\n    assert f()", "def test_f():\n    assert f()\ntest_f()"),
        ("def check(data):\n    assert f(data)\ncheck(1)", "def check(data):\n    assert f(data)\ncheck(1)"),
        ("def a(x):\n    assert f(x)\ndef b(x):\n    a(x)\nb(1)",) * 2,
        (
            "async def test_f():\n    assert await f()",
            "async def test_f():\n    assert await f()\nimport asyncio\nasyncio.run(test_f())",
        ),
        (CASE, f"{CASE}\n{RUN_CASE}"),
        (f"{CASE}\nunittest.main()", "\n".join((CASE.replace("class T", "\nclass T").replace(
            "    def", "\n    def"), RUN_CASE))),
        (
            "class TestF:\n    def test_a(self):\n        assert f()",
            "class TestF:\n    def test_a(self):\n        assert f()\nTestF().test_a()",
        ),
        ("try:\n    f()\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError",) * 2,
        (
            "import pytest\nwith pytest.raises(ValueError, match='no'):\n    f()",
            "import math\nimport unittest\nwith unittest.TestCase().assertRaisesRegex(ValueError, 'no'):\n    f()",
        ),
        (
            "import pytest\nassert f() == pytest.approx(0.3, abs=0.1)",
            "import math\nimport unittest\nassert math.isclose(f(), 0.3, rel_tol=1e-06, abs_tol=0.1)",
        ),
    ],
)  # fmt: skip
def test_a_test_that_can_be_made_to_run_is_used(text: str, read: str) -> None:
    assert usable(text) == [read]


def test_names_of_the_program_are_taken_from_no_module() -> None:
    assert usable("from solution import add\nassert add(1, 2) == 3", code=ADD) == ["assert add(1, 2) == 3"]
    assert usable("import answer\nassert answer.add(1, 2) == 3", code=ADD) != []


def test_packages_that_are_there_may_be_imported() -> None:
    text = "import numpy as np\nassert f(np.zeros(3)) == 0"

    assert usable(text, packages=("numpy",)) == [text]
    with pytest.raises(ValueError, match="imports numpy, which is not there"):
        usable(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("assert add(1, 2) ==", "not valid Python"),
        ("print(add(1, 2))", "no assert"),
        ("def test_f(x):\n    assert x", "test_f asks for x"),
        ("def check(x):\n    assert x", "no assert"),
        ("class T:\n    def check(self):\n        assert f()", "no assert"),
        (
            "class T:\n    def setUp(self):\n        self.x = 1\n    def test(self):\n        assert f()",
            "sets itself up",
        ),
        ("assert f() # " + "x" * 4_000, "longer than 4,000"),
        ("assert '\0'", "not valid Python"),
        ("assert " + "(" * 500, "not valid Python"),
        (7, "no text"),
        ("import pytest\n@pytest.mark.parametrize('x', [1])\ndef test_f(x):\n    assert x", "imports pytest"),
        ("import requests\nassert f()", "imports requests"),
        ("def add(a, b):\n    return a + b\nassert add(1, 2) == 3", "defines add itself"),
    ],
)
def test_what_is_no_test_is_dropped_and_named(text: object, fault: str) -> None:
    read = read_tests({"tests": [text, "assert f()"]}, 5, ADD)

    assert read.usable == ("assert f()",)
    assert len(read.dropped) == 1
    assert read.dropped[0].startswith("test 1, ")
    assert fault in read.dropped[0]
    with pytest.raises(ValueError, match=f"none of the tests can be used; test 1, .*{fault}"):
        read_tests({"tests": [text]}, 5, ADD)


@pytest.mark.parametrize("answer", [None, [], {}, {"tests": []}, {"tests": "assert f()"}, {"tests": None}])
def test_an_answer_without_a_list_of_tests_is_an_error(answer: object) -> None:
    with pytest.raises(ValueError, match="no list of tests"):
        read_tests(answer, 5)
