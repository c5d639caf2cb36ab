"""The whole platform in one process: real settings, assets, gates, lake and ledger on a Dagster instance of its own."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml

from evergrow.assets.definitions import build_definitions
from evergrow.assets.names import BATCHES_NAME, MAIN, RELEASE, RELEASES_NAME
from evergrow.flows.causes import cause
from evergrow.flows.due import Reason
from evergrow.flows.frontier import frontier_of
from evergrow.flows.workspace import Workspace
from evergrow.resources.benchmarks import read_benchmarks
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.host.home import Home
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.lake.lake import Lake, Rows
from evergrow.resources.ledger import Ledger, Spent
from evergrow.resources.registry.batches import stage
from evergrow.resources.seeds.source import Seeds
from evergrow.resources.settings import load_settings

# Gates as a fake judge needs them: it draws its scores at random.
LENIENT: dict[str, Any] = {
    "gates": {"complexity": {"max_drop": 9.0, "min_mean": 1.0}, "diversity": {"min_mean": 0.0, "min_p10": 0.0}}
}
# Vectors come from the endpoint: a process that has to load a model of its own takes four seconds of a core for it.
BY_ENDPOINT: dict[str, Any] = {"embedding": {"endpoint": "default"}}
SUBJECTS = ("invoices", "planets", "recipes", "routes", "graphs", "poems", "molecules", "tickets", "bridges", "seasons")


def functions(count: int) -> Seeds:
    """`count` different documented functions as seeds with the ids s0, s1, ..."""
    subjects = [SUBJECTS[n % len(SUBJECTS)] for n in range(count)]
    contents = [
        f'def count_{subject}_{n}(items):\n    """Count the {subject} of kind {n}."""\n    return len(items) + {n}'
        for n, subject in enumerate(subjects)
    ]
    ids = [f"s{n}" for n in range(count)]
    return Seeds(pl.DataFrame({"id": ids, "seed_id": ids, "content": contents, "kind": "code", "source": "made:1"}))


def embed_benchmarks(lake: Path) -> None:
    """Have a lake hold the vectors of the questions of the benchmark that is installed along, which takes a while."""
    embedder = Embedder(load_settings({}).embedding, Files(lake), LogProgress(logging.getLogger(__name__)))
    embedder.embed(read_benchmarks(lake / "none", ()).questions.to_list())


def share_vectors(known: Path, lake: Path) -> None:
    """Have a lake hold the vectors of another one, too."""
    shutil.copytree(known / "vectors", lake / "vectors", dirs_exist_ok=True)


@cache
def _empty_home() -> Path:
    """A home as the first command makes it; it is only copied."""
    folder = Path(tempfile.mkdtemp(prefix="evergrow-home-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Home(folder).ensure()
    return folder


def prepare(home: Path) -> None:
    """Have a home that is not there yet be there: Dagster takes a third of a second of a core to make its storage."""
    if not home.exists():
        shutil.copytree(_empty_home(), home)


@dataclass
class Platform:
    """Definitions for some settings, and an instance to run them on."""

    instance: dg.DagsterInstance
    overrides: dict[str, Any]
    cursors: dict[str, str] = field(default_factory=dict)  # of sensors, where their last look ended

    def __post_init__(self) -> None:
        self.settings = load_settings(self.overrides)
        prepare(self.settings.home)
        self.home = Home(self.settings.home).ensure()
        self.frontier = frontier_of(self.settings)
        self.registry = self.frontier.registry
        self.lake = Lake.of(self.settings, self.frontier)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """All assets, checks, jobs and sensors: what only looks needs none."""
        return build_definitions(self.settings, None, self.frontier)

    @property
    def workspace(self) -> Workspace:
        """The platform as flows see it."""
        return Workspace(self.settings, self.instance, self.frontier, lambda _: self.definitions)

    def due(self, key: dg.AssetKey, partition: str) -> Reason | None:
        """What is due of a table."""
        self.frontier.forget()
        return self.frontier.due(self.instance, key, partition)

    def but(self, **overrides: object) -> "Platform":
        """The same platform under other settings."""
        return Platform(self.instance, {**self.overrides, **overrides}, self.cursors)

    def register(self, batch: str, seeds: int | Seeds) -> None:
        """Register seeds as a batch."""
        stage(self.registry, batch, functions(seeds) if isinstance(seeds, int) else seeds, replace=True)
        self.instance.add_dynamic_partitions(BATCHES_NAME, [batch])

    def run(
        self, job: str, batch: str, keys: Sequence[dg.AssetKey] | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Run a job, or some of its assets, on a batch; returns "" or the words of the first failure."""
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=batch,
            asset_selection=keys,
            raise_on_error=False,
            tags={"evergrow/batch": batch, **(tags or {})},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return "" if result.success else cause(result.all_events).words

    def release(self, *batches: str, rows: int | None = None, name: str = MAIN) -> str:
        """Make a release of these batches, or of all; returns as `run` does."""
        config = {"batches": list(batches), **({"rows": rows} if rows else {})}
        self.instance.add_dynamic_partitions(RELEASES_NAME, [name])
        result = self.definitions.resolve_job_def("release").execute_in_process(
            instance=self.instance,
            partition_key=name,
            raise_on_error=False,
            run_config={
                "ops": {"dataset__release": {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )
        return "" if result.success else cause(result.all_events).words

    def released(self, rows: Rows = "kept", name: str = MAIN) -> pl.DataFrame:
        """A release, through its gate."""
        return self.table(RELEASE, name, rows)

    def run_unchecked(self, batch: str, *keys: dg.AssetKey) -> None:
        """Materialize `keys` by a job that leaves out their checks, as anybody may define one."""
        selection = dg.AssetSelection.assets(*keys).without_checks()
        job = dg.define_asset_job("unchecked", selection=selection)
        merged = dg.Definitions.merge(self.definitions, dg.Definitions(jobs=[job]))
        assert (
            merged.resolve_job_def("unchecked").execute_in_process(instance=self.instance, partition_key=batch).success
        )

    def table(self, key: dg.AssetKey, batch: str | None, rows: Rows = "kept") -> pl.DataFrame:
        """A table of the lake, through its gate."""
        self.frontier.forget()
        return self.lake.scan(self.instance, key, batch, rows).collect()

    def spent(self, batch: str) -> Spent:
        """What the ledger says of a batch."""
        with closing(Ledger.of(self.settings)) as ledger:
            return ledger.costs.spent(batch)


@contextmanager
def at_home(folder: Path, settings: Mapping[str, Any]) -> Iterator[Platform]:
    """A batch `b` with its seeds, in a home that other processes share; settings lie in `folder`."""
    (folder / "evergrow.yaml").write_text(yaml.safe_dump(settings))
    home = Home(Path(os.environ["EVERGROW_HOME"])).ensure()
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        patch.setenv("EVERGROW_CONFIG", str(folder / "evergrow.yaml"))
        made = Platform(instance, {})
        made.register("b", 2)
        assert made.run("seeds", "b") == ""
        yield made
