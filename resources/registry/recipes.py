"""What a batch, tree or release was asked to be made by: every version of its settings, with who set it and when."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select

from evergrow.resources.ledger.registry_schema import recipes as table
from evergrow.resources.registry.registry import Registry, as_text, touch

Kind = Literal["batch", "tree", "release"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A version, from 1, of the values (JSON) that shape what an owner's tables hold; `at` is in UTC."""

    kind: Kind
    name: str
    version: int
    values: Mapping[str, Any]
    by: str
    at: datetime


def record(registry: Registry, kind: Kind, name: str, values: Mapping[str, object], by: str) -> int:
    """Keep `values` as the owner's latest version, unless they are that already; returns its number.

    Args:
        registry: where.
        kind: of the owner.
        name: of the owner.
        values: what JSON can hold.
        by: what recorded them: a command, a sensor.

    Raises:
        LedgerError: they were not recorded.
    """
    told = as_text(dict(values))
    with registry.alone() as connection:
        last = _latest(connection, kind, name)
        row = select(table.c.recipe).where(table.c.kind == kind, table.c.name == name, table.c.version == last)
        if last and connection.execute(row).scalar_one() == told:
            return last
        connection.execute(
            insert(table).values(kind=kind, name=name, version=last + 1, recipe=told, by=as_text(by), at=time.time())
        )
        touch(connection, kind, name)
    return last + 1


def recipe(registry: Registry, kind: Kind, name: str, version: int | None = None) -> Recipe | None:
    """A version of an owner's recipe, the latest by default; None if there is none."""
    found = versions(registry, kind, name)
    return next((one for one in reversed(found) if version in (None, one.version)), None)


def versions(registry: Registry, kind: Kind, name: str) -> list[Recipe]:
    """All versions, the oldest first."""
    query = (
        select(table.c.version, table.c.recipe, table.c.by, table.c.at)
        .where(table.c.kind == kind, table.c.name == name)
        .order_by(table.c.version)
    )
    return [
        Recipe(kind, name, row[0], json.loads(row[1]), json.loads(row[2]), datetime.fromtimestamp(row[3], UTC))
        for row in registry.read(query)
    ]


def latest_recipes(registry: Registry) -> list[Recipe]:
    """The latest recipe of every batch, tree and release that has one, by kind and name."""
    last = select(table.c.kind, table.c.name, func.max(table.c.version).label("version"))
    newest = last.group_by(table.c.kind, table.c.name).subquery()
    query = select(table).join(
        newest,
        (table.c.kind == newest.c.kind) & (table.c.name == newest.c.name) & (table.c.version == newest.c.version),
    )
    return [
        Recipe(
            row.kind,
            row.name,
            row.version,
            json.loads(row.recipe),
            json.loads(row.by),
            datetime.fromtimestamp(row.at, UTC),
        )
        for row in registry.read(query.order_by(table.c.kind, table.c.name))
    ]


def _latest(connection: Connection, kind: Kind, name: str) -> int:
    query = select(func.max(table.c.version)).where(table.c.kind == kind, table.c.name == name)
    return int(connection.execute(query).scalar() or 0)
