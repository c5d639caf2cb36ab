"""What Dagster loads: the platform, built for the settings of the process. Import `platform` to build it for others."""

from evergrow.assets.platform import build_definitions
from evergrow.resources.settings import load_settings

defs = build_definitions(load_settings())
