"""TreeSynth's assets together: levels, samples, the positive conversion, and the balancing of datasets."""

import dagster as dg

from evergrow.assets.treesynth.aware import aware_definitions
from evergrow.assets.treesynth.balanced import balance_definitions
from evergrow.assets.treesynth.level import level_definitions
from evergrow.assets.treesynth.samples import samples_definitions
from evergrow.resources.settings import Settings


def tree_definitions(settings: Settings) -> dg.Definitions:
    """Everything about trees, for as many levels as the settings name."""
    levels = [level_definitions(depth, settings) for depth in range(settings.treesynth.max_depth + 1)]
    return dg.Definitions.merge(
        *levels, samples_definitions(settings), balance_definitions(settings), aware_definitions(settings)
    )
