"""Registers trees: a tree exists once its domain, depth and target are written down.

Beside them stand the domain as it was then, what the tree was imported from, and the dataset that it is to balance.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl
from sqlalchemy import Connection, insert, select, update

from evergrow.methods.treesynth.spec import BalanceSpec, TreeSpec
from evergrow.resources.ledger.registry_schema import trees as table
from evergrow.resources.registry.owner_names import NAME, fault, unknown
from evergrow.resources.registry.registry import Registry, as_text, touch

FOLDER = "registry/trees"  # of the lake


class TreeError(Exception):
    """Something about a tree is wrong; the message names the tree and the remedy."""


class UnknownTree(TreeError):  # noqa: N818 - the name says it
    """No tree is registered under the name; the message lists the names that there are."""


@dataclass(frozen=True, slots=True)
class DomainText:
    """A domain as a tree was registered with it: its name, the text of its file, and that text's SHA-256 (hex)."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def register(
    registry: Registry, spec: TreeSpec, imported: bytes | None = None, domain: DomainText | None = None
) -> TreeSpec:
    """Write down `spec`; a tree that is already there may get another depth, target or seed, but no other domain.

    Args:
        registry: where.
        spec: of the tree.
        imported: the `output.json` that it goes on from.
        domain: the domain as it is now; None leaves the text that was registered before.

    Raises:
        TreeError: the name cannot be a tree's, the tree exists under another domain or was imported from another file.
        LedgerError, OSError: database or lake cannot be written.
    """
    check_tree_name(spec.tree)
    file = None
    if imported is not None:
        spec = replace(spec, imported=hashlib.sha256(imported).hexdigest()[:16])
        file = registry.files.put_bytes(f"{FOLDER}/{spec.tree}", ".json", imported)
    with registry.alone() as connection:
        row = connection.execute(select(table.c.spec).where(table.c.name == spec.tree)).scalar()
        known = TreeSpec(**json.loads(row)) if row else None
        if known and known.domain != spec.domain:
            raise another_domain(known, spec.domain)
        if known and imported is not None and known.imported != spec.imported:
            raise TreeError(f"tree {spec.tree!r} exists already: choose another name for the imported one")
        if known and imported is None:
            spec = replace(spec, imported=known.imported)
        values = {"spec": as_text(asdict(spec))}
        values |= {"imported": file} if file else {}
        values |= {"domain": as_text(asdict(domain))} if domain else {}
        _write(connection, spec.tree, values)
    return spec


def tree_spec(registry: Registry, tree: str) -> TreeSpec:
    """The tree registered as `tree`.

    Raises:
        UnknownTree: there is none.
    """
    told = _read(registry, tree, "spec")
    if told:
        return TreeSpec(**json.loads(told))
    names = registered_trees(registry)
    raise UnknownTree(unknown(tree, "tree", names, "grow it with `evergrow tree grow TREE --domain DOMAIN`"))


def registered_trees(registry: Registry) -> list[str]:
    """Names of all registered trees, in order."""
    return sorted(row[0] for row in registry.read(select(table.c.name)))


def registered_domain(registry: Registry, tree: str) -> DomainText | None:
    """The domain as the tree was registered with it; None if its text was not written down."""
    told = _read(registry, tree, "domain")
    return DomainText(**json.loads(told)) if told else None


def imported_file(registry: Registry, tree: str) -> bytes | None:
    """The `output.json` that a tree goes on from; None if it was not imported.

    Raises:
        DamagedFile: it is gone, or not what it was.
    """
    file = _read(registry, tree, "imported")
    return registry.files.get(file, f"import the tree {tree!r} anew, under another name") if file else None


def register_balance(
    registry: Registry, tree: str, dataset: pl.DataFrame, *, origin: str, rows: int | None, redo_from: int | None
) -> BalanceSpec:
    """Write down what is to be balanced by `tree`.

    dataset: `id, content` and whatever else.

    Raises:
        LedgerError, OSError: database or lake cannot be written.
    """
    digest = hashlib.sha256(ascii([(s.name, s.to_list()) for s in dataset]).encode()).hexdigest()[:16]
    file, _ = registry.files.put(f"{FOLDER}/{tree}", ".parquet", dataset.write_parquet)
    with registry.alone() as connection:
        told = connection.execute(select(table.c.balance).where(table.c.name == tree)).scalar()
        known = BalanceSpec(**json.loads(told)) if told else None
        redo, since = (known.redo, known.redo_from) if known and known.dataset == digest else (0, 0)
        if redo_from is not None:
            redo, since = redo + 1, redo_from
        spec = BalanceSpec(digest, origin, rows, since, redo)
        _write(connection, tree, {"balance": as_text(asdict(spec)), "dataset": file})
    return spec


def balance_spec(registry: Registry, tree: str) -> BalanceSpec | None:
    """What is to be balanced by `tree`, if anything is."""
    told = _read(registry, tree, "balance")
    return BalanceSpec(**json.loads(told)) if told else None


def balance_dataset(registry: Registry, tree: str, spec: BalanceSpec) -> pl.DataFrame:
    """The registered rows: `id, content` and whatever else.

    Raises:
        DamagedFile: their file is gone, or not what it was.
    """
    file = _read(registry, tree, "dataset") or ""
    remedy = f"repeat `evergrow tree balance {tree}` with {spec.origin}"
    return pl.read_parquet(io.BytesIO(registry.files.get(file, remedy)))


def tree_files(registry: Registry) -> list[tuple[str, str]]:
    """Every file of the lake that a tree needs, with the tree's name: what it was imported from, and its dataset."""
    rows = registry.read(select(table.c.name, table.c.imported, table.c.dataset).order_by(table.c.name))
    return [(name, file) for name, *files in rows for file in files if file]


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


def _read(registry: Registry, tree: str, column: str) -> str | None:
    if not NAME.fullmatch(tree):
        return None
    rows = registry.read(select(table.c[column]).where(table.c.name == tree))
    return rows[0][0] if rows else None


def _write(connection: Connection, tree: str, values: dict[str, Any]) -> None:
    """Change a row where that changes anything, or make it."""
    row = connection.execute(select(table).where(table.c.name == tree)).one_or_none()
    if row is None:
        connection.execute(insert(table).values(name=tree, **values))
    elif any(getattr(row, name) != value for name, value in values.items()):
        connection.execute(update(table).where(table.c.name == tree).values(**values))
    else:
        return
    touch(connection, "tree", tree)
