"""How much a program gets: programs that want more."""

from pathlib import Path

import pytest

from evergrow.resources.sandbox.sandbox import Sandbox
from tests.resources.sandbox.conftest import RULES, alive, called, opened


def test_a_loop_without_end_runs_into_the_limit_of_processor_time(sandbox: Sandbox) -> None:
    finished = sandbox.run("while True: pass")

    assert finished.outcome == "timeout"
    assert RULES.cpu_s / 2 < finished.cpu_s < RULES.wall_s


def test_a_program_that_ignores_the_signal_for_it_is_killed(sandbox: Sandbox) -> None:
    finished = sandbox.run("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass")

    assert finished.outcome == "timeout"


def test_a_program_that_sleeps_runs_into_the_wall_clock(sandbox: Sandbox) -> None:
    finished = sandbox.run("import time\nprint('slept', flush=True)\ntime.sleep(60)", wall_s=0.5)

    assert (finished.outcome, finished.exit_code, finished.stdout) == ("timeout", None, "slept\n")
    assert 0.5 <= finished.wall_s < 5


@pytest.mark.parametrize(
    "program",
    ["b = bytearray(10 * 1024 ** 3)", "b = []\nwhile True: b.append(bytearray(2 ** 20))", "x = [0] * 10 ** 10"],
)
def test_a_program_that_wants_too_much_memory_is_out_of_memory(sandbox: Sandbox, program: str) -> None:
    assert sandbox.run(program).outcome == "oom"


def test_output_without_end_ends_the_program(sandbox: Sandbox) -> None:
    finished = sandbox.run("while True: print('x' * 1000)")

    assert finished.outcome == "output"
    assert len(finished.stdout) <= RULES.output_kb * 1024


def test_output_up_to_the_limit_is_kept_whole(sandbox: Sandbox) -> None:
    finished = sandbox.run("import sys\nprint('x' * 15_000)\nprint('y' * 1_000, file=sys.stderr)")

    assert finished.outcome == "ok"
    assert (finished.stdout, finished.stderr) == ("x" * 15_000 + "\n", "y" * 1_000 + "\n")


def test_a_file_does_not_grow_beyond_its_limit(sandbox: Sandbox) -> None:
    finished = sandbox.run("f = open('big', 'wb')\nwhile True:\n    f.write(b'x' * 65536)\n    f.flush()")

    assert finished.outcome == "error"
    assert "File too large" in finished.stderr


def test_all_files_together_do_not_grow_beyond_the_limit_of_memory() -> None:
    fill = "n = 0\nwhile n < 2000:\n    with open(str(n), 'wb') as f: f.write(b'x' * 1_000_000)\n    n += 1"

    finished = opened("bubblewrap").run(fill)

    assert finished.outcome == "error"
    assert "No space left" in finished.stderr


def test_a_program_starts_only_so_many_processes(sandbox: Sandbox) -> None:
    count = """
import os, time
started = 0
try:
    while started < 200:
        if os.fork() == 0:
            time.sleep(60)
        started += 1
except BlockingIOError:
    print(started)
"""
    finished = sandbox.run(count)

    assert finished.outcome == "ok"
    assert 0 < int(finished.stdout) <= RULES.processes


def test_a_fork_bomb_ends_with_its_time(sandbox: Sandbox) -> None:
    bomb = called("bomb-e41") + "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError: pass"

    finished = sandbox.run(bomb, wall_s=1)

    assert finished.outcome == "timeout"
    assert alive("bomb-e41") == []


@pytest.mark.parametrize("escape", ["", "os.setsid()\n    if os.fork(): os._exit(0)\n    "])
def test_no_child_outlives_its_program(sandbox: Sandbox, escape: str) -> None:
    daemon = f"""
import os, time
if os.fork() == 0:
    {escape}{called("daemon-e41").strip()}
    print('alive', flush=True)
    time.sleep(60)
    os._exit(0)
time.sleep(0.3)
"""
    finished = sandbox.run(daemon)

    assert (finished.outcome, finished.stdout) == ("ok", "alive\n"), finished.stderr
    assert alive("daemon-e41") == []


def test_a_child_that_holds_the_output_does_not_hold_up_the_program(sandbox: Sandbox) -> None:
    finished = sandbox.run("import os, time\nif os.fork() == 0: time.sleep(60)\nprint('done')")

    assert (finished.outcome, finished.stdout) == ("ok", "done\n")
    assert finished.wall_s < RULES.wall_s


def test_a_signal_is_a_crash(sandbox: Sandbox) -> None:
    finished = sandbox.run("import ctypes\nprint('so far', flush=True)\nctypes.string_at(0)")

    assert (finished.outcome, finished.exit_code, finished.stdout) == ("crash", -11, "so far\n")


def test_no_limit_can_be_raised_again(sandbox: Sandbox) -> None:
    raise_all = (
        "import resource as r\nfor n in 'AS CPU FSIZE NPROC NOFILE CORE'.split():\n    k = getattr(r, 'RLIMIT_' + n)\n"
    )
    finished = sandbox.run(raise_all + "    try: r.setrlimit(k, (2**40, 2**40))\n    except ValueError: print(n)")

    assert finished.stdout.split() == ["AS", "CPU", "FSIZE", "NPROC", "NOFILE", "CORE"]


def test_folders_too_deep_or_closed_are_removed() -> None:
    deep = "for _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\nos.chmod('.', 0)"

    finished = opened("process").run(f"import os\nprint(os.getcwd())\n{deep}")

    assert finished.outcome == "ok", finished.stderr
    assert Path(finished.stdout.strip()).name.startswith("evergrow-sandbox-")
    assert not Path(finished.stdout.strip()).exists()


def test_programs_run_at_once(sandbox: Sandbox) -> None:
    finished = list(sandbox.run_many(["import time\nprint(time.time())\ntime.sleep(0.5)\nprint(time.time())"] * 2))
    first, second = (tuple(map(float, one.stdout.split())) for one in finished)

    assert max(first[0], second[0]) < min(first[1], second[1])
