"""Honest programs of many styles: none of them fails for what the sandbox is."""

# ruff: noqa: E501 - a program a line

import pytest

from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import dataset
from tests.resources.sandbox.conftest import opened

HONEST = {
    "threads": "import threading\nt = threading.Thread(target=print, args=('ok',))\nt.start()\nt.join()",
    "thread pool": "from concurrent.futures import ThreadPoolExecutor as P\nassert list(P(4).map(abs, [-1])) == [1]",
    "pool of multiprocessing's threads": (
        "from multiprocessing.pool import ThreadPool\nassert ThreadPool(2).map(abs, [-1, 2]) == [1, 2]"
    ),
    "lock of multiprocessing": "import multiprocessing as m\nwith m.Lock(): pass\nassert m.Value('i', 3).value == 3",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 7\nassert asyncio.run(f()) == 7",
    "asyncio in a thread": "import asyncio\nassert asyncio.run(asyncio.to_thread(abs, -1)) == 1",
    "pairs of sockets": "import socket\na, b = socket.socketpair()\na.send(b'x')\nassert b.recv(1) == b'x'",
    "pipes": "import os\nr, w = os.pipe()\nos.write(w, b'x')\nassert os.read(r, 1) == b'x'",
    "select": "import select, os\nr, w = os.pipe()\nassert select.select([], [w], [], 1)[1] == [w]",
    "signals of its own": (
        "import signal, time\nseen = []\nsignal.signal(signal.SIGALRM, lambda *a: seen.append(1))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01)\ntime.sleep(0.1)\nassert seen"
    ),
    "temporary files": (
        "import tempfile, shutil, pathlib\nwith tempfile.TemporaryDirectory() as d:\n"
        "    p = pathlib.Path(d, 'a.txt')\n    p.write_text('hé')\n    shutil.copy2(p, p.with_name('b'))\n"
        "    assert sorted(x.name for x in pathlib.Path(d).iterdir()) == ['a.txt', 'b']"
    ),
    "sqlite in a file": "import sqlite3\nc = sqlite3.connect('a.db')\nc.execute('create table t(x)')\nc.commit()",
    "a shelf": "import shelve\nwith shelve.open('s') as s: s['a'] = 1",
    "a mapped file": (
        "import mmap\nopen('m', 'wb').write(b'abc')\n"
        "with open('m', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m:\n    assert m[1:2] == b'b'"
    ),
    "gzip and zip": (
        "import gzip, zipfile\ngzip.open('a.gz', 'wt').write('x')\n"
        "zipfile.ZipFile('a.zip', 'w').writestr('n', 'x')\nassert zipfile.ZipFile('a.zip').read('n') == b'x'"
    ),
    "pickle of its own class": (
        "import pickle\nclass A:\n    x = 1\nassert pickle.loads(pickle.dumps(A())).x == 1"
    ),
    "dataclasses and types": (
        "from dataclasses import dataclass\nimport typing\n@dataclass(slots=True, frozen=True)\nclass P:\n    x: int\n"
        "assert typing.get_type_hints(P) == {'x': int}"
    ),
    "big numbers": "import math, sys\nsys.set_int_max_str_digits(0)\nassert len(str(math.factorial(2000))) == 5736",
    "decimals and fractions": (
        "from decimal import Decimal, getcontext\nfrom fractions import Fraction\ngetcontext().prec = 50\n"
        "assert Decimal(1) / 3 * 3 != 1 and Fraction(1, 3) * 3 == 1"
    ),
    "time zones": (
        "from zoneinfo import ZoneInfo\nfrom datetime import datetime\n"
        "assert datetime(2024, 7, 1, tzinfo=ZoneInfo('Europe/Berlin')).utcoffset().seconds == 7200"
    ),
    "deep recursion": "import sys\nsys.setrecursionlimit(20000)\ndef f(n): return n and f(n - 1)\nassert f(10000) == 0",
    "unicode output": "print('žluťoučký kůň 🐎')",
    "input that is over": "try: input()\nexcept EOFError: print('over')",
    "arguments": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', default=3)\nassert p.parse_args().n == 3",
    "logging": "import logging\nlogging.basicConfig(level='INFO')\nlogging.info('x')",
    "unittest": (
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(1, 1)\n"
        "unittest.main(exit=False)"
    ),
    "doctest": 'def f():\n    """\n    >>> f()\n    1\n    """\n    return 1\nimport doctest\nassert doctest.testmod().failed == 0',
    "mocks": "from unittest import mock\nwith mock.patch('builtins.open', mock.mock_open(read_data='x')): assert open('n').read() == 'x'",
    "chance": "import random, secrets, uuid\nrandom.seed(1)\nassert secrets.token_hex() and uuid.uuid4() and uuid.uuid1()",
    "hashes": "import hashlib\nassert hashlib.scrypt(b'x', salt=b'y', n=16, r=1, p=1)",
    "what it runs on": "import os, platform, sys\nassert os.cpu_count() and platform.system() == 'Linux' and os.getpid()",
    "limits of its own": "import resource\nresource.setrlimit(resource.RLIMIT_STACK, (2**20, 2**20))",
    "memory that is traced": "import tracemalloc\ntracemalloc.start()\nx = [0] * 1000\nassert tracemalloc.get_traced_memory()[1]",
    "ctypes": "import ctypes\nassert ctypes.CDLL(None).abs(-3) == 3\n@ctypes.CFUNCTYPE(ctypes.c_int)\ndef f(): return 4\nassert f() == 4",
    "exit with 0": "import sys\nsys.exit(0)",
    "numpy": "import numpy as np\na = np.random.default_rng(0).random((50, 50))\nassert np.allclose(a @ np.linalg.inv(a), np.eye(50))",
    "pandas": "import pandas as pd\nassert pd.DataFrame({'a': [1, 1], 'b': [2, 3]}).groupby('a').b.sum()[1] == 5",
}  # fmt: skip


@pytest.fixture(scope="module")
def roomy() -> Sandbox:
    """A sandbox with the limits that the settings have by default."""
    return opened(dataset.SandboxSettings(workers=2))


@pytest.mark.parametrize("style", HONEST)
def test_an_honest_program_runs_to_its_end(roomy: Sandbox, style: str) -> None:
    if style in {"numpy", "pandas"} and style not in roomy.packages.modules:
        pytest.skip(f"{style} is not installed")
    finished = roomy.run(HONEST[style])

    assert finished.outcome == "ok", finished.stderr
