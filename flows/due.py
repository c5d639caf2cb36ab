"""THE answer to whether a table must be made: nothing, make, make what failed, or judge only, with the reason in words.

It rests on one record of inputs that each materialization carries (`resources.lake.versions.MadeFrom`): the values that
shaped its rows, the files it read, the partitions of other tables; and on the requests it still owes, the programs that
no sandbox could run, its gate and the thresholds. Sensors, commands, `evergrow status` and the lake ask here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dagster as dg

from evergrow.assets.dataset.banned import BANNED, stands
from evergrow.assets.gates.check import thresholds
from evergrow.assets.names import gate_name
from evergrow.assets.table import PROMPT, Table, as_text
from evergrow.flows.remedies import remedy_of
from evergrow.methods.text.counts import counted
from evergrow.resources.host.home import Home
from evergrow.resources.lake.readable import GateClosed, GateState, Judgement, Outdated, judgement
from evergrow.resources.lake.versions import (
    LAKE_PATH,
    OWED,
    OWED_WHY,
    TAKEN_DOWN,
    UNTRIED,
    UNTRIED_WHY,
    Key,
    MadeFrom,
    data_version,
    latest_materialization,
    made_from,
    noted,
)
from evergrow.resources.owner_settings import Recipes
from evergrow.resources.place import Place
from evergrow.resources.registry.owner_names import owner
from evergrow.resources.registry.recipes import Kind, Recipe
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.releases import wishes
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import Settings

NEVER_MADE = "it was never made"
DAMAGED = "its file"  # how the reason begins of a table whose file is lost
OTHER_THRESHOLDS = "the thresholds of its gate changed"
SHOWN = 3  # differences that a reason names


class What(StrEnum):
    """What is to be done with a table."""

    MAKE = "make"
    MAKE_FAILED = "make what failed"
    JUDGE = "judge only"


@dataclass(frozen=True, slots=True)
class Reason:
    """What is due of a table, and why."""

    what: What
    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partition of a table stands: its current version, what is due of it, and what its gate says.

    `gate` is None where no gate guards the table, or there is no version.
    """

    table: Table
    place: Place
    version: dg.EventLogRecord | None
    due: Reason | None
    gate: Judgement | None = None

    @property
    def shut(self) -> str | None:
        """Why the gate does not let the present version through, where nothing that is due could change that."""
        if (
            self.gate is None
            or self.gate.state is GateState.PASSED
            or (self.due and self.due.what is not What.MAKE_FAILED)
        ):
            return None
        return self.gate.why or f"the gate is {self.gate.state}"


class Frontier:
    """What is due of all tables.

    Args:
        tables: all that there are, by key.
        recipes: the settings of each owner.
        home: the machine's folders.
        registry: what is registered, and the files of the lake.
    """

    def __init__(self, tables: Mapping[dg.AssetKey, Table], recipes: Recipes, home: Home, registry: Registry) -> None:
        self.tables, self.recipes, self.home, self.registry = tables, recipes, home, registry
        self._at: dict[tuple[str, Key], Place] = {}
        self._values: dict[tuple[dg.AssetKey, int], tuple[Settings, dict[str, str]]] = {}
        self._thresholds: dict[tuple[str, int], tuple[Settings, str]] = {}
        self._sandbox: bool | None = None  # whether there is one here; None: nobody has looked

    def under(self, settings: Settings) -> "Frontier":
        """The same under other settings of the machine."""
        return Frontier(self.tables, Recipes(settings, self.recipes.lookup), self.home, self.registry)

    def know(self, recipes: Mapping[tuple[Kind, str], Recipe]) -> None:
        """Take these as the recipes of all owners, instead of asking for one at a time."""
        self.forget()
        known: dict[tuple[str, str], Recipe] = {(kind, name): one for (kind, name), one in recipes.items()}
        self.recipes = Recipes(self.recipes.settings, lambda kind, name: known.get((kind, name)))

    def forget(self) -> None:
        """Read recipes anew from now on: they may have been changed."""
        self.recipes.forget()
        self._values.clear()
        self._thresholds.clear()
        self._sandbox = None

    def due(self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Reason | None:
        """What must be done with a partition of a table, and why; None if nothing must."""
        return self.standing(instance, key, partition).due

    def standing(self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Standing:
        """How a partition of a table stands.

        Raises:
            dg.Failure, UnknownBatch, UnknownTree: what the table is made from is not to be found.
        """
        table, place = self.tables[key], self.place(instance, key, partition)
        version = latest_materialization(instance, key, partition)
        if version is None or version.asset_materialization is None:
            return Standing(table, place, None, Reason(What.MAKE, NEVER_MADE))
        gate = self._gate(table, place, version)
        if why := self._outdated(table, place, version) or self._damaged(version) or _taken_down(version):
            return Standing(table, place, version, Reason(What.MAKE, why), gate)
        if why := _owed(version) or self._untried(version):
            return Standing(table, place, version, Reason(What.MAKE_FAILED, why), gate)
        if gate and (why := self._unjudged(table, place, gate)):
            return Standing(table, place, version, Reason(What.JUDGE, why), gate)
        return Standing(table, place, version, None, gate)

    def require_readable(
        self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, version: dg.EventLogRecord
    ) -> None:
        """Do nothing if `version`, the very event whose file is about to be read, may be read; see `Guard`.

        It is made from what there is today, its gate is open by the thresholds of today, and the same is true of each
        table that it was made from: else rows could carry scores of other texts, or stem from a table whose gate has
        closed since. A release is a snapshot: whatever happens upstream, and whatever it is to hold by now, it stays
        readable, bans excepted.
        """
        if key in self.tables:  # a table that is none of ours is its owner's to guard
            self._require(instance, key, partition, version, set())

    def command(self, key: dg.AssetKey, partition: str | None) -> str | None:
        """What a person types to have a partition made; None for a table of others."""
        return self._remedy(key, owner(partition or key.path[-1])) if key in self.tables else None

    def _remedy(self, key: dg.AssetKey, whose: str) -> str:
        return remedy_of(wishes(self.registry), key, whose)

    def place(self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Place:
        """Where a partition of the table stands now."""
        whose, kind = owner(partition or key.path[-1]), self.tables[key].kind
        # A set is measured by the recipe of what it is the set of.
        settings, recipe = self.recipes.of(*(whose.partition(":")[::2] if kind == "set" else (kind, whose)))
        return Place(key, partition, whose, settings, recipe, self.home, self.registry, instance)

    def at(self, context: Any, key: dg.AssetKey) -> Place:  # noqa: ANN401 - an asset's or a check's context
        """Where the partition of `key` stands that a step works on; the same for as long as its run."""
        step = context.op_execution_context
        partition = str(step.partition_key) if step.has_partition_key else None
        at = (step.run_id, (key, partition))
        if at not in self._at:
            self._at[at] = self.place(step.instance, key, partition)
        return self._at[at]

    def shape(self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> MadeFrom:
        """The values and files that a table of this partition is made from, without what it reads; see `Shapes`."""
        if key not in self.tables:
            return MadeFrom()
        return self._shape(self.tables[key], self.place(instance, key, partition))

    def _shape(self, table: Table, place: Place) -> MadeFrom:
        known = (table.key, id(place.settings))  # which stays the id of no other as long as it is kept here
        if known not in self._values:
            self._values[known] = place.settings, as_text(table.values(place.settings))
        return MadeFrom(self._values[known][1], table.files(place), recipe=place.recipe)

    def _outdated(self, table: Table, place: Place, version: dg.EventLogRecord) -> str | None:
        """Why a version is not what would be made today, or None."""
        before, now = made_from(version), self._shape(table, place)
        changed = [*_values_changed(before.values, now.values), *_files_changed(before.files, now.files)]
        changed = changed or list(self._reads_changed(table, place, before))
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        return f"{', '.join(changed[:SHOWN])}{more}" if changed else None

    def _damaged(self, version: dg.EventLogRecord) -> str | None:
        """What is wrong with the file of a version, or None: a table that is lost is made again, from the ledger."""
        path = str(noted(version, LAKE_PATH))
        damage = self.registry.files.damage(path)
        return f"{DAMAGED} {path} {damage}" if damage else None

    def _untried(self, version: dg.EventLogRecord) -> str | None:
        """What no sandbox was there to run, where there is one now, or None: without one the same would come of it."""
        if not (count := noted(version, UNTRIED)):
            return None
        if self._sandbox is None:
            self._sandbox = Sandbox.available(self.recipes.settings.sandbox)  # as a run opens it, whatever the recipe
        were = counted(count, "answers were", "answer was")
        why = f"{were} not run for want of a sandbox, which there is now: {noted(version, UNTRIED_WHY)}"
        return why if self._sandbox else None

    def _reads_changed(self, table: Table, place: Place, before: MadeFrom) -> Iterator[str]:
        read, instance = {one.place: one.version for one in before.read}, place.instance
        for source in table.sources(place):
            found = latest_materialization(instance, source.key, source.partition)
            noted_version = read.pop((source.key, source.partition), None)
            if found is None or data_version(found) == noted_version:
                continue
            if noted_version is not None:
                yield _changed(source.key, source.partition, place)
            elif source.required or not _makes(self.standing(instance, source.key, source.partition).due):
                yield f"{source.key.to_user_string()} is new"
        for (key, partition), noted_version in read.items():
            found = latest_materialization(instance, key, partition)
            if found is None or data_version(found) != noted_version:
                yield _changed(key, partition, place)

    def _gate(self, table: Table, place: Place, version: dg.EventLogRecord) -> Judgement | None:
        if table.stage is None:
            return None
        return judgement(place.instance, dg.AssetCheckKey(table.key, gate_name(table.stage)), place.partition, version)

    def _unjudged(self, table: Table, place: Place, gate: Judgement) -> str | None:
        """Why the gate must judge the version (again), or None."""
        if gate.state in (GateState.MISSING, GateState.STALE):
            return f"its gate is {gate.state}"
        if table.stage is None:
            return None
        known = (table.stage, id(place.settings))  # as of `_shape`
        if known not in self._thresholds:
            self._thresholds[known] = place.settings, thresholds(table.stage, place.settings)
        return None if gate.thresholds == self._thresholds[known][1] else OTHER_THRESHOLDS

    def _require(
        self,
        instance: dg.DagsterInstance,
        key: dg.AssetKey,
        partition: str | None,
        version: dg.EventLogRecord,
        sound: set[Key],
    ) -> None:
        table, place = self.tables[key], self.place(instance, key, partition)
        self._require_gate(table, place, version)
        if table.kind == "release":
            if not stands(place, version):
                raise Outdated(key, partition, f"{BANNED} changed", self._remedy(key, place.owner))
            return
        if why := self._outdated(table, place, version):
            raise Outdated(key, partition, why, self._remedy(key, place.owner))
        sound.add((key, partition))
        for read in made_from(version).read:
            there = latest_materialization(instance, read.key, read.partition)
            if there is not None and read.place not in sound:
                self._require(instance, read.key, read.partition, there, sound)

    def _require_gate(self, table: Table, place: Place, version: dg.EventLogRecord) -> None:
        if table.stage is None:
            return
        check = dg.AssetCheckKey(table.key, gate_name(table.stage))
        gate = judgement(place.instance, check, place.partition, version)
        if gate.state is not GateState.PASSED:
            raise GateClosed(check, place.partition, gate.state, gate.why)
        if table.kind != "release" and self._unjudged(table, place, gate):
            command = self._remedy(table.key, place.owner)
            again = f"{OTHER_THRESHOLDS} since; judge it again (`{command}` does what is needed)"
            raise GateClosed(check, place.partition, gate.state, again)


def _makes(reason: Reason | None) -> bool:
    return reason is not None and reason.what is What.MAKE


def _owed(version: dg.EventLogRecord) -> str | None:
    if not (owed := noted(version, OWED)):
        return None
    why = noted(version, OWED_WHY)
    return f"{counted(owed, 'requests are', 'request is')} owed" + (f": {why}" if why else "")


def _taken_down(version: dg.EventLogRecord) -> str | None:
    if not (count := noted(version, TAKEN_DOWN)):
        return None
    return f"{counted(count, 'rows were', 'row was')} taken down, of which others may take the place"


def _values_changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    # What only one of them has came or went with a value that both have: that one is the cause.
    for name in [name for name in changed if name in before and name in now] or changed:
        if name.startswith(PROMPT):
            yield f"the {name} changed"
        elif name not in before:
            yield f"{name} is now {now[name]}"
        else:
            yield f"{name} changed from {before[name]} to {now.get(name, 'nothing')}"


def _files_changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name} changed" for name in sorted({*before, *now}) if before.get(name) != now.get(name))


def _changed(key: dg.AssetKey, partition: str | None, place: Place) -> str:
    elsewhere = f" of {partition!r}" if partition != place.partition else ""
    return f"{key.to_user_string()}{elsewhere} changed"
