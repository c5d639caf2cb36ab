"""Everything of a dataset that Dagster knows."""

import dagster as dg

from evergrow.assets.dataset.clean import clean_definitions
from evergrow.assets.dataset.release import release_definitions
from evergrow.assets.dataset.responses import responses_definitions
from evergrow.assets.dataset.verified import verified_definitions
from evergrow.resources.settings import Settings


def dataset_definitions(settings: Settings) -> dg.Definitions:
    """The assets below `dataset/`, their gates and their jobs."""
    parts = (responses_definitions, verified_definitions, clean_definitions, release_definitions)
    return dg.Definitions.merge(*(part(settings) for part in parts))
