"""The explorer of a batch, a tree or a release: the page that the lake keeps, or one that is made for a look."""

from dataclasses import dataclass

import polars as pl

from evergrow.assets.dataset.clean import as_rules
from evergrow.assets.names import MAP, MEASURED_NAME, PAGE
from evergrow.assets.trust.explorer import explorer
from evergrow.assets.trust.page import made_of
from evergrow.assets.trust.scene import Rows, Scene, rows_of, scene_of
from evergrow.flows.run import execute, resumable
from evergrow.flows.workspace import Workspace
from evergrow.methods.quality.rules import CleaningRules
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.content_files import DamagedFile
from evergrow.resources.lake.files_out import as_plain
from evergrow.resources.lake.lake import Damaged
from evergrow.resources.registry.batches import staged
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.trees import tree_spec


@dataclass(frozen=True, slots=True)
class Explorer:
    """A page whole in one file, its rows as data, and whether both are those that the lake keeps."""

    page: str
    rows: pl.DataFrame
    kept: bool


def explore(workspace: Workspace, of: str, *, private: bool = False) -> Explorer:
    """The page that `quality/page` keeps, if it is of today's rows, else one that is made and not kept.

    Args:
        workspace: where it is.
        of: `batch:B`, `tree:T` or `release:N`.
        private: whether texts are shown that hold secrets or personal data; no such page is kept.

    Raises: as `scene`.
    """
    rows, embedder, rules = _looked_at(workspace, of, private=private)
    if rules and (kept := _kept(workspace, rows, embedder, rules)):
        return kept
    shown = scene_of(rows, workspace.instance, workspace.lake, embedder, rules)
    return Explorer(explorer(shown), as_plain(shown.rows), kept=False)


def scene(workspace: Workspace, of: str, *, private: bool = False, near: bool = True) -> Scene:
    """What there is to be seen, whatever gates say; see `scene_of`.

    Raises:
        UnknownBatch, UnknownTree: it is not registered.
        NothingToShow, AllForgotten: there is nothing of it yet, or any more.
        EmbedderError: the map must be made, and the embedding model cannot be loaded.
    """
    rows, embedder, rules = _looked_at(workspace, of, private=private)
    return scene_of(rows, workspace.instance, workspace.lake, embedder, rules, near=near)


def keep_page(workspace: Workspace, of: str) -> None:
    """Make the map and the page of a batch, a tree or a release, and keep them: `quality/map` and `quality/page`.

    Raises:
        UnknownBatch, UnknownTree: it is not registered.
        BatchBusy: another process makes them.
        RunFailed: there is nothing of it, or it was interrupted.
    """
    require_known(workspace, of)
    workspace.instance.add_dynamic_partitions(MEASURED_NAME, [of])
    with resumable("evergrow explore --keep"), lease(workspace.registry, of):
        execute(workspace, "map", [MAP, PAGE], of)


def require_known(workspace: Workspace, of: str) -> None:
    """Do nothing if a batch or a tree of that name is registered; a release is known by its table.

    Raises:
        UnknownBatch, UnknownTree: it is not; the message names one that is like it.
    """
    kind, _, name = of.partition(":")
    if kind == "batch":
        staged(workspace.registry, name)
    elif kind == "tree":
        tree_spec(workspace.registry, name)


def _looked_at(workspace: Workspace, of: str, *, private: bool) -> tuple[Rows, Embedder, CleaningRules | None]:
    """The rows, an embedder that asks no endpoint, as looking costs nothing, and what is withheld: None if nothing."""
    require_known(workspace, of)
    place = workspace.frontier.place(workspace.instance, PAGE, of)
    rows = rows_of(place, workspace.lake)
    # This machine's rules: whoever shows a page to others answers for it, whatever a recipe once said.
    rules = None if private else as_rules(workspace.settings.cleaning)
    return rows, Embedder.of(place.settings, workspace.lake.files, workspace.progress), rules


def _kept(workspace: Workspace, rows: Rows, embedder: Embedder, rules: CleaningRules) -> Explorer | None:
    """The page that is kept, if it is of these very rows, and its files are whole."""
    files = workspace.lake.files
    try:
        table = workspace.lake.ungated(workspace.instance, PAGE, rows.of)
        if table is None:
            return None
        held = table.collect().row(0, named=True)
        if held["made_of"] != made_of(rows, embedder, rules):
            return None
        page = files.get(held["page"]).decode()
        return Explorer(page, pl.read_parquet(files.copy(held["data"]), glob=False), kept=True)
    except (Damaged, DamagedFile):  # one is made for the look; `--keep` mends it
        return None
