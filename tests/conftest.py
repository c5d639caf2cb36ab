"""What tests share: a fake endpoint in a process of its own, and an environment without the machine's settings."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import absl.logging
import hypothesis
import psutil
import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from tests.world.zygote import Zygote

# Workers and the processes that they start share the cores: threads of each would only wait for one another.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

# Each worker compiles the tests and each command that a test starts compiles evergrow, half a second of a core, unless
# the first one of them may write down what it made of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A library of the tests writes to what is standard error when it is loaded, and closes it when Dagster sets up logging:
# that must not be the file in which pytest keeps what a test prints.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

# Machines are of any speed: what is slow is a matter for benchmarks/. The suite judges a commit, and so draws the same
# examples each time; `make explore` draws others, and more.
ANY_SPEED: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("evergrow", derandomize=True, **ANY_SPEED)
hypothesis.settings.register_profile("explore", derandomize=False, max_examples=1000, **ANY_SPEED)
hypothesis.settings.load_profile("evergrow")

ROOT = Path(__file__).parent.parent

# Where folders of tests are made if there is room: SQLite waits 10 ms for a disk whenever a database is closed, which
# the storage of a Dagster run is hundreds of times, and takes 1 ms of a core for it; in memory that is 0.3 ms.
MEMORY, ROOM = Path("/dev/shm"), 8 * 2**30  # bytes, of which the whole suite takes less than a quarter

# Files of tests that take longest, the longest first.
LONGEST = (
    "cli/test_demo.py", "test_two_daemons.py", "test_ui_scenario.py", "sensors/test_trees_live.py",
    "test_durability.py", "test_gate_paths.py", "cli/test_forget.py", "cli/test_trees_page.py", "world/test_world.py",
    "cli/test_tree.py", "cli/test_explore.py", "cli/test_release.py", "cli/test_trace.py",
    "cli/test_judge_compare.py", "cli/test_release_files.py", "flows/test_backup.py",
    "assets/treesynth/test_definitions.py", "assets/evolution/test_rounds.py", "sensors/test_advance.py",
    "cli/test_main.py", "test_readme.py", "cli/test_plan.py", "cli/test_ui.py", "cli/test_preview.py",
    "test_release_durability.py", "test_two_homes.py", "cli/test_trust_page.py", "cli/test_dataset_page.py",
    "test_faults_of_the_world.py", "deploy/test_compose.py", "flows/test_due.py", "cli/test_inspect.py",
    "resources/embedding/test_embedder.py", "resources/embedding/test_encoder.py", "cli/test_faults.py",
)  # fmt: skip


class FakeEndpoint:
    """A running fake endpoint; see `tests.fake_endpoint`."""

    def __init__(self, *, port: int = 0, seed: int = 0, **faults: Any) -> None:
        command = [sys.executable, "-m", "tests.fake_endpoint", "--port", str(port), "--seed", str(seed)]
        command += ["--with-parent", "--faults", json.dumps(faults)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url: str = ready["url"]
        self.root: str = ready["root"]
        self.port = int(self.root.rpartition(":")[2])

    def control(self, **faults: Any) -> None:
        """Set fields of `tests.fake_endpoint.faults.Faults`; `reset=True` also forgets what was asked."""
        body = json.dumps(faults).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.root}/_control", body, method="POST")).close()

    def stats(self, what: str = "") -> dict[str, Any]:
        """What was asked: requests, distinct, repeated, outcomes, peak, in_flight, tokens; `what`: also "ids"."""
        with urllib.request.urlopen(f"{self.root}/_stats?{what}") as answer:
            return dict(json.load(answer))

    def kill(self) -> None:
        """End it at once, connections and all."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def start_endpoint() -> Iterator[Callable[..., FakeEndpoint]]:
    """Starts fake endpoints with faults of one's own; they end with the test."""
    started: list[FakeEndpoint] = []

    def start(**options: Any) -> FakeEndpoint:
        started.append(FakeEndpoint(**options))
        return started[-1]

    yield start
    for endpoint in started:
        endpoint.kill()


@pytest.fixture(scope="session")
def _shared_endpoint() -> Iterator[FakeEndpoint]:
    endpoint = FakeEndpoint()
    yield endpoint
    endpoint.kill()


@pytest.fixture
def fake_endpoint(_shared_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> FakeEndpoint:
    """A fake endpoint without faults or memory, which OPENAI_BASE_URL points to."""
    use_afresh(monkeypatch, _shared_endpoint)
    return _shared_endpoint


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that is only copied: the first worker that wants it makes it, and the others wait for it."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    made = folder.with_suffix(".made")
    with FileLock(folder.with_suffix(".lock")):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # a worker has failed to make it
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def zygote_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The socket of a process that has everything imported; it is begun by the first worker that wants it, for all."""
    from tests.world.zygote import begin  # noqa: PLC0415 - looks here for where the project is

    worker, base = "PYTEST_XDIST_WORKER" in os.environ, tmp_path_factory.getbasetemp()
    told = (base.parent if worker else base) / "zygote.txt"
    with FileLock(told.with_suffix(".lock")), pytest.MonkeyPatch.context() as patch:
        if not told.exists():
            forget_machine(patch)
            place, _ = begin(os.getppid() if worker else os.getpid())
            told.write_text(str(place))
    return Path(told.read_text())


@pytest.fixture
def zygote(zygote_place: Path) -> Iterator["Zygote"]:
    """Starts commands that need not import everything anew; none outlives its test."""
    from tests.world.zygote import Zygote  # noqa: PLC0415

    with closing(Zygote(zygote_place)) as forking:
        yield forking


def use_afresh(patch: pytest.MonkeyPatch, endpoint: FakeEndpoint) -> None:
    """Point OPENAI_BASE_URL to an endpoint that has neither faults nor memory any more."""
    endpoint.control(
        reset=True, share={}, first={}, by_seed=None, latency=0.0, retry_after=None, key=None, models=[], listed=[],
        answers="json_schema", error_message="", quirks=[],
        per_second=None, only="", headers={}, error_code=None, slow_s=5.0,
        batches=True, batch_end="completed", batch_polls=0, batch_done=0.5, batch_lost=0, batch_noise="",
        batch_page=100, batch_refuse={}, batch_drop={}, batch_hang="",
    )  # fmt: skip
    patch.setenv("OPENAI_BASE_URL", endpoint.url)
    patch.setenv("OPENAI_API_KEY", "sk-test-0123456789")


@pytest.fixture(scope="session")
def known_vectors(pytestconfig: pytest.Config) -> Path:
    """A lake with the vectors of HumanEval's questions, kept from run to run: what cleans rows needs them."""
    from tests.platform import embed_benchmarks  # noqa: PLC0415 - imports everything

    lake = pytestconfig.cache.mkdir("known_vectors")
    with FileLock(f"{lake}.lock"), pytest.MonkeyPatch.context() as patch:
        forget_machine(patch)
        embed_benchmarks(lake)
    return lake


@pytest.fixture
def vectors_at_hand(known_vectors: Path, tmp_path: Path) -> None:
    """The test's own home is made, and has the vectors of HumanEval's questions, which take 14 seconds of a core."""
    from tests.platform import prepare, share_vectors  # noqa: PLC0415 - imports everything

    prepare(tmp_path / "home")
    share_vectors(known_vectors, tmp_path / "home" / "lake")


@pytest.fixture(scope="session", autouse=True)
def _once_for_all() -> None:
    """A process that runs many tests does once what a command does once.

    Dagster's storage in memory opens a connection for each statement, 600 in a test of the platform, for each of which
    SQLite reads the schema anew, and it reads fifty migrations to note the version of what is never migrated: a fifth
    of what such a test takes. Typer makes all commands anew for each that is called.
    """
    import dagster as dg  # noqa: PLC0415 - all this is nothing for the process that only hands tests out
    import sqlalchemy as sa  # noqa: PLC0415
    import typer.main  # noqa: PLC0415

    def create_engine(url: str, **_: object) -> sa.Engine:
        # One connection cannot do: what is asked within a transaction would end it.
        return sa.create_engine(url, poolclass=sa.QueuePool, connect_args={"check_same_thread": False})

    with dg.DagsterInstance.ephemeral() as instance:
        for storage in (instance.run_storage, instance.event_log_storage):
            module = sys.modules[type(storage).__module__]
            vars(module).update(create_engine=create_engine, stamp_alembic_rev=lambda *_: None)
    vars(typer.main).update(get_command=functools.cache(typer.main.get_command))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting or key of this machine reaches a test, and each has a home of its own."""
    forget_machine(monkeypatch)
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "home"))


def pytest_configure(config: pytest.Config) -> None:
    """Have xdist hand out files in the order of `LONGEST`, not by how many tests they have; keep folders in memory.

    Ctrl-C is what some tests send: a shell that starts a suite in the background has it ignored.
    """
    config.option.loadscopereorder = False
    if os.access(MEMORY, os.W_OK) and min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many worlds are simulated (`tests.world.test_world`): each world is that of its seed."""
    parser.addoption("--worlds", type=int, default=2, help="how many worlds are simulated")
    parser.addoption("--first-world", type=int, default=1, help="seed of the first world")
    parser.addoption("--worlds-until", type=float, help="Unix time after which none of them begins")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: one of them at the end would leave the other workers idle."""
    turn = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path.relative_to(ROOT / "tests").as_posix(), len(turn)))


def forget_machine(patch: pytest.MonkeyPatch) -> None:
    """Take the settings and keys of this machine out of the environment."""
    for name in [n for n in os.environ if n.startswith(("EVERGROW_", "OPENAI_", "DAGSTER_"))]:
        patch.delenv(name)
