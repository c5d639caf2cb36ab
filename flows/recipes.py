"""The recipe of a batch, tree or release: recorded when it is registered, changed by commands, obeyed by everything."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import dagster as dg

from evergrow.assets.evolution.difficulty import same_solvers
from evergrow.assets.names import RELEASE, RESPONSES, level_key, stage_key
from evergrow.flows.due import Reason
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.batches import BatchError, UnknownBatch
from evergrow.resources.registry.owner_names import unknown
from evergrow.resources.registry.recipes import Kind, Recipe, recipe, record, versions
from evergrow.resources.registry.releases import release_names
from evergrow.resources.registry.trees import registered_trees
from evergrow.resources.settings import Settings, SettingsError, load_settings
from evergrow.resources.settings.recipe import AUTOMATE, SECTIONS, as_typed, differences, flat, recipe_of, with_recipe
from evergrow.resources.settings.roles import Roles

ROLES = tuple(Roles.model_fields)
BY_HAND = "evergrow recipe set"  # who records a recipe that a person has set, value by value
FROM_SETTINGS = f"{BY_HAND} --from-settings"
NAMED = ", and by hand "  # before the paths that a person has named beside a command or today's settings
OF_RELEASE = ("release", "cleaning", "embedding", "gates.release")  # what a release obeys of its recipe
SHOWN = 4  # settings that a sentence names


def settings_of(workspace: Workspace, kind: Kind, owner: str) -> Settings:
    """The settings of this machine, with the owner's recipe."""
    return workspace.frontier.recipes.of(kind, owner)[0]


def ordered(workspace: Workspace, kind: Kind, owner: str, changes: Mapping[str, Any] | None = None) -> Settings:
    """The settings that a command with these `changes` would have the owner obey; it records nothing."""
    known = recipe(workspace.registry, kind, owner)
    if known is None or not _settled(workspace, kind, owner):
        return workspace.settings
    return with_recipe(workspace.settings, checked(workspace.settings, merged(known.values, shaping(changes or {}))))


def take_recipe(
    workspace: Workspace, kind: Kind, owner: str, by: str, changes: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Have a command on an owner obey its recipe; what is to be said of it.

    Nothing of it is made yet, and nobody has set its recipe: the settings of today are its recipe. Else its recipe
    stays as it was, but for `changes`, which the command names itself; that today's settings say something else is
    said, and how to take them.

    Args:
        workspace: where.
        kind, owner: the batch, tree or release.
        by: the command.
        changes: settings that the command names, nested, such as `{"evolution": {"rounds": 1}}`.
    """
    known = recipe(workspace.registry, kind, owner)
    today = recipe_of(workspace.settings, known.values.get(AUTOMATE) if known else None)
    settled = known is not None and _settled(workspace, kind, owner)
    if known is None or not settled:
        wanted = merged(today, shaping(changes or {}))
    else:
        wanted = merged(known.values, shaping(changes or {}))
    wanted = checked(workspace.settings, wanted)
    version = record(workspace.registry, kind, owner, wanted, _told(by, changes))
    workspace.frontier.forget()
    if known and settled:
        if changed := differences(known.values, wanted):
            yield f"the recipe of {kind} {owner!r} is now version {version}: {described(changed)}"
        others = differences(wanted, merged(today, shaping(changes or {})))
        by_hand = _set_by_hand(workspace, kind, owner)
        others = {path: values for path, values in others.items() if path not in by_hand or by_hand[path] != values[0]}
        if others:
            yield (
                f"{kind} {owner!r} keeps its recipe (version {version}), which is not what today's settings say "
                f"({described(others)}); `evergrow recipe set {owner} --from-settings{which(workspace, kind, owner)}` "
                "takes them"
            )


def set_recipe(
    workspace: Workspace, kind: Kind, owner: str, changes: Mapping[str, Any], *, from_settings: bool
) -> dict[str, tuple[Any, Any]]:
    """Change an owner's recipe by hand; returns what is different now, by path, with the values before and after.

    Raises:
        SettingsError: a setting is not known or not of a recipe, or a value is of the wrong type or out of range.
    """
    _require_settings(changes)
    if "profile" in changes:
        raise SettingsError(
            f"profile: a recipe holds values, not the name of a profile: set `profile: {changes['profile']}` in "
            f"evergrow.yaml, then `evergrow recipe set {owner} --from-settings` takes its values"
        )
    if of_machine := _of_machine(workspace, changes):
        raise SettingsError(
            f"{', '.join(of_machine)}: of the machine, and in no recipe, as it shapes no row: set it in evergrow.yaml, "
            "or by --set"
        )
    if kind == "release" and (others := _of_batches(changes)):
        raise SettingsError(
            f"{', '.join(others)}: of batches and trees, and no release obeys it: `evergrow recipe set BATCH ...`; a "
            f"release obeys {', '.join(OF_RELEASE)}"
        )
    known = recipe(workspace.registry, kind, owner)
    before = known.values if known else recipe_of(workspace.settings)
    base = recipe_of(workspace.settings, before.get(AUTOMATE)) if from_settings or known is None else before
    wanted = checked(workspace.settings, merged(base, shaping(changes)))
    record(workspace.registry, kind, owner, wanted, _told(FROM_SETTINGS, changes) if from_settings else BY_HAND)
    workspace.frontier.forget()
    return differences(before, wanted)


def kinds_called(workspace: Workspace, owner: str) -> list[Kind]:
    """What is called so: batches, trees and releases may share a name."""
    return [kind for kind, names in _names(workspace).items() if owner in names]


def owner_kind(workspace: Workspace, owner: str, kind: Kind | None = None) -> Kind:
    """What is called so: a batch, a tree or a release.

    Raises:
        UnknownBatch: nothing is, or nothing of this `kind`.
        BatchError: several are, and `kind` is not given.
    """
    named = _names(workspace)
    kinds = [one for one in kinds_called(workspace, owner) if kind in (None, one)]
    if len(kinds) > 1:
        raise BatchError(f"{owner!r} is the name of a {' and a '.join(kinds)}: say which with --kind {kinds[0]}")
    if not kinds:
        if others := [one for one, names in named.items() if owner in names]:
            told = f"{owner!r} is a {' and a '.join(others)}"
            raise UnknownBatch(f"{told}: `evergrow status --{others[0]} {owner}`")
        known = sorted({name for names in named.values() for name in names})
        raise UnknownBatch(unknown(owner, "batch, tree or release", known, "register it with `evergrow seeds add`"))
    return kinds[0]


def known_recipe(workspace: Workspace, owner: str, kind: Kind | None = None, version: int | None = None) -> Recipe:
    """The recipe of a batch, tree or release; that of today's settings, as version 0, where none is recorded.

    Raises:
        UnknownBatch: there is no such owner.
        BatchError: there is no such version.
    """
    found_kind = owner_kind(workspace, owner, kind)
    found = recipe(workspace.registry, found_kind, owner, version)
    if found is None and version is not None:
        there = len(versions(workspace.registry, found_kind, owner))
        raise BatchError(f"the recipe of {found_kind} {owner!r} has no version {version}: there are {there}")
    return found or Recipe(found_kind, owner, 0, recipe_of(workspace.settings), "nothing yet", datetime.now(UTC))


def become_due(workspace: Workspace, owner: str, kind: Kind) -> list[tuple[dg.AssetKey, Reason]]:
    """The tables of an owner that are there and of which something is due now, and what."""
    found = []
    for table in workspace.frontier.tables.values():
        if table.kind != kind:
            continue
        for partition in workspace.partitions(table.key, owner):
            standing = workspace.frontier.standing(workspace.instance, table.key, partition)
            if standing.version is not None and standing.due:
                found.append((table.key, standing.due))
    return found


def shaping(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some settings, nested, that a recipe holds; `model` is the model of every role."""
    known = {name: value for name, value in changes.items() if name in (*SECTIONS, "roles", AUTOMATE)}
    if "sensors" in changes and AUTOMATE in changes["sensors"]:
        known[AUTOMATE] = changes["sensors"][AUTOMATE]
    if known.get(AUTOMATE) is False:  # so YAML reads `off`
        known[AUTOMATE] = "none"
    if model := changes.get("model"):
        roles = dict(known.get("roles", {}))
        known["roles"] = {name: {"model": model, **roles.get(name, {})} for name in ROLES}
    return known


def _require_settings(changes: Mapping[str, Any]) -> None:
    """Have changes that are no settings refused by name."""
    settings = {name: value for name, value in changes.items() if name != AUTOMATE}
    if AUTOMATE in changes:
        settings = merged({"sensors": {AUTOMATE: changes[AUTOMATE]}}, settings)  # of both, the longer counts
    load_settings(settings)


def _of_machine(workspace: Workspace, changes: Mapping[str, Any]) -> list[str]:
    """The paths of `changes` that no recipe holds."""
    held = [*flat(recipe_of(workspace.settings)), "model", f"sensors.{AUTOMATE}"]
    return [
        path
        for path in flat(changes)
        if not any(f"{path}.".startswith(f"{one}.") or one.startswith(f"{path}.") for one in held)
    ]


def _of_batches(changes: Mapping[str, Any]) -> list[str]:
    """The paths of `changes` that shape nothing of a release."""
    return [path for path in flat(changes) if not any(f"{path}.".startswith(f"{one}.") for one in OF_RELEASE)]


def merged(recipe: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with these changes, section by section."""
    found = dict(recipe)
    for name, value in changes.items():
        inner = found.get(name)
        found[name] = merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return found


def checked(settings: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe as settings have it: every value of its type, none that is not known.

    Raises:
        SettingsError: a value is of the wrong type or out of range, or difficulty is to be measured by one model.
    """
    wanted = with_recipe(settings, values)
    if wrong := same_solvers(wanted):
        raise SettingsError(wrong)
    return recipe_of(wanted, values.get(AUTOMATE))


def described(changed: Mapping[str, tuple[Any, Any]]) -> str:
    """Differences for people: the first few, each with both values."""
    some = list(changed.items())[:SHOWN]
    shown = [f"{path} {as_typed(before)} -> {as_typed(after)}" for path, (before, after) in some]
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return ", ".join(shown) + more


def _names(workspace: Workspace) -> dict[Kind, list[str]]:
    """All that has a recipe, by kind."""
    return {
        "batch": workspace.batches(),
        "tree": registered_trees(workspace.registry),
        "release": release_names(workspace.registry),
    }


def shared(workspace: Workspace, kind: Kind | None, owner: str) -> Kind | None:
    """`kind` where several have the owner's name, so that it has to be said which is meant; else None."""
    return kind if _several(workspace, owner) else None


def which(workspace: Workspace, kind: str, owner: str) -> str:
    """What a command that names the owner has to say besides: nothing, unless others have its name."""
    return f" --kind {kind}" if _several(workspace, owner) else ""


def _several(workspace: Workspace, owner: str) -> bool:
    return sum(owner in names for names in _names(workspace).values()) > 1


def _set_by_hand(workspace: Workspace, kind: Kind, owner: str) -> dict[str, Any]:
    """What a person has set in the owner's recipe, by path: that settings say something else is meant so."""
    found: dict[str, Any] = {}
    for before, one in pairwise(versions(workspace.registry, kind, owner)):
        if one.by == BY_HAND:
            found |= {path: after for path, (_, after) in differences(before.values, one.values).items()}
        elif paths := one.by.partition(NAMED)[2]:
            values = flat(one.values)
            found |= {path: values.get(path) for path in paths.split(", ")}
    return found


def _told(by: str, changes: Mapping[str, Any] | None) -> str:
    """Who records a recipe, and the paths that it names itself."""
    return f"{by}{NAMED}{', '.join(flat(shaping(changes)))}" if changes else by


def _settled(workspace: Workspace, kind: Kind, owner: str) -> bool:
    """Whether the owner keeps its recipe: something of it is made, or a person has set it."""
    firsts = {
        "batch": [stage_key(1, "instructions"), RESPONSES],
        "tree": [level_key(0)],
        "release": [RELEASE],
    }[kind]
    if any(latest_materialization(workspace.instance, key, owner) for key in firsts):
        return True
    told = versions(workspace.registry, kind, owner)
    steps = zip([{}, *(one.values for one in told)], told, strict=False)
    return any(
        one.by.startswith(BY_HAND) and differences(before, one.values).keys() - {AUTOMATE} for before, one in steps
    )
