"""Files for trainers: the release, or before there is one the collected instructions."""

from pathlib import Path

import polars as pl

from evergrow.assets.names import COLLECTED, MAIN
from evergrow.flows.descendants import descendants
from evergrow.flows.forget import finish_if_any
from evergrow.flows.funnels import changed_since
from evergrow.flows.release import behind, made, released, unknown_release
from evergrow.flows.release_files import write_files, write_instructions
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.formats import WITHOUT_ANSWERS, Form
from evergrow.methods.releasing.row_selection import Wanted
from evergrow.methods.releasing.training_recipes import Trainer, train_command
from evergrow.methods.text.counts import counted
from evergrow.resources.registry.bans import bans
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import export_owner
from evergrow.resources.releases.attestation import Signer, read_signer
from evergrow.resources.releases.manifest import ATTESTATION


class NothingCollected(Exception):  # noqa: N818 - it is a state of the project
    """There is nothing to export; the message says what to do."""


def export_files(
    workspace: Workspace,
    folder: Path,
    form: Form,
    wanted: Wanted,
    name: str = MAIN,
    trainer: Trainer | None = None,
    key: Path | None = None,
) -> list[str]:
    """Write what is `wanted` of the release into `folder`; returns what there is to say.

    Of batches that are not in it, the collected instructions are written, which have no answers. A takedown that is not
    finished is finished first, and one that is ordered meanwhile afterwards.

    key: file of the private key that signs the manifest.

    Raises:
        NothingCollected: there is neither, or the form needs answers.
        UnknownRelease: none has that name.
        KeyFileError: the key's file holds no such key.
        dg.Failure: a gate is closed.
    """
    before = finish_if_any(workspace)
    done = _export(workspace, folder, form, wanted, name, trainer, read_signer(key) if key else None)
    return [*before, *done, *finish_if_any(workspace)]


def _export(
    workspace: Workspace,
    folder: Path,
    form: Form,
    wanted: Wanted,
    name: str,
    trainer: Trainer | None,
    signer: Signer | None,
) -> list[str]:
    batches = [workspace.require_batch(b) for b in wanted.batches]
    if name != MAIN and not made(workspace, name):
        raise unknown_release(workspace, name)
    if made(workspace, name) and set(batches) <= _released_batches(workspace, name):
        written, loaded = write_files(workspace, folder, form, wanted, name=name, trainer=trainer, signer=signer)
        parts = ", ".join(f"{split} {rows:,}" for split, rows in written.rows.items())
        left_out = [f"left out, {why}: {rows:,}" for why, rows in written.left_out.items()]
        hold = counted(loaded.marked, "rows hold", "row holds")
        marked = f"{hold} marks of chat templates, such as <|im_end|>: let your trainer escape them"
        left_out += [*written.notes, *([marked] if loaded.marked else [])]
        left_out += [late] if (late := behind(workspace, name)) else []
        left_out += changed_since(workspace, name, batches or sorted(_released_batches(workspace, name)))
        left_out += [f"signed: {folder / ATTESTATION}; evergrow verify {folder} --key PUBLIC_KEY"] if signer else []
        left_out += [f"train on it: {train_command(trainer, folder)}"] if trainer else []
        return [f"exported to {folder}: {parts}", *left_out, f"evergrow verify {folder} recomputes its checksums"]
    if trainer or form not in WITHOUT_ANSWERS or wanted != Wanted(batches=wanted.batches):
        raise NothingCollected(
            f"the format {form!r} and the choice of rows need a release of {' and '.join(batches) or 'batches'}: "
            "`evergrow release --batch B` answers, verifies and cleans"
        )
    collected = workspace.instance.get_materialized_partitions(COLLECTED)
    chosen = batches or [b for b in workspace.batches() if b in collected]
    if not chosen:
        raise NothingCollected("no batch is collected yet; `evergrow run --batch B` does it")
    target = export_instructions(workspace, chosen, form, folder, signer)
    named = " ".join(f"--batch {b}" for b in chosen)
    return [
        f"exported to {target}",
        f"these are instructions without answers; `evergrow release {named}` makes them a dataset to train on",
    ]


def export_instructions(
    workspace: Workspace, batches: list[str], form: Form, folder: Path, signer: Signer | None = None
) -> Path:
    """Write the collected samples of `batches`, read through their gates, with a card; returns the folder.

    What descends from something banned is left out.

    Raises:
        dg.Failure: a batch is not collected yet, or a gate is closed.
        BatchBusy: another export is being written into the folder.
    """
    with lease(workspace.registry, export_owner(folder)):
        banned = descendants(workspace, bans(workspace.registry))
        collected = pl.concat([workspace.table(COLLECTED, batch) for batch in batches]).collect()
        samples = collected.join(banned, on=["batch", "id"], how="anti")
        return write_instructions(workspace, samples, folder, form, Wanted(batches=tuple(batches)), signer).folder


def _released_batches(workspace: Workspace, name: str) -> set[str]:
    return set(released(workspace, name)["batch"].unique())
