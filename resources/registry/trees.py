"""Registers trees: a tree exists once its domain, depth and target are written down in the home folder.

Beside them lie what it was imported from, and the dataset that is to be balanced by it.
"""

import hashlib
import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from evergrow.methods.treesynth.spec import BalanceSpec, TreeSpec
from evergrow.resources.host.files import atomic_write
from evergrow.resources.host.home import Home
from evergrow.resources.registry.names import NAME, fault, unknown

TREE, BALANCE, IMPORTED = "tree.json", "balance.json", "imported.json"


class TreeError(Exception):
    """Something about a tree is wrong; the message names the tree and the remedy."""


class UnknownTree(TreeError):  # noqa: N818 - the name says it
    """No tree is registered under the name; the message lists the names that there are."""


def register(home: Home, spec: TreeSpec, imported: bytes | None = None) -> TreeSpec:
    """Write down `spec`; a tree that is already there may get another depth, target or seed, but no other domain.

    Raises:
        TreeError: the name cannot be a tree's, the tree exists under another domain or was imported from another file.
        HomeError: the home folder cannot be written.
    """
    check_tree_name(spec.tree)
    if imported is not None:
        spec = replace(spec, imported=hashlib.sha256(imported).hexdigest()[:16])
    folder = _folder(home, spec.tree)
    with home.writing():
        folder.mkdir(parents=True, exist_ok=True)
        with home.lock("trees"):
            known = _read(home, spec.tree)
            if known and known.domain != spec.domain:
                raise another_domain(known, spec.domain)
            if known and imported is not None and known.imported != spec.imported:
                raise TreeError(f"tree {spec.tree!r} exists already: choose another name for the imported one")
            if imported is not None:
                atomic_write(folder / IMPORTED, imported)
            elif known:
                spec = replace(spec, imported=known.imported)
            atomic_write(folder / TREE, json.dumps(asdict(spec), indent=1).encode())
    return spec


def tree_spec(home: Home, tree: str) -> TreeSpec:
    """The tree registered as `tree`.

    Raises:
        UnknownTree: there is none.
    """
    known = _read(home, tree) if NAME.fullmatch(tree) else None
    if known:
        return known
    names = registered_trees(home)
    raise UnknownTree(unknown(tree, "tree", names, "grow it with `evergrow tree grow TREE --domain DOMAIN`"))


def registered_trees(home: Home) -> list[str]:
    """Names of all registered trees, in order."""
    root = _root(home)
    folders = sorted(root.iterdir()) if root.is_dir() else []
    return [folder.name for folder in folders if (folder / TREE).is_file()]


def imported_file(home: Home, tree: str) -> bytes | None:
    """The `output.json` that a tree goes on from; None if it was not imported."""
    path = _folder(home, tree) / IMPORTED
    return path.read_bytes() if path.is_file() else None


def register_balance(
    home: Home, tree: str, dataset: pl.DataFrame, *, origin: str, rows: int | None, redo_from: int | None
) -> BalanceSpec:
    """Write down what is to be balanced by `tree`.

    dataset: `id, content` and whatever else.

    Raises:
        HomeError: the home folder cannot be written.
    """
    data = io.BytesIO()
    dataset.write_parquet(data)
    digest = hashlib.sha256(ascii([(s.name, s.to_list()) for s in dataset]).encode()).hexdigest()[:16]
    folder = _folder(home, tree)
    with home.writing(), home.lock("trees"):
        known = balance_spec(home, tree)
        redo, since = (known.redo, known.redo_from) if known and known.dataset == digest else (0, 0)
        if redo_from is not None:
            redo, since = redo + 1, redo_from
        spec = BalanceSpec(digest, origin, rows, since, redo)
        atomic_write(folder / f"dataset-{digest}.parquet", data.getvalue())
        atomic_write(folder / BALANCE, json.dumps(asdict(spec), indent=1).encode())
    return spec


def balance_spec(home: Home, tree: str) -> BalanceSpec | None:
    """What is to be balanced by `tree`, if anything is."""
    path = _folder(home, tree) / BALANCE
    return BalanceSpec(**json.loads(path.read_bytes())) if path.is_file() else None


def balance_dataset(home: Home, tree: str, spec: BalanceSpec) -> pl.DataFrame:
    """The registered rows: `id, content` and whatever else."""
    return pl.read_parquet(_folder(home, tree) / f"dataset-{spec.dataset}.parquet", glob=False)


def another_domain(known: TreeSpec, domain: str) -> TreeError:
    """The error for a tree that is asked for under another domain than its own."""
    return TreeError(
        f"tree {known.tree!r} exists under the domain {known.domain!r}, not {domain!r}: choose another name for the "
        "new tree"
    )


def check_tree_name(tree: str) -> None:
    """Refuse what cannot name a tree.

    Raises:
        TreeError: with a name that could.
    """
    if wrong := fault(tree, "tree"):
        raise TreeError(wrong)


def _root(home: Home) -> Path:
    return home.path / "trees"


def _folder(home: Home, tree: str) -> Path:
    return _root(home) / tree


def _read(home: Home, tree: str) -> TreeSpec | None:
    path = _folder(home, tree) / TREE
    return TreeSpec(**json.loads(path.read_bytes())) if path.is_file() else None
