"""What a release's rows tell of themselves: splits, verdicts, and the spread of scores."""

from collections.abc import Mapping, Sequence

import polars as pl

SCORES: dict[str, Sequence[float]] = {
    "complexity": range(1, 11),
    "diversity": [step / 10 for step in range(11)],
    "value": range(0, 21, 2),
}


def split_table(rows: pl.DataFrame, roots: pl.Series) -> pl.DataFrame:
    """`split, rows, roots`, one row per split that has rows, train first.

    Args:
        rows: with `split`.
        roots: the root of every row, as `splits.root_keys` names it.
    """
    order = pl.col("split").replace_strict({"train": 0, "validation": 1, "test": 2}, default=3, return_dtype=pl.Int8)
    counted = rows.select("split", root=roots).group_by("split").agg(rows=pl.len(), roots=pl.col("root").n_unique())
    return counted.sort(order, "split")


def verdict_table(rows: pl.DataFrame) -> pl.DataFrame:
    """`task, verdict, rows`, most rows first; null where a row does not say."""
    say = [
        pl.col(name) if name in rows.columns else pl.lit(None, pl.String).alias(name) for name in ("task", "verdict")
    ]
    counted = rows.select(say).group_by("task", "verdict").len("rows")
    return counted.sort(["rows", "task", "verdict"], descending=[True, False, False])


def score_histogram(rows: pl.DataFrame, score: str) -> pl.DataFrame:
    """`from, rows`: how many rows have a score from each of `SCORES[score]` to below the next; null: no score.

    The last bin has no upper bound and the first no lower one; empty ones before the first row and behind the last are
    left out.
    """
    edges = list(SCORES[score])
    values = (
        rows[score].cast(pl.Float64) if score in rows.columns else pl.Series(score, [None] * rows.height, pl.Float64)
    )
    # A score of 0.3 that was computed as 0.29999999999999993 lies in the bin of 0.3.
    place = sum((pl.col(score) >= edge - 1e-9 for edge in edges[1:]), start=pl.lit(0, pl.Int64))
    bins = values.to_frame().select(bin=pl.when(pl.col(score).is_not_null()).then(place)).group_by("bin").len("rows")
    held = bins["bin"].drop_nulls()
    span = range(int(held.min()), int(held.max()) + 1) if held.len() else range(0)  # type: ignore[arg-type]
    every = pl.DataFrame({"bin": [*span]}, schema={"bin": pl.Int64})
    told = every.join(bins, on="bin", how="left", maintain_order="left").with_columns(pl.col("rows").fill_null(0))
    silent = bins.filter(pl.col("bin").is_null())
    starts = pl.col("bin").replace_strict(dict(enumerate(map(float, edges))), return_dtype=pl.Float64)
    return pl.concat([told, silent]).select(starts.alias("from"), "rows")


PROMPTED = {"prompt_version": "instruction", "response_prompt_version": "answer"}  # what a prompt's version asked for


def prompt_table(rows: pl.DataFrame, known: Mapping[str, str]) -> pl.DataFrame:
    """`prompt, version, rows`: the prompts that asked for the rows, as the rows name them, then the others of `known`.

    A version that is not `known`, by the name of its prompt, is one of an earlier recipe.
    """
    written = {v for column in PROMPTED if column in rows.columns for v in rows[column].drop_nulls().unique()}
    names = {version: name for version in written if (name := _named(version, known))}
    parts = [
        rows.group_by(version=column)
        .agg(rows=pl.len())
        .drop_nulls("version")
        .select(
            prompt=pl.col("version").replace_strict(names, default=f"{what}, of an earlier recipe"),
            version="version",
            rows=pl.col("rows").cast(pl.Int64),
        )
        for column, what in PROMPTED.items()
        if column in rows.columns
    ]
    schema = {"prompt": pl.String, "version": pl.String, "rows": pl.Int64}
    used = pl.concat([pl.DataFrame(schema=schema), *parts]).sort("prompt", "version")
    others = pl.DataFrame([(name, version, None) for name, version in known.items()], schema=schema, orient="row")
    told = set(used["version"].str.extract(r"^([^-]+)"))
    return pl.concat([used, others.filter(~pl.col("version").is_in(list(told)))])


def _named(version: str, known: Mapping[str, str]) -> str | None:
    """The prompt of a version; those of trees have their domain's digest behind a hyphen."""
    own, _, domain = version.partition("-")
    name = next((name for name, of in known.items() if of == own), None)
    return f"{name}, in the domain {domain}" if name and domain else name
