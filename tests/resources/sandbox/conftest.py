"""A sandbox at each level that this machine has; what a kernel cannot do is skipped by its name, never passed over."""

import os
from pathlib import Path

import pytest

from evergrow.resources.sandbox.levels import Name, SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import dataset

RULES = dataset.Sandbox(wall_s=5, cpu_s=1, memory_mb=256, file_mb=1, processes=8, output_kb=16, workers=2)


def opened(name: Name, rules: dataset.Sandbox = RULES) -> Sandbox:
    try:
        return Sandbox.open(rules, (name,))
    except SandboxUnavailable as reason:
        if name == "process":
            raise
        pytest.skip(str(reason))


@pytest.fixture(params=["bubblewrap", "process"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """An open sandbox; the plain process is to be had everywhere."""
    return opened(request.param)


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


def demand(sandbox: Sandbox, guarantee: str) -> None:
    """Skip where the kernel gives no such guarantee without bubblewrap."""
    if guarantee not in sandbox.isolates:
        assert sandbox.level == "process"
        pytest.skip(f"this kernel does not isolate {guarantee} of a plain process (user {os.geteuid()})")
