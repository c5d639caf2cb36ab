"""A gate: a suite of expectations on a table, as a blocking check for Dagster, and for judging without a run."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import SUITES, Applied, Facts, applied, evaluate
from evergrow.assets.gates.measured import ComparedSets, bounds_of, measured_facts
from evergrow.assets.names import gate_name
from evergrow.assets.outcomes import owed_for
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.lake.lake import Lake
from evergrow.resources.place import Place, Places


@dataclass(frozen=True, slots=True)
class Gate:
    """Guards a table.

    Attributes:
        stage: the name of its suite in `SUITES`.
        facts: from the place, the table and the `others`, all their rows, to the facts that the suite
            names; see `evaluate` for what a fact may be.
        others: further tables that the gate compares with, by the parameter of `facts`; one marked `IF_ANY` may be
            missing, and is None then.
        sets: from the place, the lake and the table to the set whose measures the settings may bound; None where they
            are judged with another partition, or none can be bounded.
    """

    stage: str
    facts: Callable[..., Facts]
    others: Mapping[str, dg.AssetIn] = field(default_factory=dict)
    sets: Callable[[Place, Lake, pl.DataFrame], ComparedSets | None] | None = None

    def evaluate(
        self,
        place: Place,
        table: pl.DataFrame,
        others: Mapping[str, pl.DataFrame | None],
        lake: Lake,
        embedders: Embedders,
    ) -> dg.AssetCheckResult:
        """What the suite says of the table, by the thresholds of the place's recipe; what failed is said first.

        Raises:
            EmbedderError: a measure is bounded, and the embedding model cannot be loaded.
        """
        measured = self._measured(place, table, lake, embedders)
        found = evaluate(self.stage, table, place.settings, self.facts(place, table, **others), measured)
        why = "" if found.passed or "reason" not in table.columns else failures(table["reason"])
        return found._replace(description=f"{why}; {found.description}") if why else found

    def asked(
        self, place: Place, table: pl.DataFrame, others: Mapping[str, pl.DataFrame | None], lake: Lake,
        embedders: Embedders,
    ) -> Applied:  # fmt: skip
        """What the suite asks of the table; arguments and errors as of `evaluate`."""
        measured = self._measured(place, table, lake, embedders)
        return applied(self.stage, table, place.settings, self.facts(place, table, **others), measured)

    def _measured(self, place: Place, table: pl.DataFrame, lake: Lake, embedders: Embedders) -> Facts | None:
        if self.sets is None or not bounds_of(self.stage, place.settings):
            return {}
        sets = self.sets(place, lake, table)
        return None if sets is None else measured_facts(self.stage, place.settings, sets, embedders.at(place))

    def check(self, asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
        """The check that blocks what is downstream of `asset`, partition by partition."""

        def judge(context: dg.AssetCheckExecutionContext, **given: Any) -> dg.AssetCheckResult:  # noqa: ANN401
            places, table, lake, embedders = (given.pop(name) for name in ("places", "table", "lake", "embedders"))
            return self.evaluate(places.at(context, asset.key), table, given, lake, embedders)

        # Dagster reads the inputs and resources of a check off its signature.
        parameters = {
            "context": dg.AssetCheckExecutionContext,
            "table": pl.DataFrame,
            **{
                name: pl.DataFrame if not (given.metadata or {}).get("if_any") else Any
                for name, given in self.others.items()
            },
            "places": dg.ResourceParam[Places],
            "lake": dg.ResourceParam[Lake],
            "embedders": dg.ResourceParam[Embedders],
        }
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        judge.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind, annotation=annotation) for name, annotation in parameters.items()]
        )
        judge.__annotations__ = {**parameters, "return": dg.AssetCheckResult}
        return dg.asset_check(
            name=gate_name(self.stage),
            asset=asset,
            blocking=True,
            partitions_def=asset.partitions_def,
            additional_ins=self.others,
            description="; ".join(rule.says for rule in SUITES[self.stage].rules),
        )(judge)


def failures(reasons: pl.Series) -> str:
    """How many of a table's rows have no usable answer, what the commonest reason says and what helps; "" if none."""
    return str(owed_for(reasons.to_list()))
