"""Great Expectations' Data Docs about the gates of a batch or tree, on request."""

from collections.abc import Iterator
from pathlib import Path

from evergrow.assets.gates.data_docs import Documented, write_data_docs
from evergrow.flows.excerpt import tables_of
from evergrow.flows.run import compared
from evergrow.flows.workspace import Workspace
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.host.destinations import writing
from evergrow.resources.registry.recipes import Kind
from evergrow.resources.releases.folders import names_in, taken

MARK = ".evergrow-data-docs"  # in a folder of pages: what is there may be replaced
MARKED = "pages of `evergrow data-docs`, which replaces all that lies here\n"


class NothingJudged(Exception):  # noqa: N818 - it says what is so
    """No table of a batch, tree or release has a gate and is made yet; the message names it and the remedy."""


def data_docs(workspace: Workspace, kind: Kind, name: str, folder: Path) -> tuple[Path, int]:
    """Write the pages into `folder`; returns the first one, and of how many tables they are.

    The present version of each table is validated again, by the thresholds of its recipe; no verdict changes.

    Raises:
        NothingJudged: there is nothing to be shown.
        FolderTaken: the folder holds files of others, or is a file.
        UnwritableError: the folder cannot be written.
    """
    require_room(folder)
    gates = list(_gates(workspace, kind, name))
    if not gates:
        raise NothingJudged(f"no table of {kind} {name!r} that has a gate is made: `evergrow status` says what is due")
    with writing(folder / "index.html"):
        (folder / MARK).write_text(MARKED, encoding="utf-8")
        return write_data_docs(folder, gates), len(gates)


def require_room(folder: Path) -> None:
    """Refuse a folder that holds anything, unless pages were written into it before.

    Raises:
        FolderTaken: it does.
        UnwritableError: it cannot even be looked at.
    """
    found = names_in(folder)
    if found and MARK not in found:
        raise taken(folder, found, "`evergrow data-docs` did not write")


def _gates(workspace: Workspace, kind: Kind, name: str) -> Iterator[Documented]:
    embedders = Embedders(workspace.lake.files, workspace.progress)
    for key, partition in tables_of(workspace, kind, name):
        standing = workspace.frontier.standing(workspace.instance, key, partition)
        gate = standing.table.gate
        if gate is None or standing.version is None:
            continue
        rows = workspace.lake.version(standing.version, "all").collect()
        others = compared(workspace, gate, partition)
        asked = gate.asked(standing.place, rows, others, workspace.lake, embedders)
        yield Documented(key.to_user_string(), partition, gate.stage, asked)
