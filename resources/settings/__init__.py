"""Settings: `evergrow.yaml` < environment `EVERGROW_*` < command line, validated at start-up, every error at once."""

from evergrow.resources.settings.load import Settings, SettingsError, load_settings

__all__ = ["Settings", "SettingsError", "load_settings"]
