"""Commands that make a dataset of samples: release, export, verify, push, funnel."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from evergrow.cli.console import out, say, show_table
from evergrow.cli.options import AsJson, Set, name_the_model, nested_overrides, workspace_of
from evergrow.methods.text.counts import counted

Batches = Annotated[list[str] | None, typer.Option("--batch", help="which batches; may be repeated")]
Name = Annotated[str, typer.Option("--name", help="of the release: one home holds many")]
Folder = Annotated[Path, typer.Argument(help="folder of a release that `evergrow export` wrote")]


def release(
    batch: Batches = None,
    tree: Annotated[
        list[str] | None, typer.Option("--tree", help="a tree whose samples are taken as they are; may be repeated")
    ] = None,
    balanced: Annotated[
        list[str] | None,
        typer.Option("--balanced", help="a tree: what was balanced by it; may be repeated"),
    ] = None,
    aware: Annotated[
        list[str] | None, typer.Option("--aware", help="a tree: its stories of people who can know; may be repeated")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="exactly so many rows, spread over all roots")] = None,
    as_is: Annotated[
        bool,
        typer.Option("--as-is", help="take the seeds of batches that were never evolved, if they are instructions"),
    ] = False,
    name: Name = "main",
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Answer, verify and clean the samples of batches and trees, and make one dataset of them. Run again to resume.

    Where none is named, a release that is there is made again, of what it was asked to hold.
    """
    from evergrow.assets.names import MAIN  # noqa: PLC0415
    from evergrow.flows.forget import finish_if_any  # noqa: PLC0415
    from evergrow.flows.funnels import release_funnel  # noqa: PLC0415
    from evergrow.flows.release import (  # noqa: PLC0415
        asked_for,
        make_release,
        register_tree_rows,
        released,
    )
    from evergrow.methods.releasing.splits import SPLITS  # noqa: PLC0415
    from evergrow.resources.registry.releases import ReleaseRequest  # noqa: PLC0415

    with workspace_of(overrides) as workspace:
        known = None if batch or tree or balanced or aware else asked_for(workspace, name)
        if not (batch or tree or balanced or aware or known):
            raise typer.BadParameter("name a batch with --batch, or a tree with --tree, --balanced or --aware")
        name_the_model(workspace.settings)
        taken = [register_tree_rows(workspace, one, "balanced") for one in balanced or ()]
        taken += [register_tree_rows(workspace, one, "aware") for one in aware or ()]
        wanted = ReleaseRequest((*(batch or ()), *taken), tuple(tree or ()), rows, as_is)
        if known:
            wanted = replace(known, rows=rows or known.rows, as_is=as_is or known.as_is)
        for line in (said := finish_if_any(workspace)):
            say(line)
        done = make_release(workspace, wanted, say, name, nested_overrides(overrides or []))
        for line in finish_if_any(workspace):  # an export may be written again from this one
            if line not in said:
                say(line)
        named = dict.fromkeys([*wanted.batches, *wanted.trees])
        show_table(release_funnel(workspace, list(named), name), "funnel", as_json=as_json)
        if done:
            counts = dict(released(workspace, name)["split"].value_counts().iter_rows())
            say("splits: " + ", ".join(f"{name} {counts.get(name, 0):,}" for name in SPLITS))
            if len(counts) < len(SPLITS):
                say(
                    "too few roots for every split: raise release.validation_share and release.test_share, or add seeds"
                )
            which = "" if name == MAIN else f" --name {name}"
            say(f"Files for trainers: evergrow export --format chat --out DIR{which}")


def funnel(
    batch: Batches = None,
    name: Name = "main",
    picture: Annotated[Path | None, typer.Option("--svg", help="draw it into this file, too")] = None,
    as_json: AsJson = False,
) -> None:
    """Where the rows went, stage by stage: requested = failed + rejected + accepted, with the reasons."""
    from evergrow.assets.dataset.funnel import bars, come_back  # noqa: PLC0415
    from evergrow.flows.funnels import of_an_older_collection, release_funnel  # noqa: PLC0415
    from evergrow.methods.releasing.funnel_picture import funnel_picture  # noqa: PLC0415
    from evergrow.resources.host.destinations import writing  # noqa: PLC0415

    with workspace_of(reading=True) as workspace:
        chosen = [workspace.require_batch(b) for b in batch] if batch else workspace.batches()
        table = release_funnel(workspace, chosen, name)
        show_table(table, "funnel", as_json=as_json)
        if not as_json:
            out.print(bars(table), markup=False, highlight=False)
        if back := come_back(table):
            say(back)
        for note in of_an_older_collection(workspace, chosen):
            say(note, style="yellow")
        if picture:
            with writing(picture):
                picture.write_text(funnel_picture(table), encoding="utf-8")
            say(f"drawn into {picture}")


def export(
    target: Annotated[Path, typer.Option("--out", help="a folder")],
    form: Annotated[
        Literal["chat", "alpaca", "sharegpt", "completion", "preference", "kto", "parquet"] | None,
        typer.Option("--format", help="JSONL but for parquet; chat unless --recipe needs another"),
    ] = None,
    recipe: Annotated[
        Literal["trl", "axolotl", "llama-factory"] | None,
        typer.Option(help="put a ready configuration of this trainer beside the data"),
    ] = None,
    name: Name = "main",
    batch: Batches = None,
    rounds: Annotated[list[int] | None, typer.Option("--round", min=1, help="only of these rounds")] = None,
    low: Annotated[float | None, typer.Option("--min-complexity", help="only of this complexity or more")] = None,
    high: Annotated[float | None, typer.Option("--max-complexity", help="only of this complexity or less")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="only of these domains")] = None,
    verdict: Annotated[list[str] | None, typer.Option(help="only with these verdicts")] = None,
    split: Annotated[list[str] | None, typer.Option(help="only these splits")] = None,
    licence: Annotated[list[str] | None, typer.Option(help="only from seeds of these licences")] = None,
    reasoning: Annotated[
        bool,
        typer.Option(
            "--with-reasoning", help="answers begin with what the model thought, between <think> and </think>"
        ),
    ] = False,
    key: Annotated[
        Path | None, typer.Option("--key", help="sign the manifest with the Ed25519 key of this PEM file")
    ] = None,
) -> None:
    """Write the release as files that a trainer reads, with card and manifest. Choosing rows costs no request.

    Before there is a release, the collected instructions are written, without answers.
    """
    from evergrow.flows.export import export_files  # noqa: PLC0415
    from evergrow.methods.releasing.row_selection import Wanted  # noqa: PLC0415
    from evergrow.methods.releasing.training_recipes import FORMS  # noqa: PLC0415

    wanted = Wanted(
        rounds=tuple(rounds or ()),
        min_complexity=low,
        max_complexity=high,
        domains=tuple(domain or ()),
        verdicts=tuple(verdict or ()),
        batches=tuple(batch or ()),
        splits=tuple(split or ()),
        licences=tuple(licence or ()),
        reasoning=reasoning,
    )
    with workspace_of() as workspace:
        chosen = form or (FORMS[recipe] if recipe else "chat")
        if recipe and chosen != FORMS[recipe]:
            raise typer.BadParameter(
                f"--recipe {recipe} reads the format {FORMS[recipe]}, not {chosen}: leave --format out"
            )
        for line in export_files(workspace, target, chosen, wanted, name, recipe, key):
            say(line)


def verify(
    folder: Folder,
    lake: Annotated[bool, typer.Option("--lake", help="compare every row with this project's release, too")] = False,
    key: Annotated[
        Path | None, typer.Option("--key", help="PEM file of the public key that must have signed the manifest")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="of the release to compare with; else the one that the manifest names")
    ] = None,
) -> None:
    """Recompute the checksums of a release, file by file and row by row. Exit code 1 if anything differs."""
    from evergrow.resources.releases.attestation import read_public_key  # noqa: PLC0415
    from evergrow.resources.releases.proof import verify_release  # noqa: PLC0415

    public = read_public_key(key) if key else None

    if lake:
        from evergrow.flows.release import look_up  # noqa: PLC0415
        from evergrow.resources.releases.manifest import read_manifest  # noqa: PLC0415

        with workspace_of(reading=True) as workspace:
            report = verify_release(folder, look_up(workspace, name or read_manifest(folder).name), public)
    else:
        report = verify_release(folder, None, public)
    for fault in report.faults:
        say(str(fault), style="red")
    for note in report.notes:
        say(f"note: {note}")
    equal = "" if report.proven is None else counted(report.proven, "rows equal", "row equals")
    proven = f", {equal} the lake's" if equal else ""
    signed = ", the manifest is signed by that key" if public and not report.faults else ""
    files = counted(report.files, "files are as they should be", "file is as it should be")
    say(f"{files}, {counted(report.rows, 'rows were', 'row was')} read{proven}{signed}")
    if report.faults:
        raise typer.Exit(1)


def push(
    folder: Folder,
    repo: Annotated[str, typer.Option("--repo", help="OWNER/NAME of a dataset repository on the Hugging Face hub")],
    public: Annotated[
        bool, typer.Option("--public", help="a new repository is public; without, it is private")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="send it; without, only say what would be sent")] = False,
) -> None:
    """Put a release into a Hugging Face repository, in one commit. The token comes from HF_TOKEN only."""
    import os  # noqa: PLC0415

    from evergrow.resources.releases.pushing import push as send  # noqa: PLC0415

    plan = send(folder, repo, os.environ, private=not public, dry_run=not yes)
    for path, size in plan.files:
        say(f"  {path}  {size:,} bytes")
    kind = "private" if plan.private else "public"
    if plan.sent:
        say(f"sent: {plan.sent}")
    else:
        token = "HF_TOKEN is set" if plan.token else "HF_TOKEN is not set"
        say(f"would go to the {kind} dataset repository {plan.repo_id} on {plan.endpoint} ({token}); --yes sends it")


def add_commands(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    for command in (release, export, verify, push, funnel):
        app.command()(command)
