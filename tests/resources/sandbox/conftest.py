"""An open sandbox for all tests of a module, where the machine can have one."""

import os
from pathlib import Path

import pytest

from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import dataset

RULES = dataset.SandboxSettings(wall_s=8, cpu_s=1, memory_mb=256, file_mb=1, threads=8, output_kb=16, workers=2)
# Set where a missing sandbox must be a fault, as it is where all of this is tested.
REQUIRED = bool(os.environ.get("CI"))


def opened(rules: dataset.SandboxSettings = RULES) -> Sandbox:
    try:
        return Sandbox.open(rules)
    except SandboxUnavailable as reason:
        if REQUIRED:
            raise
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """An open sandbox."""
    return opened()


def alive(name: str) -> list[str]:
    """The processes of this machine that call themselves `name`; see `called`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            found += [path.parent.name] if path.read_text().strip() == name else []
        except OSError:
            continue  # it ended
    return found


def called(name: str) -> str:
    """A program's line that gives its process a name, by which it is found from outside: prctl(PR_SET_NAME)."""
    return f"__import__('ctypes').CDLL(None).prctl(15, {name.encode()!r})\n"
