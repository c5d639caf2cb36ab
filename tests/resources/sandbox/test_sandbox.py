"""Opening a sandbox, and what is left of it however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Finished, Sandbox
from evergrow.resources.settings import dataset
from tests.resources.sandbox.conftest import RULES, alive, called

SLEEPER = "import os, time\n{called}print(os.getcwd(), flush=True)\ntime.sleep(60)"
STEP_S, STEPS = 0.05, 2400


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(STEPS):
        if condition():
            return
        time.sleep(STEP_S)
    pytest.fail("it did not come about")


@pytest.fixture
def without_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine whose bubblewrap may not make namespaces."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.mark.usefixtures("without_namespaces")
def test_without_namespaces_there_is_no_sandbox_and_the_remedy_is_said() -> None:
    with pytest.raises(SandboxUnavailable, match=r"No permissions to create a new namespace.*allow user namespaces"):
        Sandbox.open(RULES)


def test_bubblewrap_that_is_not_installed_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        Sandbox.open(RULES)


def test_limits_too_tight_for_any_program_are_found_when_it_opens() -> None:
    with pytest.raises(SandboxUnavailable, match="cannot be run here"):
        Sandbox.open(dataset.SandboxSettings(wall_s=0.0001))


def test_results_come_in_the_order_of_the_programs(sandbox: Sandbox) -> None:
    programs = ["import time\ntime.sleep(0.3)\nprint(0)", *(f"print({n})" for n in range(1, 40))]

    assert [one.stdout for one in sandbox.run_many(iter(programs))] == [f"{n}\n" for n in range(40)]


@pytest.mark.parametrize(
    ("program", "outcome", "said"),
    [
        ("print('a')", "ok", ""),
        ("import sys\nsys.exit(3)", "error", ""),
        ("def f(:", "error", "SyntaxError"),
        ("x = 'a\ud800'", "error", "UnicodeEncodeError"),
        ("x = '\0'", "error", "null byte"),
        ("1 / 0", "error", 'File "program.py", line 1'),
        ("if __name__ == '__main__': raise KeyboardInterrupt", "error", "KeyboardInterrupt"),
        ("import os\nos.write(1, b'\\xff\\xfe')", "ok", ""),
        ("import os\nos.close(1)", "ok", ""),
    ],
)
def test_a_program_ends_as_it_would_by_itself(sandbox: Sandbox, program: str, outcome: str, said: str) -> None:
    finished = sandbox.run(program)

    assert finished.outcome == outcome
    assert said in finished.stderr
    assert "run_program" not in finished.stderr


def test_sets_have_the_same_order_in_every_run(sandbox: Sandbox) -> None:
    first, second = (sandbox.run("print(set('abcdefghij'))") for _ in range(2))

    assert first.stdout == second.stdout


def test_leaving_early_ends_what_runs(sandbox: Sandbox) -> None:
    sleeper = SLEEPER.format(called=called("early-e41"))
    results = sandbox.run_many(["print(1)", *[sleeper] * 40])

    assert next(results).stdout == "1\n"
    wait_until(lambda: alive("early-e41"))
    results.close()  # type: ignore[attr-defined]

    wait_until(lambda: not alive("early-e41"))
    assert sandbox.run("print(2)").stdout == "2\n"


def test_an_exception_ends_what_runs(sandbox: Sandbox) -> None:
    sleeper = SLEEPER.format(called=called("thrown-e41"))

    def work(program: str) -> Finished:
        if not program:
            wait_until(lambda: alive("thrown-e41"))
            raise LookupError
        return sandbox.run(program)

    with pytest.raises(LookupError):
        list(sandbox.each(work, ["", sleeper, sleeper]))

    wait_until(lambda: not alive("thrown-e41"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_of_a_process_that_is_interrupted(
    sandbox: Sandbox, number: signal.Signals, tmp_path: Path
) -> None:
    name = f"cut-{int(number)}"
    script = f"""
import sys
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings.dataset import SandboxSettings as Rules
sandbox = Sandbox.open(Rules(workers=2))
for finished in sandbox.run_many([{SLEEPER.format(called=called(name))!r}] * 4):
    print(finished)
"""
    runner = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    wait_until(lambda: len(alive(name)) == 2)

    runner.send_signal(number)
    out, _ = runner.communicate()

    assert runner.returncode not in {0, None}
    assert out == b""
    wait_until(lambda: not alive(name))
    assert list(tmp_path.iterdir()) == []


def test_programs_of_a_session_see_nothing_of_each_other(sandbox: Sandbox) -> None:
    leave = "import sys, os\nopen('left', 'w').write('x')\nsys.left = 1\nos.environ['LEFT'] = '1'"
    look = "import sys, os\nprint(os.listdir(), hasattr(sys, 'left'), dict(os.environ))"
    search = "import gc\nprint(sum('0123456789' * 3 in o.values() for o in gc.get_objects() if isinstance(o, dict)))"

    with sandbox.session() as session:
        assert session.run("print(1)").stdout == "1\n"
        assert session.run(leave).outcome == "ok"
        assert session.run(look).stdout == "[] False {}\n"
        assert session.run("x = '0123456789' * 3\nprint(x)").outcome == "ok"
        assert session.run(search).stdout == "0\n"


def test_a_session_goes_on_after_a_program_that_was_ended(sandbox: Sandbox) -> None:
    with sandbox.session() as session:
        assert session.run("import time\ntime.sleep(60)", wall_s=0.3).outcome == "timeout"
        assert session.run("import ctypes\nctypes.string_at(0)").outcome == "crash"
        assert session.run("import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)").outcome in {"crash", "error"}
        assert session.run("print(1)").stdout == "1\n"
