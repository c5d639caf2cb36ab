"""Problems of benchmarks, whatever their file calls the columns: a question, and how an answer to it is judged."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evergrow.methods.evaluation.stdin_tests import functional_tests, stdin_tests
from evergrow.methods.verification.choices import LETTERS, options
from evergrow.methods.verification.finals import boxed, final_answer

Kind = Literal["code", "maths", "choice"]
IS_TEXT: Literal["is_text"] = "is_text"
IS_VALUE: Literal["is_value"] = "is_value"
IN_QUESTION: Literal["in_question"] = "in_question"
IDS = ("task_id", "question_id", "unique_id", "id")
TIMEOUTS_S = {"humaneval": 3.0, "mbpp": 3.0, "livecodebench": 6.0}  # what their own harnesses allow a program
CONTEXTS = ("passage", "context", "article", "paragraph", "body")  # what a question is about, read before it
ANSWERS = ("answerkey", "answer", "label", "target")
TRUTHS = ("yes", "no")  # the choices of a question whose answer is true or false
QUESTIONS = ("question", "problem", "prompt", "question_content", "text", "instruction", "content")


class UnknownForm(ValueError):  # noqa: N818 - it says what the row is not
    """A row is no problem of a known form; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem.

    Attributes:
        id: unique in its benchmark.
        kind: how an answer is judged: by running its tests, by comparing its final answer, by its letter.
        question: what the model reads.
        answer: the right final answer or letter; None for code.
        tests: programs that raise unless the code is right; empty but for code.
        before: code that the question gives and the answer may rely on.
        by_stdin: the tests run the answer as a whole program, not its names.
        timeout_s: longest that a program may run with one set of tests, seconds.
    """

    id: str
    kind: Kind
    question: str
    answer: str | None = None
    tests: tuple[str, ...] = ()
    before: str = ""
    by_stdin: bool = False
    timeout_s: float = 10.0


OTHERWISE = (IS_TEXT, IS_VALUE)  # what tells nothing of where places count from


@dataclass(frozen=True, slots=True)
class StatedPlace:
    """The place by which a row states the right one of its `choices`; `doubt`: why it might have meant something else.

    IS_TEXT: it is the text of one of them as well. IS_VALUE: they are numbers, and it is taken for the one that it
    equals. IN_QUESTION: they stand in the question, and it may be a result.
    """

    place: int
    choices: int
    doubt: Literal["is_text", "is_value", "in_question"] | None = None


def first_place(rows: Iterable[Mapping[str, Any]]) -> int | None:
    """From where the places of right choices count in these rows: 0 or 1; None if no row tells, or none states a place.

    A place 0 tells the one, a place that is as great as there are choices the other; both of them tell nothing.
    """
    stated = [found for row in rows if (found := stated_place(row)) is not None and found.doubt not in OTHERWISE]
    told = {min(found.place, 1) for found in stated if found.place in (0, found.choices)}
    return told.pop() if len(told) == 1 else None


def stated_place(row: Mapping[str, Any]) -> StatedPlace | None:
    """The number by which a row names the right one of its choices; None if it names it otherwise, or has none."""
    folded = _folded(row)
    place, listed = _place(folded), _choices(folded)
    if place is None or _labels(folded):
        return None
    if listed:
        is_text = str(_stated(folded)).strip() in map(str.strip, listed)
        if is_text and isinstance(_stated(folded), str):  # which has to be its place, too
            return None
        is_value = _value(folded) is not None
        return StatedPlace(place, len(listed), IS_VALUE if is_value else IS_TEXT if is_text else None)
    letters = options(next((str(folded[name]) for name in QUESTIONS if folded.get(name)), ""))
    return StatedPlace(place, len(letters), IN_QUESTION) if letters and 0 <= place <= len(letters) else None


def read_problem(row: Mapping[str, Any], number: int, benchmark: str, first: int = 0) -> Problem:
    """The problem in a row of a benchmark's file.

    Known forms: HumanEval (`prompt, test, entry_point`), MBPP (`text` or `prompt`, `test_list`), LiveCodeBench
    (`question_content`, `public_test_cases`, `private_test_cases`), GSM8K (`answer` after `####`), MATH (`solution` or
    `answer`, boxed or plain), choices (`choices` or `options`, columns `A`, `B` and so on, or a question that lists
    them; with the right one's letter, place, or text; `true` and `false` choose between yes and no). What a question is
    about (`passage`, `context` and the like) is read before it. Upper case in a column's name makes no difference.

    Args:
        row: by column.
        number: of the row, from 1: its id where it has none.
        benchmark: the file's stem; timeouts go by it.
        first: the place of the first choice, 0 or 1.

    Raises:
        UnknownForm: it has none of these forms.
    """
    row = _folded(row)
    id_ = next((str(row[name]) for name in IDS if row.get(name) is not None), str(number))
    timeout = next((s for name, s in TIMEOUTS_S.items() if name in re.sub(r"[^a-z]", "", benchmark.lower())), 10.0)
    if row.get("test") and row.get("entry_point"):
        return _human_eval(row, id_, timeout)
    if row.get("test_list"):
        return _mbpp(row, id_, timeout)
    if row.get("public_test_cases") or row.get("private_test_cases"):
        return _live_code_bench(row, id_, timeout)
    question = next((str(row[name]) for name in QUESTIONS if row.get(name)), None)
    if question is None:
        raise UnknownForm(f"has no question: it needs one of the columns {', '.join(QUESTIONS)}")
    whole = "\n\n".join([*_contexts(row), question.strip()])
    if isinstance(_stated(row), bool) and not _choices(row):
        row = {**row, "choices": TRUTHS, "answerkey": "A" if _stated(row) else "B"}
    listed = _choices(row)
    own = options(whole if _place(row) is None else question)  # a list in a passage makes no place of a number
    if listed or (own and _letter(row, own, first) is not None):
        return _choice(row, id_, whole, listed, first)
    final = _final(row)
    if final is None:
        raise UnknownForm("has no answer to compare with: it needs tests, an `answer`, or a boxed `solution`")
    return Problem(id_, "maths", whole, answer=final)


def _folded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name.strip().lower(): value for name, value in reversed(list(row.items()))}


def _contexts(row: Mapping[str, Any]) -> list[str]:
    """What the question is about, in the order of `CONTEXTS`."""
    found = [(name, _paragraphs(row[name])) for name in CONTEXTS if row.get(name)]
    for name, value in found:
        if not isinstance(value, str):
            raise UnknownForm(f"its `{name}`, which is read before the question, is no text: state it as one")
    return [value.strip() for _, value in found if value.strip()]


def _paragraphs(value: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    """A list of texts as one text."""
    texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return "\n\n".join(value) if texts else value


def _human_eval(row: Mapping[str, Any], id_: str, timeout: float) -> Problem:
    prompt, name = str(row["prompt"]), str(row["entry_point"])
    question = f"Complete this Python function. Answer with the whole of it, under the same name.\n\n{prompt.strip()}"
    before = re.split(rf"(?m)^(?:async )?def {re.escape(name)}\b", prompt)[0]
    tests = (f"{row['test']}\ncheck({name})",)
    return Problem(id_, "code", question, tests=tests, before=before, timeout_s=timeout)


def _mbpp(row: Mapping[str, Any], id_: str, timeout: float) -> Problem:
    tests = [str(test) for test in _list(row, "test_list")]
    setup = "\n".join([*map(str, _list(row, "test_imports")), str(row.get("test_setup_code") or "")]).strip()
    shown = "\n".join(tests)
    question = f"{row.get('text') or row.get('prompt')}\n\nIt has to pass these tests:\n\n{shown}"
    programs = tuple(f"{setup}\n{test}".strip() for test in tests)
    return Problem(id_, "code", question, tests=programs, timeout_s=timeout)


def _live_code_bench(row: Mapping[str, Any], id_: str, timeout: float) -> Problem:
    question, starter = str(row["question_content"]), str(row.get("starter_code") or "").strip()
    cases = (row.get("public_test_cases"), row.get("private_test_cases"))
    if starter:
        asked = f"{question}\n\nFill in this code, and answer with the whole of it:\n\n{starter}"
        return Problem(id_, "code", asked, tests=functional_tests(cases, row.get("metadata")), timeout_s=timeout)
    asked = f"{question}\n\nWrite a program that reads its standard input and writes to its standard output."
    return Problem(id_, "code", asked, tests=stdin_tests(cases), by_stdin=True, timeout_s=timeout)


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    """A list of values; one that a text file holds is JSON."""
    given = row.get(name)
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else None
        except ValueError:
            given = ""
    if given is None:
        return []
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise UnknownForm(f"its `{name}` is no list: write it as a JSON list")
    return list(given)


def _choices(row: Mapping[str, Any]) -> list[str]:
    return [str(choice) for choice in _listed(row)]


def _listed(row: Mapping[str, Any]) -> list[Any]:
    name = "choices" if row.get("choices") else "options"
    given = row.get(name)
    if isinstance(given, Mapping):
        return list(given.get("text") or given.values())
    columns = [letter for letter in LETTERS if row.get(letter.lower()) is not None]
    if not given and len(columns) > 1 and columns == list(LETTERS[: len(columns)]):
        return [row[letter.lower()] for letter in columns]
    return _list(row, name)


def _choice(row: Mapping[str, Any], id_: str, question: str, listed: list[str], first: int) -> Problem:
    if listed:
        lines = [f"({letter}) {text}" for letter, text in zip(LETTERS, listed, strict=False)]
        question = "\n".join([question.strip(), *lines])
    letters = options(question)
    value = _value(row)
    letter = _letter(row, letters, first) if value is None else LETTERS[value]
    as_text = _letter_of(row, listed)
    # A number among texts is a place; a text may be either, as "2" is among the choices "1", "2" and "3".
    if letter and as_text and letter != as_text and isinstance(_stated(row), str) and not _labels(row):
        raise UnknownForm(
            f"its answer {_stated(row)!r} may mean the choice {letter} or the text of {as_text}: state the letter"
        )
    letter = letter or as_text
    if letter is None:
        raise UnknownForm(f"has choices, but no answer among {', '.join(letters)}")
    return Problem(id_, "choice", question, answer=letter)


def _letter(row: Mapping[str, Any], letters: Sequence[str], first: int) -> str | None:
    """The right letter: stated as one, as its place, or as a label of the row's own such as ARC's digits."""
    labels = _labels(row)
    if labels and str(_stated(row)) in labels:
        return letters[list(labels).index(str(_stated(row)))]
    place = _place(row)
    if place is not None:
        return letters[place - first] if first <= place < len(letters) + first else None
    text = str(_stated(row) or "").strip().strip("().").upper()
    return text if text in letters else None


def _place(row: Mapping[str, Any]) -> int | None:
    """The number that is stated as the answer, if it is one."""
    stated = _stated(row)
    if isinstance(stated, int) and not isinstance(stated, bool):
        return stated
    text = str(stated or "").strip().strip("().")
    return int(text) if text.isascii() and text.isdecimal() else None


def _value(row: Mapping[str, Any]) -> int | None:
    """Which of the choices, from 0, is the number that is stated as the answer, where all are numbers."""
    numbers = [_stated(row), *_listed(row)]
    if _labels(row) or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers):
        return None
    places = [place for place, one in enumerate(numbers[1:]) if one == numbers[0]]
    return places[0] if len(places) == 1 else None


def _labels(row: Mapping[str, Any]) -> Sequence[Any] | None:
    """What a row of its own calls its choices, if it does."""
    found = row["choices"].get("label") if isinstance(row.get("choices"), Mapping) else None
    return found or None


def _letter_of(row: Mapping[str, Any], listed: Sequence[str]) -> str | None:
    """The letter of the one choice whose text is the answer."""
    places = [place for place, text in enumerate(listed) if text.strip() == str(_stated(row)).strip()]
    return LETTERS[places[0]] if len(places) == 1 else None


def _stated(row: Mapping[str, Any]) -> object:
    return next((row[name] for name in ANSWERS if row.get(name) is not None), None)


def _final(row: Mapping[str, Any]) -> str | None:
    for name in ("answer", "solution", "target", "expected_answer"):
        text = row.get(name)
        if text is None:
            continue
        if isinstance(text, list | dict):
            raise UnknownForm(
                f"its `{name}` is a list or an object, where one value is compared with: state it as a text"
            )
        if (found := final_answer(str(text))) is not None:
            return found
        if name != "solution" and boxed(str(text)) is None and str(text).strip():
            return str(text).strip()
    return None
