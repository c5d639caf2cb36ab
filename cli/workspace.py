"""The project as a command opens it: its home made and checked, its instance, and what is due of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import cast

import dagster as dg
from sqlalchemy.exc import DBAPIError

from evergrow.flows.due import Frontier
from evergrow.flows.frontier import frontier_of
from evergrow.flows.workspace import Workspace
from evergrow.resources.host.dagster_private import keep_engines
from evergrow.resources.host.event_log import event_log
from evergrow.resources.host.full_disk import DiskFullError, full_disk
from evergrow.resources.host.home import Home
from evergrow.resources.host.kept_engines import keep_connections
from evergrow.resources.host.open_files import require_open_files
from evergrow.resources.host.progress import Progress
from evergrow.resources.settings import Settings


@contextmanager
def open_workspace(settings: Settings, progress: Progress, *, reading: bool = False) -> Iterator[Workspace]:
    """The workspace of these settings; one that is for `reading` opens Dagster's instance only if it must.

    Raises:
        TooFewFilesError: this process may open too few files.
        HomeError: the home folder cannot be used.
        LedgerError: the database cannot be opened.
        DiskFullError: Dagster's storage takes no more, now or in the context.
    """
    require_open_files(reading=reading)
    home = Home(settings.home).ensure()
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    frontier = frontier_of(settings)

    def build(known: Frontier) -> dg.Definitions:
        from evergrow.assets.definitions import build_definitions  # noqa: PLC0415 - resources and sensors: only to run

        return build_definitions(settings, progress, known, caller_holds_lock=True)

    def instance() -> AbstractContextManager[object]:
        if reading:
            return event_log(home.dagster)
        keep_engines()
        return dg.DagsterInstance.from_config(str(home.dagster))

    with _naming_full_storage(home), keep_connections(), instance() as opened, closing(frontier.registry):
        yield Workspace(settings, cast("dg.DagsterInstance", opened), frontier, build, progress)


def definitions_for(progress: Progress) -> Callable[[Settings, Frontier], dg.Definitions]:
    """What makes the definitions of a place of its own, as a preview's."""

    def build(settings: Settings, frontier: Frontier) -> dg.Definitions:
        from evergrow.assets.definitions import build_definitions  # noqa: PLC0415 - resources and sensors: only to run

        return build_definitions(settings, progress, frontier, caller_holds_lock=True)

    return build


@contextmanager
def _naming_full_storage(home: Home) -> Iterator[None]:
    """Dagster's storage raises what its database does; evergrow's own stores name themselves."""
    try:
        yield
    except DBAPIError as error:
        if number := full_disk(error):
            raise DiskFullError(f"Dagster's storage {home.dagster}", number) from error
        raise
