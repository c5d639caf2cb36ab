"""One declaration a table: its key, what shapes its rows, what it reads, its gate, and the job that makes it.

A value shapes rows if another value would make other rows. It is named one by one, as its setting or its prompt is
called; what decides only where, when and at which price a model is asked shapes nothing, and is never named here.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import dagster as dg

from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import BATCHES, MEASURED, MODELS, RELEASES, TREES, gate_name
from evergrow.resources.lake.readable import GATES
from evergrow.resources.place import Place
from evergrow.resources.registry.recipes import Kind
from evergrow.resources.settings import Settings
from evergrow.resources.settings.embedding import Embedding

# Partitioned checks are preview and pinned by minor version; one warning per asset and check would drown a user's log.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

Values = Mapping[str, object]
OWNERS = ["team:evergrow"]
PROMPT = "prompt "  # how the name of a value begins that is a prompt's version
Owner = Kind | Literal["model", "set"]  # models have no recipe, and sets that of what they are the set of
SECTIONS: Mapping[Owner, dg.PartitionsDefinition[str]] = {
    "batch": BATCHES, "tree": TREES, "release": RELEASES, "model": MODELS, "set": MEASURED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A partition that a table is made from; one that is not `required` is left out while it is not there."""

    key: dg.AssetKey
    partition: str | None
    required: bool = True


def nothing(_: Place) -> dict[str, str]:
    """No file shapes the table."""
    return {}


@dataclass(frozen=True)
class Table:
    """What is known of a table beside its content.

    Attributes:
        key: its name.
        define: makes Dagster's definition of it: what only looks at tables does without.
        kind: what its partitions belong to.
        job: the name of the job that makes it.
        values: the values that shape its rows under some settings, by name.
        files: digests of what it reads beside tables, by name.
        sources: the partitions of other tables that it is made from.
        stage: the name of its gate's suite, if a gate guards it.
        gate: the gate.
        asks: whether making it may ask a model.
    """

    key: dg.AssetKey
    define: Callable[[], dg.AssetsDefinition]
    kind: Owner
    job: str
    values: Callable[[Settings], Values]
    files: Callable[[Place], Mapping[str, str]]
    sources: Callable[[Place], Sequence[Source]]
    stage: str | None = None
    gate: Gate | None = None
    asks: bool = False

    @cached_property
    def asset(self) -> dg.AssetsDefinition:
        """Dagster's definition of it."""
        return self.define()

    @cached_property
    def check(self) -> dg.AssetChecksDefinition | None:
        """Dagster's definition of its gate."""
        return self.gate.check(self.asset) if self.gate else None


@dataclass(frozen=True, slots=True)
class Declaration:
    """What `table` needs to know before the function that makes the rows; see `Table` for what is not said here.

    Attributes:
        key, group, job: names.
        ins: the inputs, by the function's parameters.
        prompts: versions of the prompts that write its rows, by name.
        values: the other values that shape its rows, by the path of their settings.
        kinds, pool: as Dagster takes them.
        partitions: where they are not those of its kind.
        sources: where they are not simply the partition of the same name of each input.
    """

    key: dg.AssetKey
    kind: Owner
    group: str
    job: str
    ins: Mapping[str, dg.AssetIn] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    values: Callable[[Settings], Values] = lambda _: {}
    files: Callable[[Place], Mapping[str, str]] = nothing
    stage: str | None = None
    kinds: Sequence[str] = ("polars",)
    pool: str | None = None
    asks: bool = False
    partitions: dg.PartitionsDefinition[str] | None = None
    sources: Callable[[Place], Sequence[Source]] | None = None
    deps: Sequence[dg.AssetKey | dg.AssetDep] = ()

    def table(self, function: Callable[..., object], gate: Gate | None = None) -> Table:
        """The table that `function` makes, guarded by `gate` if it has one."""
        return Table(
            key=self.key,
            define=lambda: self._asset(function),
            kind=self.kind,
            job=self.job,
            values=self.named_values,
            files=self.files,
            sources=self.sources or self._same_partition,
            stage=self.stage,
            gate=gate,
            asks=self.asks,
        )

    def _asset(self, function: Callable[..., object]) -> dg.AssetsDefinition:
        gates = {GATES: [gate_name(self.stage)]} if self.stage else {}
        return dg.asset(
            key=self.key,
            group_name=self.group,
            partitions_def=self.partitions or SECTIONS[self.kind],
            ins=self.ins,
            deps=self.deps,
            # What a recipe decides is noted with each materialization; the code version tells only of prompts.
            code_version=_digest(self.prompts),
            metadata=gates,
            kinds=set(self.kinds),
            owners=OWNERS,
            pool=self.pool,
        )(function)

    def named_values(self, settings: Settings) -> Values:
        """Prompts and settings together."""
        prompts = {f"{PROMPT}{name}": version for name, version in self.prompts.items()}
        return {**prompts, **self.values(settings)}

    def _same_partition(self, place: Place) -> list[Source]:
        wanted = [(key_of(given), not (given.metadata or {}).get("if_any")) for given in self.ins.values()]
        return [Source(key, place.partition, required) for key, required in wanted]


def key_of(given: dg.AssetIn) -> dg.AssetKey:
    """The table that an input names."""
    if given.key is None:
        raise ValueError("an input names its table")
    return given.key


def role_values(settings: Settings, *roles: str) -> dict[str, object]:
    """What of these roles shapes answers: model, temperature, most tokens."""
    found: dict[str, object] = {}
    for name in roles:
        role = settings.role(name)
        found |= {f"roles.{name}.{part}": getattr(role, part) for part in ("model", "temperature", "max_tokens")}
    return found


def section_values(settings: Settings, section: str, *names: str) -> dict[str, object]:
    """Settings of a section by their paths; all of it if none is named."""
    dumped: dict[str, Any] = getattr(settings, section).model_dump(mode="json")
    return {f"{section}.{name}": dumped[name] for name in names or dumped}


def judging_values(settings: Settings) -> dict[str, object]:
    """How the judge is asked; one reading goes without saying."""
    names = ("judging", *(["readings"] if settings.evolution.readings > 1 else []))
    return section_values(settings, "evolution", *names)


def embedding_values(settings: Settings) -> dict[str, object]:
    """Settings that shape the vectors of texts, whatever machine computes them; the usual ways go without saying."""
    # The model's defaults, not those of this machine's file and environment: a recipe means the same everywhere.
    usual, chosen = Embedding().model_dump(), section_values(settings, "embedding", "precision", "long")
    unusual = {name: value for name, value in chosen.items() if value != usual[name.rpartition(".")[2]]}
    return {**section_values(settings, "embedding", "model"), **unusual}


def as_text(values: Values) -> dict[str, str]:
    """Values as the record of a materialization keeps them."""
    return {name: json.dumps(value, sort_keys=True, default=str) for name, value in values.items()}


def _digest(prompts: Mapping[str, str]) -> str | None:
    return hashlib.sha256(json.dumps(prompts, sort_keys=True).encode()).hexdigest()[:12] if prompts else None
