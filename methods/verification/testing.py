"""The program that tries an answer on its tests, and how its report is read.

An answer runs in the same process as its tests, so it can reach the harness through its callers' frames and report what
it likes. What it prints, how it exits and what it replaces in the standard library does nothing; and a report counts
only if it says of each test whether its expectation was right or wrong (see `expectations`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evergrow.methods.text.answers import excerpt

DETAIL_CHARS = 200
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # another one in each run

_HARNESS = """
import builtins
# Its own ones, from here on: the answer may replace those that it sees itself.
__builtins__ = dict(vars(builtins))

def try_tests(code, tests, nonce):
    import io, os, sys
    write, leave, say_to, home, most = os.write, os._exit, os.dup(1), os.getcwd(), 1 << 16
    forbidden, first_builtins = set(), dict(vars(builtins))
    first_environment, first_arguments = dict(os.environ), sys.argv[:]

    def listen(event, given):
        if event in ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen"):
            forbidden.add("processes")
        elif event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
            forbidden.add("network")
        elif event == "socket.__new__" and int(given[1]) != 1:
            forbidden.add("network")

    class Bytes(io.BytesIO):
        def write(self, data):
            if self.tell() > most:
                write(1, bytes(data))
            return super().write(data)

    class Printed(io.TextIOWrapper):
        def getvalue(self):
            self.flush()
            return self.buffer.getvalue().decode("utf-8", "replace")

    def printed():
        return Printed(Bytes(), "utf-8", "backslashreplace", "", write_through=True)

    class Loader:
        def create_module(self, spec):
            return None
        def exec_module(self, module):
            exec(self.get_code(), module.__dict__)
        def is_package(self, name=None):
            return False
        def get_source(self, name=None):
            return code
        def get_code(self, name=None):
            return compile(code, "answer.py", "exec", dont_inherit=True)

    def emptied(folder):
        names = os.listdir(folder)
        if names:
            import shutil
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    os.unlink(path)

    def missing(error):
        for _ in range(10):
            if isinstance(error, ModuleNotFoundError) and isinstance(error.name, str):
                return error.name.partition(".")[0]
            error = error and (error.__cause__ or error.__context__)

    def attempt(source, name, values):
        try:
            exec(compile(source, name, "exec", dont_inherit=True), values)
        except MemoryError:
            raise
        except BaseException as error:
            try:
                said = str(error)
            except Exception:
                said = ""
            said = (type(error).__name__ + ": " + said)[:300].rstrip(": ")
            needs = missing(error) or " ".join(sorted(forbidden))
            return ("needs " + needs + " " if needs else "failed ") + said

    def outcome(test):
        forbidden.clear()
        sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(), "utf-8"), printed(), printed()
        os.chdir(home)
        module = type(sys)("answer")
        sys.modules["answer"] = module
        module.__dict__.update(__builtins__=builtins, __spec__=spec, __loader__=spec.loader, __file__="answer.py")
        fault = attempt(code, "answer.py", module.__dict__)
        if fault is not None:
            return "unloaded " + fault
        return attempt(test, "test.py", dict(module.__dict__)) or "passed"

    spec = type(sys.__spec__)("answer", Loader(), origin="answer.py")
    sys.addaudithook(listen)
    lines = []
    for test in tests:
        said = outcome(test).replace("\\n", " ").replace("\\r", " ")
        lines.append("\\n" + nonce + " " + said[:400])
        # A test that fails has not put back what it replaced.
        vars(builtins).update(first_builtins)
        sys.argv[:] = first_arguments
        if dict(os.environ) != first_environment:
            os.environ.clear()
            os.environ.update(first_environment)
        os.chdir(home)
        emptied(home)
    write(say_to, ("".join(lines) + "\\n").encode("utf-8", "replace"))
    leave(0)
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one test.

    Attributes:
        passed: whether it ran to its end.
        loaded: whether the answer could be imported.
        needs: what it failed for that this place does not have: a module, processes, network.
        said: the exception, for people.
    """

    passed: bool
    loaded: bool = True
    needs: str | None = None
    said: str = ""


def test_program(code: str, tests: Sequence[str], nonce: str) -> str:
    """A program that runs each of `tests` with the names of `code`, a module named `answer`, and reports on all.

    Each has an answer that was just imported, an empty folder, an input that is at its end, and an output that is kept
    (`sys.stdout.getvalue()`). It ends without waiting for threads. `nonce` marks the report: a text that nobody could
    guess who wrote `code`.
    """
    return f"{_HARNESS}\ntry_tests({code!r}, {list(tests)!r}, {nonce!r})\n"


def read_report(stdout: str, count: int, nonce: str) -> list[Tried] | None:
    """What the output of `test_program` reports of `count` tests; None if it does not report on each of them once."""
    found = re.findall(rf"^{nonce} (.*)$", stdout, re.MULTILINE)
    return [_read(line) for line in found] if len(found) == count else None


def fault_of(number: int, test: str, tried: Tried) -> str:
    """What is held against an answer for which test `number` failed."""
    said = excerpt(_ADDRESS.sub("0x…", tried.said), DETAIL_CHARS)
    return f"test {number}, {excerpt(test)!r}: {said}" if tried.loaded else f"does not load: {said}"


def _read(line: str) -> Tried:
    match line.split(" ", 1):
        case ["unloaded", rest]:
            inner = _read(rest)
            return Tried(passed=False, loaded=False, needs=inner.needs, said=inner.said)
        case ["passed"]:
            return Tried(passed=True)
        case ["needs", rest]:
            needs, _, said = rest.partition(" ")
            return Tried(passed=False, needs=needs, said=said)
        case ["failed", said]:
            return Tried(passed=False, said=said)
        case _:
            return Tried(passed=False, said="the report of the tests was tampered with")
