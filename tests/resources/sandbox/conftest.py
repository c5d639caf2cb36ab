"""A sandbox at each level that this machine has; what a kernel cannot do is skipped by its name, never passed over."""

import os

import pytest

from evergrow.resources.sandbox.levels import Name
from evergrow.resources.sandbox.sandbox import Sandbox, SandboxUnavailable
from evergrow.resources.settings import dataset

RULES = dataset.Sandbox(wall_s=5, cpu_s=2, memory_mb=256, file_mb=1, processes=8, output_kb=16, workers=2)


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


def demand(sandbox: Sandbox, guarantee: str) -> None:
    """Skip where the kernel gives no such guarantee without bubblewrap."""
    if guarantee not in sandbox.isolates:
        assert sandbox.level == "process"
        pytest.skip(f"this kernel does not isolate {guarantee} of a plain process (user {os.geteuid()})")
