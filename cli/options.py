"""What the commands share: options, the opening of the project, and words about models."""

import gc
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated, Any, Literal

import typer

from evergrow.cli.console import Bars, say
from evergrow.methods.text.counts import counted
from evergrow.resources.settings import Settings, SettingsError, load_settings

_PARTS = re.compile(r'"([^"]*)"|([^."]+)')  # a name that holds dots, such as a model's, stands in quotation marks
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="a setting, such as evolution.beam=0.5; may be repeated"),
]
Batch = Annotated[str, typer.Option("--batch", help="name of the batch: letters, digits, '.', '_' and '-'")]
Automate = Annotated[
    Literal["none", "rounds", "release"] | None,
    typer.Option("--automate", help="how far the sensors of `evergrow ui` go on by themselves (sensors.automate)"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


def begin_without_collecting() -> None:
    """Have this process look for no garbage while it imports, which makes none: that is a fifth of a start-up."""
    gc.disable()


def end_without_collecting() -> None:
    """Have this process look for no garbage when it ends, which frees all: that is a quarter of a short command."""
    gc.freeze()


def _collect_from_now_on() -> None:
    if not gc.isenabled():
        gc.freeze()  # what is there by now stays
        gc.enable()


@contextmanager
def workspace_of(overrides: list[str] | None = None, *, reading: bool = False) -> Iterator[Any]:
    """The project under the settings that hold with `overrides` (as `--set` takes them).

    reading: the command only looks, see `cli.workspace.open_workspace`.
    """
    from evergrow.cli.workspace import open_workspace  # noqa: PLC0415 - imports everything

    with open_workspace(load_settings(nested_overrides(overrides or [])), Bars(), reading=reading) as workspace:
        if not reading:
            _collect_from_now_on()
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

    from evergrow.methods.text.plain_yaml import MAX_DEPTH, UnplainError, require_shallow  # noqa: PLC0415

    nested: dict[str, Any] = {}
    for override in overrides:
        path, separator, value = override.partition("=")
        if not separator:
            raise SettingsError(f"--set {override}: expected PATH=VALUE, such as evolution.beam=0.5")
        if not _PARTS.findall(path):
            raise SettingsError(f"--set {override}: names no setting")
        if len(_PARTS.findall(path)) > MAX_DEPTH:
            raise SettingsError(f"--set {path[:40]}...: names no setting: it is nested deeper than {MAX_DEPTH} levels")
        *sections, name = ["".join(parts) for parts in _PARTS.findall(path)]
        section = nested
        for part in sections:
            section = section.setdefault(part, {})
            if not isinstance(section, dict):
                raise SettingsError(
                    f"--set {override}: {part!r} was given a value before, it cannot be a group as well"
                )
        try:
            require_shallow(value)
            section[name] = yaml.safe_load(value)
        except UnplainError as error:
            raise SettingsError(f"--set {path}: its value {error.problem}") from error
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


def obey_recipe(
    workspace: Any,  # noqa: ANN401 - heavy to import
    kind: Literal["batch", "tree", "release"],
    owner: str,
    by: str,
    overrides: list[str] | None,
    automate: str | None = None,
) -> None:
    """Have a command obey the recipe of a batch or tree, changed as it says; tell what a person should know."""
    from evergrow.flows.recipes import take_recipe  # noqa: PLC0415

    changes = nested_overrides(overrides or []) | ({"automate": automate} if automate else {})
    for line in take_recipe(workspace, kind, owner, by, changes):
        say(line)


def register(
    workspace: Any,  # noqa: ANN401 - heavy to import
    batch: str,
    found: Any,  # noqa: ANN401
    by: str,
    automate: str | None,
    *,
    replace: bool,
) -> None:
    """Make the seeds that were `found` a batch, and say so."""
    from evergrow.flows.descendants import banned_seeds  # noqa: PLC0415
    from evergrow.flows.grow import shared_name  # noqa: PLC0415
    from evergrow.resources.registry.batches import stage  # noqa: PLC0415

    staged = stage(workspace.registry, batch, found, replace=replace)
    workspace.add_partition(batch)
    obey_recipe(workspace, "batch", batch, by, None, automate)
    for note in (*found.notes, *banned_seeds(workspace, batch), *shared_name(workspace, batch)):
        say(f"note: {note}")
    say(f"{counted(staged.rows, 'seeds are', 'seed is')} batch {batch!r}. Evolve them: evergrow run --batch {batch}")


def with_columns_named(frame: Any, columns: str | None) -> Any:  # noqa: ANN401 - polars is imported late
    """`frame` with the columns that `columns` names, by commas, in that order; all where it names none."""
    if columns is None:
        return frame
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    known = frame.collect_schema().names()
    if unknown := [name for name in wanted if name not in known]:
        raise typer.BadParameter(f"--columns: there is no {unknown[0]!r}, only {', '.join(known)}")
    if not wanted:
        raise typer.BadParameter(f"--columns names none: name some of {', '.join(known)}")
    return frame.select(wanted)


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
