"""A run that is killed, interrupted or doubled: what was done stays, nothing is half done, nothing is paid twice."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import polars as pl
import psutil
import pytest
import yaml

from evergrow.assets.names import COLLECTED, SEEDS, STAGES, gate_name, stage_key
from evergrow.cli.main import main
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.host.home import Home
from evergrow.resources.lake.readable import GateState, judgement
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Ledger
from tests.command import started, until
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform, share_vectors
from tests.world.zygote import Zygote

AT_ONCE = 4  # requests in flight
SEEDS_COUNT = 6
SETTINGS = {
    **LENIENT,
    "evolution": {"rounds": 2, "children": 2, "margin": -10},
    "endpoints": {"default": {"concurrency": AT_ONCE}},
}
TABLES = [SEEDS, *(stage_key(n, stage) for n in (1, 2) for stage in STAGES), COLLECTED]
CHILDREN = 2 * SEEDS_COUNT  # of the first round
ATTEMPTS = 10  # to hit a stage that lasts a fraction of a second
RUN = ("run", "--batch", "b", "--rounds", "2")
Seen = Callable[["Project"], bool]
Make = Callable[[str], "Project"]


class Project:
    """A home folder with a batch `b`, seen from outside the processes that work on it."""

    def __init__(self, folder: Path, endpoint: FakeEndpoint, zygote: Zygote) -> None:
        self.folder, self.endpoint, self.zygote = folder, endpoint, zygote
        self.platform = Platform(dg.DagsterInstance.from_config(str(folder / "home" / "dagster")), {})
        self.instance = self.platform.instance
        self.ledger = Ledger.of(self.platform.settings)

    def close(self) -> None:
        """Let go of its databases."""
        self.ledger.close()
        self.instance.dispose()

    def made(self, round_no: int, stage: str) -> bool:
        """Whether the table of a stage is there."""
        return latest_materialization(self.instance, stage_key(round_no, stage), "b") is not None

    def passed(self, round_no: int, stage: str) -> bool:
        """Whether the table of a stage is there and has passed its gate."""
        key = stage_key(round_no, stage)
        version = latest_materialization(self.instance, key, "b")
        check = dg.AssetCheckKey(key, gate_name(stage))
        return version is not None and judgement(self.instance, check, "b", version).state is GateState.PASSED

    def collecting(self) -> bool:
        """Whether the collection is being made."""
        return bool(self.instance.get_runs(dg.RunsFilter(job_name="collected")))

    def collected(self) -> bool:
        """Whether the collection was made."""
        return latest_materialization(self.instance, COLLECTED, "b") is not None

    def saved(self) -> int:
        """Answers in the ledger."""
        return self.ledger.costs.spent("b").calls

    def asked(self) -> int:
        """Requests that the endpoint has got, those of other projects included."""
        return int(self.endpoint.stats()["requests"])

    def tables(self) -> list[pl.DataFrame]:
        """Every table, all rows. Which run made a row is left out: it tells one history from another."""
        found = [self.platform.table(key, "b", rows="all") for key in TABLES]
        return [table.drop("run_id", strict=False) for table in found]

    def check_whole(self) -> None:
        """No file of the lake is cut off, and no run is said to go on."""
        for path in self.platform.home.lake.rglob("*.parquet"):
            assert pl.read_parquet(path).height > 0
        assert not self.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))


@pytest.fixture
def fake_endpoint(start_endpoint: Callable[..., FakeEndpoint], monkeypatch: pytest.MonkeyPatch) -> FakeEndpoint:
    """One of its own: what other tests have left hanging at the shared one would never come to rest."""
    endpoint = start_endpoint()
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    return endpoint


@pytest.fixture
def make(
    tmp_path: Path, fake_endpoint: FakeEndpoint, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Make]:
    """Makes or opens the project in a folder of that name; commands then work on the latest."""
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    monkeypatch.setenv("EVERGROW_CONFIG", str(tmp_path / "evergrow.yaml"))

    def project(name: str) -> Project:
        home = tmp_path / name / "home"
        monkeypatch.setenv("EVERGROW_HOME", str(home))
        known = home.exists()
        Home(home).ensure()
        made = opened.enter_context(closing(Project(tmp_path / name, fake_endpoint, zygote)))
        if not known:
            made.platform.register("b", SEEDS_COUNT)
        return made

    with ExitStack() as opened:
        yield project


def kill(project: Project, begun: Callable[[], bool], zygote: Zygote | None) -> None:
    """Run the batch, and kill the command as soon as `begun` is true."""
    with started(*RUN, folder=project.folder, zygote=zygote) as command:
        command.when(begun, signal.SIGKILL)
        assert command.wait() == -signal.SIGKILL


class Moment(NamedTuple):
    """A fraction of a second between two states of a project, and a state somewhat before."""

    near: Seen
    begun: Seen
    over: Seen


def kill_within(make: Make, project: Project, moment: Moment, *arguments: str) -> Project:
    """Kill the command within that moment: on copies of the project, as often as it takes to hit it."""
    for attempt in range(1, ATTEMPTS + 1):
        name = f"{project.folder.name}-{attempt}"
        shutil.copytree(project.folder, project.folder.with_name(name))
        copy = make(name)
        with started(*RUN, *arguments, folder=copy.folder, zygote=copy.zygote) as command:
            command.until(partial(moment.near, copy))
            command.when(partial(moment.begun, copy), signal.SIGKILL, look_s=0.002)
            command.wait()
        if not moment.over(copy):
            return copy
    raise AssertionError(f"never hit in {ATTEMPTS} attempts")


def test_a_run_killed_in_each_of_its_stages_ends_as_if_it_had_not_been(make: Make, fake_endpoint: FakeEndpoint) -> None:
    whole = make("whole")
    assert main(RUN) == 0
    expected, requests = whole.tables(), whole.asked()
    lost: list[int] = []

    def in_flight() -> bool:
        return project.asked() - project.saved() > sum(lost)

    def note_lost() -> None:
        until(lambda: fake_endpoint.stats()["in_flight"] == 0, lambda: "the endpoint never came to rest")
        lost.append(project.asked() - project.saved() - sum(lost))

    fake_endpoint.control(reset=True, latency=0.4)
    project = make("broken")
    kill(project, lambda: AT_ONCE <= project.saved() < CHILDREN and in_flight(), project.zygote)  # instructions
    note_lost()
    kill(project, lambda: project.saved() >= CHILDREN + AT_ONCE and in_flight(), project.zygote)  # complexity
    note_lost()
    # Diversity: a command that has to import what embeds stays in it for seconds.
    kill(project, lambda: project.passed(1, "complexity"), None)
    note_lost()
    assert not project.made(1, "diversity")

    # Without a second round a kill that comes too late has sent nothing.
    accepting = Moment(
        near=lambda p: p.made(1, "diversity"),
        begun=lambda p: p.passed(1, "diversity"),
        over=lambda p: p.passed(1, "accepted"),
    )
    project = kill_within(make, project, accepting, "--rounds", "1")
    kill(project, lambda: project.passed(1, "accepted"), project.zygote)
    note_lost()
    assert not project.made(2, "instructions")
    kill(project, lambda: project.made(2, "instructions") and in_flight(), project.zygote)
    note_lost()
    fake_endpoint.control(latency=0)
    # The vectors of the second round are as the other project has them: loading the model again would prove no more.
    share_vectors(whole.platform.home.lake, project.platform.home.lake)
    collecting = Moment(lambda p: p.made(2, "accepted"), Project.collecting, Project.collected)
    project = kill_within(make, project, collecting)

    with started(*RUN, folder=project.folder, zygote=project.zygote) as last:
        assert last.wait() == 0, last.said
    project.check_whole()
    for found, table in zip(project.tables(), expected, strict=True):
        assert found.equals(table)
    stats = fake_endpoint.stats()
    assert all(n <= 2 * AT_ONCE for n in lost)  # on their way, or answered and being written
    assert stats["repeated"] == sum(lost)
    assert stats["distinct"] == requests


def test_of_two_runs_of_a_batch_the_second_says_who_has_it_and_the_first_finishes(
    make: Make, fake_endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make("shared")
    fake_endpoint.control(latency=0.3)
    with started(*RUN, "--rounds", "1", folder=project.folder, zygote=project.zygote) as first:
        until(lambda: project.asked() > 0, lambda: first.said)
        before = project.instance.get_runs_count()

        code = main(RUN)

        said = capsys.readouterr().err
        assert code == 1
        assert f"batch 'b' is being run by process {first.process.pid}" in said
        assert "wait until it has ended" in said
        assert project.instance.get_runs_count() == before
        fake_endpoint.control(latency=0)
        assert first.wait() == 0, first.said
    asked = project.asked()
    assert fake_endpoint.stats()["repeated"] == 0

    assert main([*RUN, "--rounds", "1"]) == 0

    assert capsys.readouterr().err.count("up to date") == 3
    assert project.asked() == asked
    project.check_whole()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(
    make: Make, fake_endpoint: FakeEndpoint, number: signal.Signals
) -> None:
    project = make("stopped")
    fake_endpoint.control(latency=0.3)
    with started(*RUN, "--rounds", "1", folder=project.folder, zygote=project.zygote) as command:
        command.until(lambda: project.saved() >= AT_ONCE)
        if number is signal.SIGINT:  # a terminal sends it to all that the command has started, too
            begun = psutil.Process(command.process.pid).children(recursive=True)
            assert begun
            for process in begun:
                process.send_signal(number)
        command.process.send_signal(number)

        assert command.wait() == 1
        assert "interrupted; every answer is kept: `evergrow run --batch b` goes on from here" in command.said
        assert "Traceback" not in command.said
    assert not project.made(1, "instructions")
    project.check_whole()
    fake_endpoint.control(latency=0)

    assert main([*RUN, "--rounds", "1"]) == 0

    assert project.collected()
    assert fake_endpoint.stats()["repeated"] <= 2 * AT_ONCE
