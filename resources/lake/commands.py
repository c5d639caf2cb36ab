"""Commands that show a table, and what it belongs to, to whoever finds it in the UI."""

import dagster as dg
import polars as pl

OF_BATCH = ("evolution", "dataset")


def commands(key: dg.AssetKey, partition: str, frame: pl.DataFrame) -> dg.MetadataValue:
    """Commands to copy: all rows, and for a batch, a tree or a release a page of it and the way of its first row."""
    found = [f"evergrow table {key.to_user_string()} --partition '{partition}'"]
    if whose := _whose(key, partition):
        found += [f"evergrow explore {whose}", f"evergrow report {whose}"]
        kept = frame.filter(pl.col("reason").is_null()) if "reason" in frame.columns else frame
        if kept.height and "id" in kept.columns and key.path[0] in OF_BATCH:
            more = "" if key.path[-1] == "release" else f" {whose}"
            found.append(f"evergrow trace '{kept['id'][0]}'{more}")
    return dg.MetadataValue.md("\n\n".join(f"`{command}`" for command in found))


def _whose(key: dg.AssetKey, partition: str) -> str | None:
    """The option that names what a partition belongs to; None if it has no page."""
    match key.path[0]:
        case "quality":
            kind, _, name = partition.partition(":")
            return f"--{kind} {name}"
        case "treesynth":
            return f"--tree {partition.rpartition('|')[2]}"
        case "dataset" if key.path[-1] == "release":
            return f"--release {partition}"
        case "evolution" | "dataset":
            return f"--batch {partition}"
    return None
