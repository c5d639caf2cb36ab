"""Every Dagster resource: what the UI's page of resources shows, and what assets are given.

The fields of a resource say what it is made from, so that a person who looks at a deployment sees its models, endpoints
and stores; secrets are never among them. They are no second place for settings: a run whose launchpad changes one is
refused, since rows would be made under settings that no recipe, card or trace knows of.
"""

import logging
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import dagster as dg

from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.host.home import Home
from evergrow.resources.host.kept_engines import keep_connections
from evergrow.resources.host.progress import LogProgress, Progress
from evergrow.resources.lake.io_manager import LakeIOManager, Shapes
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.readable import Guard
from evergrow.resources.ledger import Ledger
from evergrow.resources.models import EmbeddedServers, Models
from evergrow.resources.place import Places
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import owner_of
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.twins import require_undone
from evergrow.resources.resource_words import endpoint_in_words, lake_url, ledger_url, role_in_words
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import Settings
from evergrow.resources.settings.roles import Roles

T = TypeVar("T")


class TableKnowledge(Guard, Shapes, Places, Protocol):
    """What the lake and the assets ask about tables; `flows.due` knows it."""

    registry: Registry


@dataclass(frozen=True, slots=True)
class Project:
    """What resources are made from.

    Attributes:
        settings: of the process.
        guard: knows what may be read, what shapes rows, and whose a partition is.
        progress: where progress is shown; None: lines in the run's log.
        caller_holds_lock: runs are executed by a process that holds the batch already; they do not take its lock.
    """

    settings: Settings
    guard: TableKnowledge
    progress: Progress | None = None
    caller_holds_lock: bool = False

    @property
    def home(self) -> Home:
        """The folders of EVERGROW_HOME."""
        return Home(self.settings.home)

    def shown(self, context: dg.InitResourceContext) -> Progress:
        """Where a run shows its progress."""
        return self.progress or LogProgress(context.log or logging.getLogger("evergrow"))


class _Resource(dg.ConfigurableResource[T], Generic[T]):
    """A resource whose fields are read off the settings."""

    project: dg.ResourceDependency[Project]

    @classmethod
    @abstractmethod
    def of(cls, project: Project) -> Self:
        """The resource, its fields filled in."""

    @abstractmethod
    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[T]:
        """What assets are given; closed when the run ends."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[T]:
        """What assets are given, if the run left the fields as they are.

        Raises:
            dg.Failure: its launchpad changed one.
        """
        project = _resolved(self.project)
        _require_unchanged(self, type(self).of(project))
        yield from self.opened(project, context)


class HomeResource(_Resource[Home]):
    """The folder of this machine: inbox, exports, logs and caches."""

    folder: str

    @classmethod
    def of(cls, project: Project) -> Self:
        """The folder that the settings name."""
        return cls(project=project, folder=str(project.settings.home))

    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[Home]:  # noqa: ARG002
        """The home, its folders made."""
        yield project.home.ensure()


class LakeResource(_Resource[Lake]):
    """Where the tables are, for assets that look into tables which are none of their inputs."""

    url: str

    @classmethod
    def of(cls, project: Project) -> Self:
        """The lake that the settings name."""
        return cls(project=project, url=lake_url(project.settings))

    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[Lake]:  # noqa: ARG002
        """The lake."""
        yield Lake.of(project.settings, project.guard)


class LedgerResource(_Resource[Ledger]):
    """The database of every request to a model, its reply and its cost; the URL is shown without its password."""

    url: str

    @classmethod
    def of(cls, project: Project) -> Self:
        """The ledger that the settings name."""
        return cls(project=project, url=ledger_url(project.settings))

    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[Ledger]:  # noqa: ARG002
        """The ledger, open until the run ends."""
        with closing(Ledger.of(project.settings)) as ledger:
            yield ledger


class RegistryResource(_Resource[Registry]):
    """What users have registered, and who works on what: in the ledger's database, its files in the lake."""

    url: str
    lake: str

    @classmethod
    def of(cls, project: Project) -> Self:
        """The database and the lake that the settings name."""
        return cls(project=project, url=ledger_url(project.settings), lake=lake_url(project.settings))

    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[Registry]:  # noqa: ARG002
        """The registry by which it is known what is due: a preview has one of its own beside the project's ledger."""
        yield project.guard.registry


class ModelsResource(_Resource[Models]):
    """The language models that are asked: which one for which role, and where it is served; keys are not shown."""

    roles: dict[str, str]
    endpoints: dict[str, str]
    ledger: str

    @classmethod
    def of(cls, project: Project) -> Self:
        """Models by role and addresses by endpoint, as the settings and the environment name them."""
        settings = project.settings
        return cls(
            project=project,
            roles={name: role_in_words(settings.role(name)) for name in Roles.model_fields},
            endpoints={name: endpoint_in_words(settings, name) for name in settings.endpoints},
            ledger=ledger_url(settings),
        )

    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[Models]:
        """The models; the embedded one is started when it is asked first."""
        settings = project.settings
        with (
            closing(Ledger.of(settings)) as ledger,
            closing(EmbeddedServers(settings, project.home)) as servers,
        ):
            yield Models(ledger, servers, project.shown(context))


class EmbeddersResource(_Resource[Embedders]):
    """The model that turns texts into vectors, each text once; a recipe may name another."""

    model: str
    device: str
    vectors: str

    @classmethod
    def of(cls, project: Project) -> Self:
        """The model and device that the settings name, and the lake that keeps its vectors."""
        embedding, vectors = project.settings.embedding, lake_url(project.settings)
        where = f"endpoint {embedding.endpoint}" if embedding.endpoint else embedding.device
        return cls(project=project, model=embedding.model, device=where, vectors=vectors)

    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[Embedders]:
        """The embedders; a model is loaded when the first unknown text comes."""
        settings = project.settings
        with closing(Ledger.of(settings)) if settings.embedding.endpoint else nullcontext() as ledger:
            run_id = context.run.run_id if context.run else None
            yield Embedders(Lake.of(settings).files, project.shown(context), ledger, run_id)


class SandboxResource(_Resource[Sandbox | SandboxUnavailable]):
    """Where generated programs run, confined; where that cannot be had they run nowhere, and rows say so."""

    memory_mb: int
    wall_s: float

    @classmethod
    def of(cls, project: Project) -> Self:
        """The limits of a program."""
        rules = project.settings.sandbox
        return cls(project=project, memory_mb=rules.memory_mb, wall_s=rules.wall_s)

    def opened(self, project: Project, context: dg.InitResourceContext) -> Iterator[Sandbox | SandboxUnavailable]:  # noqa: ARG002
        """The sandbox, or why there is none."""
        try:
            found: Sandbox | SandboxUnavailable = Sandbox.open(project.settings.sandbox)
        except SandboxUnavailable as why:
            found = why
        yield found


class LakeIOManagerResource(dg.ConfigurableIOManagerFactory[LakeIOManager]):
    """Loads inputs from the lake, through their gates, and stores tables in it; keeps a second run off a partition."""

    url: str
    project: dg.ResourceDependency[Project]

    @classmethod
    def of(cls, project: Project) -> Self:
        """The lake that the settings name."""
        return cls(project=project, url=lake_url(project.settings))

    def create_io_manager(self, context: dg.InitResourceContext) -> LakeIOManager:  # noqa: ARG002
        """Loads and stores tables."""
        project = _resolved(self.project)
        return LakeIOManager(Lake.of(project.settings, project.guard), project.guard)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[LakeIOManager]:
        """Every run reads or writes a table: so every run of a partition holds the lock of its batch or tree.

        Raises:
            dg.Failure: the launchpad changed a field.
            BatchBusy: another run holds the lock.
            DoneByTwin: another run that was launched for the same cause has done it.
        """
        project = _resolved(self.project)
        _require_unchanged(self, type(self).of(project))
        run = context.run
        whose = None if run is None or project.caller_holds_lock else owner_of(run)
        with ExitStack() as held:
            held.enter_context(keep_connections())
            if run and whose:
                held.enter_context(lease(held.enter_context(closing(Registry.of(project.settings))), whose, run.run_id))
                if context.instance:
                    require_undone(context.instance, run)
            yield self.create_io_manager(context)


def resources(project: Project) -> dict[str, object]:
    """All of them, by the names under which assets ask for them."""
    return {
        "io_manager": LakeIOManagerResource.of(project),
        "home": HomeResource.of(project),
        "registry": RegistryResource.of(project),
        "lake": LakeResource.of(project),
        "ledger": LedgerResource.of(project),
        "models": ModelsResource.of(project),
        "embedders": EmbeddersResource.of(project),
        "sandbox": SandboxResource.of(project),
        "places": dg.ResourceDefinition.hardcoded_resource(project.guard, "whose a partition is, by which recipe"),
    }


def _resolved(project: object) -> Project:
    """The project itself: while a run is under way, Dagster has put it in the place of what may stand for it."""
    assert isinstance(project, Project)
    return project


def _require_unchanged(given: _Resource[T] | LakeIOManagerResource, wanted: object) -> None:
    changed = [
        name for name in type(given).model_fields if name != "project" and getattr(given, name) != getattr(wanted, name)
    ]
    if changed:
        raise dg.Failure(
            f"{type(given).__name__}: a launchpad cannot change {', '.join(changed)}; set it in evergrow.yaml or by an "
            "environment variable, and reload",
            allow_retries=False,
        )
