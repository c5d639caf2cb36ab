"""LiveCodeBench's test cases as programs: whole programs by their input and output, functions by their arguments."""

import base64
import binascii
import io
import json
import pickle
import zlib
from collections.abc import Iterable
from typing import Any

MOST_BYTES = 64 * 1024 * 1024  # of unpacked cases: more is a bomb
PROGRAM = "ANSWER"  # the name under which the tests find the text of the program

_BY_STDIN = """
import io, sys
_taken, _given = sys.stdout, sys.stdin
sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO({stdin!r}.encode())), io.TextIOWrapper(io.BytesIO())
try:
    try:
        exec(compile({program}, "answer.py", "exec"), {{"__name__": "__main__"}})
    except SystemExit:
        pass
    sys.stdout.flush()
    _said = sys.stdout.buffer.getvalue().decode(errors="replace")
finally:
    sys.stdin, sys.stdout = _given, _taken
_lines = [line.split() for line in _said.strip().splitlines()]
_wanted = [line.split() for line in {expected!r}.strip().splitlines()]
assert _lines == _wanted, f"wrote {{_said[:80]!r}}"
"""
_BY_ARGUMENTS = """
import json
_arguments = [json.loads(line) for line in {stdin!r}.splitlines() if line.strip()]
_found = (Solution().{name} if "Solution" in globals() else {name})(*_arguments)
_plain = json.loads(json.dumps(_found))  # no object of the answer's own takes part in the comparison
assert _plain == json.loads({expected!r}), f"returned {{str(_plain)[:80]}}"
"""


class UnreadableCases(ValueError):  # noqa: N818 - it says what they are
    """Test cases cannot be read; the message says why."""


def stdin_tests(cases: Iterable[object]) -> tuple[str, ...]:
    """A test for each case: the program `ANSWER`, given the input, writes the output, blanks aside."""
    return tuple(
        _BY_STDIN.format(stdin=case["input"], expected=case["output"], program=PROGRAM) for case in _all(cases)
    )


def functional_tests(cases: Iterable[object], metadata: object) -> tuple[str, ...]:
    """A test for each case: the function, given a JSON value a line, returns the JSON value.

    Raises:
        UnreadableCases: the metadata does not name the function.
    """
    told = json.loads(metadata) if isinstance(metadata, str) and metadata.strip() else metadata
    name = told.get("func_name") if isinstance(told, dict) else None
    if not isinstance(name, str) or not name.isidentifier():
        raise UnreadableCases("its metadata name no function under 'func_name'")
    return tuple(_BY_ARGUMENTS.format(stdin=case["input"], expected=case["output"], name=name) for case in _all(cases))


def _all(cases: Iterable[object]) -> list[dict[str, str]]:
    return [case for part in cases if part for case in _read(part)]


def _read(part: object) -> list[dict[str, str]]:
    listed = _unpacked(part) if isinstance(part, str) else part
    if not isinstance(listed, list) or not all(isinstance(c, dict) and {"input", "output"} <= set(c) for c in listed):
        raise UnreadableCases("its test cases are no list of inputs and outputs")
    return [{"input": str(case["input"]), "output": str(case["output"])} for case in listed]


def _unpacked(text: str) -> Any:  # noqa: ANN401 - checked by its caller
    """JSON, or as the private cases come: JSON within a pickled text, packed by zlib, in base64."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
        if unpacker.unconsumed_tail:
            raise UnreadableCases(f"its test cases are larger than {MOST_BYTES:,} bytes")
        found = _OnlyPlain(io.BytesIO(data)).load()
        return json.loads(found) if isinstance(found, str) else found
    except (binascii.Error, zlib.error, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise UnreadableCases(f"its test cases cannot be unpacked: {error}") from error


class _OnlyPlain(pickle.Unpickler):
    """Reads texts, numbers and lists; a pickle that names any class or function runs code, and is refused."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        raise pickle.UnpicklingError(f"they name {module}.{name}, and only plain values are read")
