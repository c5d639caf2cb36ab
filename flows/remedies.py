"""The command that makes a table, with the release that a batch's answers are for: no other is changed by typing it."""

from collections.abc import Mapping, Sequence

import dagster as dg

from evergrow.assets.names import MAIN, RELEASE, remedy
from evergrow.resources.registry.releases import ReleaseRequest


def remedy_of(wanted: Mapping[str, ReleaseRequest], key: dg.AssetKey, whose: str) -> str:
    """The command that makes a table of a batch, tree or release, and what it needs.

    Answers are made for a release, which holds other batches as well: the command makes it of all of them.

    wanted: what each release is to hold, by name.
    """
    if key.path[0] != RELEASE.path[0] or key == RELEASE:
        return remedy(key, whose)
    holding = [name for name, request in wanted.items() if whose in (*request.batches, *request.trees)]
    if holding:
        name = MAIN if MAIN in holding else holding[0]
        return command_of(name, wanted[name])
    return command_of(whose if MAIN in wanted else MAIN, ReleaseRequest((whose,)))


def asked_next(kind: str, name: str) -> str:
    """What may be asked for of a batch or tree whose samples are there, and is not due before somebody does."""
    return f"for a dataset of it (answers, tests, cleaning): evergrow release --{kind} {name}"


def command_of(name: str, wanted: ReleaseRequest, batches: Sequence[str] = ()) -> str:
    """What makes a release of what is wanted of it; of `batches`, where nobody has said it."""
    words = [f"--batch {batch}" for batch in wanted.batches or batches if batch not in wanted.trees]
    words += [f"--tree {tree}" for tree in wanted.trees]
    words += [f"--rows {wanted.rows}"] if wanted.rows else []
    words += ["--as-is"] if wanted.as_is else []
    words += [f"--name {name}"] if name != MAIN else []
    return " ".join(["evergrow release", *words])
