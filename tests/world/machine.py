"""What the worlds of a process share."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evergrow.resources.host.home import Home
from tests.conftest import FakeEndpoint, forget_machine
from tests.platform import embed_benchmarks
from tests.world.zygote import Zygote


@dataclass
class Machine:
    """The process that forks commands, the endpoint, and a home with nothing registered."""

    zygote: Zygote
    endpoint: FakeEndpoint
    template: Path


@contextmanager
def machine(folder: Path, forking: Zygote, vectors: Path | None = None) -> Iterator[Machine]:
    """One whose home is made in `folder`; `vectors`: a lake with those of HumanEval's questions, else they are made."""
    if vectors is None:
        vectors = folder / "known"
        with pytest.MonkeyPatch.context() as patch:
            forget_machine(patch)
            embed_benchmarks(vectors)
    home = Home(folder / "home").ensure()
    shutil.copytree(vectors / "vectors", home.lake / "vectors", dirs_exist_ok=True)
    endpoint = FakeEndpoint()
    try:
        yield Machine(forking, endpoint, home.path)
    finally:
        endpoint.kill()
