"""Whose a call is: of a batch, a tree, a release and a model of one name, the one whose table has asked.

The ledger keeps the name beside the table, and the table tells the kind: so it does in every ledger that there is.
"""

from collections.abc import Collection
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, and_, case, not_, or_

OwnerKind = Literal["batch", "tree", "release", "model", "doctor"]
RELEASE_ASSET = "dataset/release"
MEASURED = "quality/"  # tables of sets, whose partitions are called KIND:NAME
OF_FOLDER: dict[str, OwnerKind] = {"treesynth": "tree", "trust": "model", "evaluation": "model", "doctor": "doctor"}


def kind_of(asset: str, partition: str) -> OwnerKind:
    """Of what kind the owner is whose table `asset` asked for `partition`."""
    if asset == RELEASE_ASSET:
        return "release"
    if asset.startswith(MEASURED):
        measured = partition.partition(":")[0]
        return next((kind for kind in get_args(OwnerKind) if kind == measured), "batch")
    return OF_FOLDER.get(asset.partition("/")[0], "batch")


def tree_origin(tree: str) -> str:
    """Where the seeds of a batch come from that are the samples of a tree."""
    return f"tree {tree!r}"


def kind_column(asset: ColumnElement[Any], partition: ColumnElement[Any]) -> ColumnElement[str]:
    """`kind_of` of the rows of a table."""
    measured = [
        (and_(asset.startswith(MEASURED), partition.startswith(f"{kind}:")), kind)
        for kind in get_args(OwnerKind)
        if kind != "batch"
    ]
    return case(*measured, else_=_by_asset(asset))


def told_by_asset(asset: ColumnElement[Any], kinds: Collection[OwnerKind]) -> ColumnElement[bool]:
    """Rows of owners of these kinds, but for measured sets: a partition is in no index that sums read."""
    return and_(not_(asset.startswith(MEASURED)), _by_asset(asset).in_(kinds))


def _by_asset(asset: ColumnElement[Any]) -> ColumnElement[str]:
    folders = [(or_(asset == name, asset.startswith(f"{name}/")), kind) for name, kind in OF_FOLDER.items()]
    return case((asset == RELEASE_ASSET, "release"), *folders, else_="batch")
