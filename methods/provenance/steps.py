"""The steps of a row's way from its seed to an exported file, each with all that explains it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from evergrow.methods.provenance.differences import Change
from evergrow.methods.text.counts import counted

Kind = Literal[
    "seed", "child", "node", "sample", "aware", "routed", "balanced", "collected", "answer", "verified", "clean",
    "release", "export",
]  # fmt: skip
GateWord = Literal["PASSED", "FAILED", "STALE", "MISSING"]


@dataclass(frozen=True, slots=True)
class GateSaid:
    """What a gate says of a table: its state, its words, and each expectation with figure, bounds and threshold."""

    check: str
    state: GateWord
    says: str | None
    expectations: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class TableRead:
    """A partition that a table was made from; `current`: whether that version is the latest one still."""

    table: str
    partition: str | None
    data_version: str
    current: bool


@dataclass(frozen=True, slots=True)
class TableVersion:
    """The version of a table that holds a row, and what made it.

    Attributes:
        table, partition: which.
        data_version: hash of its content.
        code_version: hash of the prompts that its code asks by; None where it asks none, or its recipe says by which:
            then they are among `values`.
        recipe: version of its owner's recipe; None where there is none.
        run_id, made_at: the run that made it, and when (ISO 8601, UTC).
        file: of the lake.
        values: settings and prompts that shaped its rows, as JSON text by name.
        files: digests of what else it was made from.
        read: the tables that it was made from.
        gate: what its gate says; None where none guards it.
    """

    table: str
    partition: str | None
    data_version: str
    code_version: str | None
    recipe: int | None
    run_id: str
    made_at: str
    file: str
    values: Mapping[str, str]
    files: Mapping[str, str]
    read: Sequence[TableRead]
    gate: GateSaid | None


@dataclass(frozen=True, slots=True)
class Other:
    """Another text that a step was compared with: why it stands here, where it is, and what it says."""

    relation: str
    id: str
    content: str | None
    likeness: float | None = None


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Who named a value that an attribute has, and by which request of the ledger, if by any.

    `by`: pivots (the answer that named the dimension), completion (an answer that was asked for more values), domain or
    imported; `pivots` counts from 0 among the node's; `merged` are values that were taken for this one.
    """

    dimension: str
    value: str
    by: Literal["pivots", "completion", "domain", "imported", "unknown"]
    call_id: str | None = None
    pivots: Sequence[int] = ()
    merged: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of the way.

    Attributes:
        id: of the row; of a node, the node's.
        kind: what happened in it.
        says: the same in words.
        row: the row's own columns, as its table has them.
        content: its text, if it has one.
        parents: keys of the steps above that it was made from.
        changes: how its text differs from its parent's; None where there is no parent to compare with.
        others: texts that it was compared with.
        values: of a node, who named the values on the way down.
        tables: versions of the tables that tell of it, the deciding one last.
        closed: why nothing may be built on it; None if all gates are open.
        reason: why the row goes no further; None if it does.
        calls: rows of the ledger, with `request` decoded.
    """

    id: str
    kind: Kind
    says: str
    row: Mapping[str, Any]
    content: str | None = None
    parents: Sequence[str] = ()
    changes: Sequence[Change] | None = None
    others: Sequence[Other] = ()
    values: Sequence[ValueSource] = ()
    tables: Sequence[TableVersion] = ()
    closed: str | None = None
    reason: str | None = None
    calls: Sequence[Mapping[str, Any]] = ()

    @property
    def key(self) -> str:
        """What tells it from other steps of a way."""
        if self.kind == "export":  # folders hold files of the same name
            return f"{self.kind}:{self.row['file']}:{self.row['line']}"
        where = f"@{self.tables[-1].partition}" if self.tables else ""
        return f"{self.kind}:{self.id}{where}"

    def as_dict(self) -> dict[str, Any]:
        """The step as JSON: the row's columns, and beside them what explains it, which goes before."""
        told = asdict(self)
        row = told.pop("row")
        return {**row, "key": self.key, **{"step" if name == "kind" else name: v for name, v in told.items()}}


def call_uses(steps: Sequence[TraceStep]) -> dict[str, list[TraceStep]]:
    """The requests of a way by id, each with the steps that rest on it: the first one is where it is shown."""
    found: dict[str, list[TraceStep]] = {}
    for step in steps:
        for call in step.calls:
            found.setdefault(call["call_id"], []).append(step)
    return found


def spent(steps: Sequence[TraceStep]) -> str:
    """What all requests of a way took together, each once, in a sentence; "" where there are none."""
    calls = {call["call_id"]: call for step in steps for call in step.calls}.values()
    if not calls:
        return ""
    known = [call["usd"] for call in calls if call["usd"] is not None]
    parts = [f"${sum(known):,.6f}"] if known else []
    unknown = len(calls) - len(known)
    parts += [f"{unknown:,} of unknown cost" if known else "cost unknown"] if unknown else []
    tokens = " + ".join(f"{sum(call[name] or 0 for call in calls):,}" for name in ("tokens_in", "tokens_out"))
    return f"in all {counted(len(calls), 'requests')}, {tokens} tokens, {', '.join(parts)}"


def outcome(steps: Sequence[TraceStep]) -> str:
    """Where the row stands in the end, in a sentence."""
    last = steps[-1]
    if last.reason:
        return f"{last.id} was left out ({last.says}): {last.reason}"
    if last.closed:
        return f"{last.id} got as far as this: {last.says}; nothing may be built on it: {last.closed}"
    return f"{last.id} got as far as this: {last.says}"
