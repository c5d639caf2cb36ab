"""The tables, gates and job of a round: `instructions -> complexity -> diversity -> accepted` (method.md A.9).

Its parents are what the round before accepted (dagster-facts.md, section 2).
"""

import dagster as dg

from evergrow.assets.evolution.accepted import accepted_asset
from evergrow.assets.evolution.complexity import complexity_asset
from evergrow.assets.evolution.diversity import diversity_asset
from evergrow.assets.evolution.instructions import instructions_asset
from evergrow.assets.names import round_name
from evergrow.resources.settings import Settings


def round_definitions(round_no: int, settings: Settings) -> dg.Definitions:
    """The assets, gates and job of one round."""
    instructions = instructions_asset(round_no, settings)
    complexity, complexity_gate = complexity_asset(round_no, settings)
    diversity, diversity_gate = diversity_asset(round_no, settings)
    accepted, accepted_gate = accepted_asset(round_no, settings)
    job = dg.define_asset_job(
        round_name(round_no),
        selection=dg.AssetSelection.groups(round_name(round_no)),
        description=f"Evolves a batch through round {round_no}.",
        tags={"evergrow/round": str(round_no)},
    )
    return dg.Definitions(
        assets=[instructions, complexity, diversity, accepted],
        asset_checks=[complexity_gate, diversity_gate, accepted_gate],
        jobs=[job],
    )
