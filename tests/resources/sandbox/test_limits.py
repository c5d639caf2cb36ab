"""How much a program gets: programs that want more."""

import pytest

from evergrow.resources.sandbox.sandbox import Sandbox
from tests.resources.sandbox.conftest import RULES


def test_a_loop_without_end_runs_into_the_limit_of_processor_time(sandbox: Sandbox) -> None:
    finished = sandbox.run("while True: pass")

    assert finished.outcome == "timeout"
    assert RULES.cpu_s / 2 < finished.cpu_s < RULES.wall_s


def test_a_program_that_ignores_the_signal_for_it_is_killed(sandbox: Sandbox) -> None:
    finished = sandbox.run("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass")

    assert finished.outcome == "timeout"


def test_a_program_that_sleeps_runs_into_the_wall_clock(sandbox: Sandbox) -> None:
    for wall_s in (0.5, 5.0, 50.0):  # a busy machine takes a while to start it
        finished = sandbox.run("import time\nprint('slept', flush=True)\ntime.sleep(600)", wall_s=wall_s)
        if finished.stdout:
            break

    assert (finished.outcome, finished.exit_code, finished.stdout) == ("timeout", None, "slept\n")
    assert wall_s <= finished.wall_s < wall_s + 120


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


def test_all_files_together_do_not_grow_beyond_the_limit_of_memory(sandbox: Sandbox) -> None:
    fill = "n = 0\nwhile n < 2000:\n    with open(str(n), 'wb') as f: f.write(b'x' * 1_000_000)\n    n += 1"

    finished = sandbox.run(fill)

    assert finished.outcome == "error"
    assert "No space left" in finished.stderr


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("os.fork()", "OSError"),
        ("os.forkpty()", "OSError"),
        ("os.system('true')", "32512"),
        ("os.posix_spawn('/bin/true', ['true'], {})", "OSError"),
        ("os.execv('/bin/true', ['true'])", "OSError"),
        ("subprocess.run(['true'])", "OSError"),
        ("multiprocessing.Process(target=print).start()", "OSError"),
        ("concurrent.futures.ProcessPoolExecutor().submit(print).result()", "OSError"),
        ("ctypes.CDLL(None).vfork()", "-1"),
        ("ctypes.CDLL(None).daemon(0, 0)", "-1"),
    ],
)
def test_a_program_is_one_process_so_that_its_limits_are_all_it_gets(sandbox: Sandbox, start: str, said: str) -> None:
    modules = "import os, subprocess, multiprocessing, concurrent.futures, ctypes"

    finished = sandbox.run(f"{modules}\ntry:\n    print({start})\nexcept OSError:\n    print('OSError')")

    assert finished.stdout == f"{said}\n", finished.stderr


def test_a_fork_bomb_starts_nothing(sandbox: Sandbox) -> None:
    bomb = "import os\nfor _ in range(1000):\n    try: os.fork()\n    except OSError: pass\n    else: print('two')"

    finished = sandbox.run(bomb)

    assert (finished.outcome, finished.stdout) == ("ok", "")


def test_a_program_starts_only_so_many_threads(sandbox: Sandbox) -> None:
    count = """
import threading, time
started = 0
try:
    while started < 200:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        started += 1
except RuntimeError:
    print(started)
"""
    finished = sandbox.run(count)

    assert finished.outcome == "ok", finished.stderr
    assert RULES.threads / 2 <= int(finished.stdout) <= RULES.threads + 4


def test_a_signal_is_a_crash(sandbox: Sandbox) -> None:
    finished = sandbox.run("import ctypes\nprint('so far', flush=True)\nctypes.string_at(0)")

    assert (finished.outcome, finished.exit_code, finished.stdout) == ("crash", -11, "so far\n")


def test_no_limit_can_be_raised_again(sandbox: Sandbox) -> None:
    raise_all = (
        "import resource as r\nfor n in 'AS CPU FSIZE NPROC NOFILE CORE'.split():\n    k = getattr(r, 'RLIMIT_' + n)\n"
    )
    finished = sandbox.run(raise_all + "    try: r.setrlimit(k, (2**40, 2**40))\n    except ValueError: print(n)")

    assert finished.stdout.split() == ["AS", "CPU", "FSIZE", "NPROC", "NOFILE", "CORE"]


def test_programs_run_at_once(sandbox: Sandbox) -> None:
    for pause in (0.5, 5.0):  # a busy machine may start the second late
        program = f"import time\nprint(time.time())\ntime.sleep({pause})\nprint(time.time())"
        finished = list(sandbox.run_many([program] * 2))
        first, second = (tuple(map(float, one.stdout.split())) for one in finished)
        if together := max(first[0], second[0]) < min(first[1], second[1]):
            break

    assert together
