"""What the commands share: options, the opening of the project, and words about models."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated, Any

import typer

from evergrow.cli.console import Bars, say
from evergrow.resources.settings import Settings, SettingsError, load_settings

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="a setting, such as evolution.beam=0.5; may be repeated"),
]
Batch = Annotated[str, typer.Option("--batch", help="name of the batch: letters, digits, '.', '_' and '-'")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@contextmanager
def workspace_of(overrides: list[str] | None = None) -> Iterator[Any]:
    """The project under the settings that hold with `overrides` (as `--set` takes them)."""
    from evergrow.flows.workspace import open_workspace  # noqa: PLC0415 - imports everything

    with open_workspace(load_settings(nested_overrides(overrides or [])), Bars()) as workspace:
        yield workspace


@contextmanager
def ledger_alone() -> Iterator[Any]:
    """The project's ledger, for commands that need nothing else: importing Dagster takes longer than their work."""
    from evergrow.resources.host.home import Home  # noqa: PLC0415
    from evergrow.resources.ledger import Ledger  # noqa: PLC0415

    settings = load_settings()
    Home(settings.home).ensure()
    with closing(Ledger.of(settings)) as ledger:
        yield ledger


def nested_overrides(overrides: list[str]) -> dict[str, Any]:
    """`["a.b=1"]` as `{"a": {"b": 1}}`; values are read as YAML."""
    import yaml  # noqa: PLC0415

    nested: dict[str, Any] = {}
    for override in overrides:
        path, separator, value = override.partition("=")
        if not separator:
            raise SettingsError(f"--set {override}: expected PATH=VALUE, such as evolution.beam=0.5")
        *sections, name = path.split(".")
        section = nested
        for part in sections:
            section = section.setdefault(part, {})
            if not isinstance(section, dict):
                raise SettingsError(
                    f"--set {override}: {part!r} was given a value before, it cannot be a group as well"
                )
        try:
            section[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SettingsError(f"--set {override}: {value!r} is no YAML value ({error.__class__.__name__})") from error
    return nested


def deep_enough(overrides: list[str] | None, max_depth: int | None, tree: str | None = None) -> list[str]:
    """Settings with as many levels as a tree has or is to have: there are assets for treesynth.max_depth levels."""
    from evergrow.resources.host.home import Home  # noqa: PLC0415 - imports polars
    from evergrow.resources.registry.registry import Registry  # noqa: PLC0415
    from evergrow.resources.registry.trees import registered_trees, tree_spec  # noqa: PLC0415

    given = list(overrides or [])
    settings = load_settings(nested_overrides(given))
    known = 0
    if tree:
        Home(settings.home).ensure()
        with closing(Registry.of(settings)) as registry:
            known = tree_spec(registry, tree).max_depth if tree in registered_trees(registry) else 0
    wanted = max_depth or known
    return [*given, f"treesynth.max_depth={wanted}"] if wanted > settings.treesynth.max_depth else given


def register(workspace: Any, batch: str, found: Any, *, replace: bool) -> None:  # noqa: ANN401 - heavy to import
    """Make the seeds that were `found` a batch, and say so."""
    from evergrow.resources.registry.batches import stage  # noqa: PLC0415

    staged = stage(workspace.registry, batch, found, replace=replace)
    workspace.add_partition(batch)
    for note in found.notes:
        say(f"note: {note}")
    say(f"{staged.rows:,} seeds are batch {batch!r}. Evolve them: evergrow run --batch {batch}")


def name_the_model(settings: Settings) -> None:
    """Say that the embedded model is used, if it is, and under which thresholds."""
    if settings.uses_embedded_model:
        say(
            "No endpoint is set (OPENAI_API_KEY, OPENAI_BASE_URL): using the embedded model, "
            f"{settings.role('generator').model}. It is small: every mechanism is real, its texts and scores mean "
            "little. Its gates have thresholds of their own:",
            style="yellow",
        )
        for gate, thresholds in settings.gates.model_dump().items():
            say(f"  gates.{gate}: " + ", ".join(f"{name} {value}" for name, value in thresholds.items()), style="dim")


def print_json(value: object) -> None:
    """Print a value on standard output."""
    import json  # noqa: PLC0415

    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
