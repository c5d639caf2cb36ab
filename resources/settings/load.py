"""Reads settings from their sources and reports every fault of them in one message."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from dotenv import load_dotenv
from pydantic import Field, PositiveInt, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from pydantic_settings.sources import InitSettingsSource

from evergrow.methods.text.plain_yaml import IN_C, UnplainError, require_shallow
from evergrow.resources.settings import dataset
from evergrow.resources.settings.embedding import Embedding
from evergrow.resources.settings.endpoints import EmbeddedModel, Endpoint
from evergrow.resources.settings.gates import Gates
from evergrow.resources.settings.growth import Evolution, SeedSettings, TreeSynth
from evergrow.resources.settings.operation import Alerts, Observability, Sensors
from evergrow.resources.settings.roles import EMBEDDING, Role, Roles
from evergrow.resources.settings.spending import BudgetLimits, Price

PREFIX, DELIMITER = "EVERGROW_", "__"
CONFIG_VARIABLE = "EVERGROW_CONFIG"
EMBEDDED_PROFILE = Path(__file__).with_name("embedded.yaml")
PAPER_PROFILE = Path(__file__).with_name("paper.yaml")
DOTENV = ".env"
SHOWN_CHARS = 200  # of a value that is at fault


class SettingsError(Exception):
    """Faulty settings; the message names each with its path, its value's source and the remedy."""


class _SettingsFile(YamlConfigSettingsSource):
    """The settings' file, read as `_read_yaml` does."""

    def _read_file(self, file_path: Path) -> dict[str, Any]:  # type: ignore[override]
        found: dict[str, Any] = _read_yaml(file_path) or {}
        return found


class Settings(BaseSettings):
    """All settings of evergrow, frozen. Load them with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True, validate_default=True
    )
    yaml_file: ClassVar[Path | None] = None

    profile: Literal["default", "paper"] = Field(
        "default", description="paper: the papers' settings where they are not the defaults (docs/methods.md)"
    )
    home: Path = Field(
        Path(".evergrow"), description="folder of the lake, the ledger, the inbox and Dagster's instance"
    )
    model: str = Field("gpt-4o-2024-08-06", description="model of every role that names none")
    roles: Roles = Roles()
    endpoints: dict[str, Endpoint] = Field({"default": Endpoint()}, description="servers that are asked")
    embedded: EmbeddedModel = EmbeddedModel()
    embedding: Embedding = Embedding()
    seeds: SeedSettings = SeedSettings()
    evolution: Evolution = Evolution()
    treesynth: TreeSynth = TreeSynth()
    answers: dataset.Answers = dataset.Answers()
    verification: dataset.Verification = dataset.Verification()
    sandbox: dataset.SandboxSettings = dataset.SandboxSettings()
    cleaning: dataset.Cleaning = dataset.Cleaning()
    release: dataset.Release = dataset.Release()
    pairs: dataset.PreferencePairs = dataset.PreferencePairs()
    evaluation: dataset.EvaluationSettings = dataset.EvaluationSettings()
    solvers: dataset.Solvers = dataset.Solvers()
    gates: Gates = Gates()
    prices: dict[str, Price] = Field({}, description="price by model; a model without one has an unknown cost")
    budget: BudgetLimits = BudgetLimits()
    observability: Observability = Observability()
    sensors: Sensors = Sensors()
    alerts: Alerts = Alerts()
    lake_url: str | None = Field(None, description="where tables are kept, a folder or fsspec URL; empty: HOME/lake")
    lake_copies_bytes: PositiveInt = Field(
        20_000_000_000, description="bytes of a remote lake's files that are kept in HOME/copies, to be read again"
    )
    ledger_url: str | None = Field(None, description="SQLAlchemy URL of the ledger; empty: HOME/ledger.sqlite")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, file; below them the embedded model's profile while no endpoint is set, and the
        papers' profile where it is asked for.
        """
        own = [init_settings, env_settings]
        if cls.yaml_file:
            own.append(_SettingsFile(settings_cls, cls.yaml_file))
        profiles = [] if _endpoint_is_set(own) else [EMBEDDED_PROFILE]
        named = next((found for source in own if (found := source().get("profile"))), None)
        profiles += [PAPER_PROFILE] if named == "paper" else []
        read = (_read_yaml(profile) for profile in profiles)
        return (*own, *(InitSettingsSource(settings_cls, init_kwargs=values) for values in read))

    @property
    def uses_embedded_model(self) -> bool:
        """Whether any role is served by the embedded model."""
        pools = [self.pool(role).values() for role in ("generator", "judge")]
        return any(endpoint.kind == "embedded" for pool in pools for endpoint in pool)

    def role(self, name: str) -> Role:
        """The role called `name`, its model filled in; it shares the generator's endpoints where it names none."""
        if name == EMBEDDING:
            return self.embedding.as_role()
        role: Role = getattr(self.roles, name)
        missing: dict[str, Any] = {} if role.model else {"model": self.model}
        if "endpoint" not in role.model_fields_set and "default" not in self.endpoints:
            missing["endpoint"] = self.roles.generator.endpoint
        return role.model_copy(update=missing) if missing else role

    def pool(self, role: str) -> dict[str, Endpoint]:
        """The endpoints that serve `role`, by name."""
        return {name: self.endpoints[name] for name in self.role(role).endpoints}


def _read_yaml(path: Path) -> Any:  # noqa: ANN401
    text = path.read_text(encoding="utf-8")
    try:
        require_shallow(text)
        return yaml.load(text, Loader=IN_C)  # noqa: S506 - both are safe loaders
    except UnplainError:
        raise
    except yaml.YAMLError:
        return yaml.safe_load(text)  # which says what is wrong in plainer words


def _endpoint_is_set(sources: list[PydanticBaseSettingsSource]) -> bool:
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return True
    given = [source().get("endpoints") for source in sources]
    named = [endpoint for endpoints in given if isinstance(endpoints, Mapping) for endpoint in endpoints.values()]
    # What is no mapping is a fault, which validation will name.
    return any(endpoint.get("kind", "openai") != "embedded" for endpoint in named if isinstance(endpoint, Mapping))


def load_settings(overrides: Mapping[str, Any] | None = None, yaml_file: Path | None = None) -> Settings:
    """Settings from all sources; `overrides` is a nested mapping from the command line and goes before all.

    Variables of a file `.env` in the working directory count as the environment's, where it has none of the name.
    `yaml_file` defaults to the file that EVERGROW_CONFIG names, else `evergrow.yaml` in the working directory, if any.

    Raises:
        SettingsError: a source is unreadable, or any value is misspelt, of the wrong type or out of range.
    """
    # Variables that are set already stay as they are; OPENAI_API_KEY counts as well as EVERGROW_*.
    load_dotenv(Path.cwd() / DOTENV)
    path = yaml_file or _configured_file()
    faults = _unknown_variables()
    bound = type("Settings", (Settings,), {"yaml_file": path, "__doc__": Settings.__doc__})
    try:
        _refuse_other_yaml(path)
        settings: Settings = bound(**(overrides or {}))
    except ValidationError as error:
        wrong = error.errors()
        named = None if not faults and all(_given(overrides or {}, e["loc"]) for e in wrong) else path
        raise SettingsError(report(named, faults + [_describe(e, overrides or {}) for e in wrong])) from error
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise SettingsError(report(path, [*faults, str(error)])) from error
    except RecursionError as error:
        what = "a value, of the file or of a variable EVERGROW_..., is nested too deep to be read"
        raise SettingsError(report(path, [*faults, what])) from error
    faults += _cross_faults(settings)
    if faults:
        raise SettingsError(report(path, faults))
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def settings_file() -> Path:
    """Where the settings' file is, or would be.

    Raises:
        SettingsError: EVERGROW_CONFIG names one that does not exist.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names a file that does not exist: {named}")
    return Path(named or "evergrow.yaml").absolute()


def _configured_file() -> Path | None:
    path = settings_file()
    return path if path.is_file() else None


def _refuse_other_yaml(path: Path | None) -> None:
    values = _read_yaml(path) if path else None
    if not isinstance(values, Mapping | None):
        raise ValueError("holds no settings: each is a line such as `model: NAME`")  # noqa: TRY004 - as YAML's own


def _unknown_variables() -> list[str]:
    """EVERGROW_* variables whose first part is no setting: pydantic-settings passes over them in silence."""
    known = [*Settings.model_fields, "config"]
    names = [v for v in os.environ if v.startswith(PREFIX)]
    heads = {v: v[len(PREFIX) :].split(DELIMITER)[0].lower() for v in names}
    return [f"{v}: no such setting{_suggestion(head, known)}" for v, head in heads.items() if head not in known]


def _cross_faults(settings: Settings) -> list[str]:
    faults = []
    for name in Roles.model_fields:
        named = settings.role(name).endpoints
        known = ", ".join(settings.endpoints)
        faults += [
            f"roles.{name}.endpoint: {endpoint!r} is not among endpoints ({known})"
            for endpoint in named
            if endpoint not in settings.endpoints
        ]
        if len(set(named)) < len(named) or not named:
            faults.append(f"roles.{name}.endpoint: names no endpoint, or one twice")
        faults += _batch_faults(settings, name)
    if settings.embedding.endpoint not in (None, *settings.endpoints):
        known = ", ".join(settings.endpoints)
        faults.append(f"embedding.endpoint: {settings.embedding.endpoint!r} is not among endpoints ({known})")
    if len(set(settings.evolution.selection_order)) < len(settings.evolution.selection_order):
        faults.append("evolution.selection_order: names one rule twice")
    return faults


def _batch_faults(settings: Settings, role: str) -> list[str]:
    named = settings.role(role).endpoints
    if settings.role(role).mode == "live":
        return []
    if len(named) > 1:
        return [f"roles.{role}.mode: `batch` takes one endpoint, roles.{role}.endpoint names {len(named)}"]
    embedded = [name for name in named if name in settings.endpoints and settings.endpoints[name].kind == "embedded"]
    return [f"roles.{role}.mode: the embedded model ({name}) has no Batch API; `live` asks it" for name in embedded]


def _given(overrides: Mapping[str, Any], loc: tuple[int | str, ...]) -> bool:
    """Whether the command gave the value at `loc`, or one that stands in its place."""
    found: Any = overrides
    for part in loc:
        if not isinstance(found, Mapping):
            break
        if part not in found:
            return False
        found = found[part]
    return not isinstance(found, Mapping)  # of a section, another source may have given what is wrong


def _describe(error: ErrorDetails, overrides: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{path}: no such setting{_suggestion(str(error['loc'][-1]), _siblings(error['loc']))}{_quoted(error)}"
    variable = PREFIX + DELIMITER.join(str(p) for p in error["loc"]).upper()
    source = f" (from {variable})" if variable in os.environ else ""
    source = " (from the command)" if _given(overrides, error["loc"]) else source
    given = repr(error["input"])
    shown = given if len(given) <= SHOWN_CHARS else f"{given[:SHOWN_CHARS]}..."
    return f"{path}: {error['msg']}, not {shown}{source}"


def _quoted(error: ErrorDetails) -> str:
    """What helps where a model's name was taken apart at its dots."""
    of_model = error["loc"][0] == "prices" and len(error["loc"]) > 2
    return '; a model whose name has dots stands in quotation marks, as prices."NAME".input' if of_model else ""


def _siblings(loc: tuple[Any, ...]) -> list[str]:
    model: Any = Settings
    for part in loc[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field else None
    return list(getattr(model, "model_fields", {}))


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}" if known else ""


def report(path: Path | None, faults: list[str]) -> str:
    """All faults in one message."""
    where = f" ({path})" if path else ""
    return "\n".join([f"{len(faults)} fault(s) in the settings{where}:", *(f"  {fault}" for fault in faults)])
