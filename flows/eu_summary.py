"""The EU's template for the public summary of training content (24 July 2025), as far as ledger and licences know.

The template is about a model's whole training content; a release is one part of it, synthetic data of its section 2.5.
What only the provider of the model knows is left open, and says so.
"""

from collections.abc import Sequence

import polars as pl

from evergrow.assets.names import SEEDS
from evergrow.flows.release import released
from evergrow.flows.release_files import facts
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.licences import seed_licences
from evergrow.methods.releasing.row_selection import Wanted
from evergrow.resources.releases.facts import Facts
from evergrow.resources.releases.markdown import pairs, table, text

OPEN = "to be filled in by the provider of the model"
ROLES = ("generator_model", "responder_model", "judge_model", "tester_model")
CHARS_A_TOKEN = 4


def eu_summary(workspace: Workspace, name: str) -> str:
    """The summary of a release, as Markdown.

    Raises:
        dg.Failure: there is no such release, or its gate is closed.
    """
    rows = released(workspace, name)
    known = facts(workspace, rows, name, Wanted())
    written = rows["generator_model"].count()
    parts = [
        f"# Public summary of training content: {text(name)}",
        "After the European Commission's template of 24 July 2025 (Article 53(1)(d) of Regulation (EU) 2024/1689). "
        f"Written from the records of evergrow {text(known.code_version)} on {known.date[:10]}; it covers this dataset "
        "and nothing else that a model is trained on.",
        "## 1 General information",
        pairs(_general(rows, known), ("item", "answer")),
        "## 2 List of data sources",
        "### 2.1 Publicly available datasets\n\n### 2.2 Private datasets of third parties\n\n"
        "### 2.3 Data crawled and scraped\n\n### 2.4 User data",
        "Nothing of these is known to be in the rows but what the seeds below hold; whether their origin is public, "
        f"licensed, crawled or of users is {OPEN}.",
        table(_origins(workspace, known.batches), ("batch", "read from", "seeds")),
        "Rows by the licence that their seeds name:",
        table(seed_licences(rows)),
        "### 2.5 Synthetic data",
        f"{written:,} of {rows.height:,} instructions were written by models, the others taken from the seeds as they "
        "are. Models that wrote or judged rows, as endpoints returned their names:",
        table(_models(rows), ("role", "model", "rows")),
        "### 2.6 Other sources",
        "None is known.",
        "## 3 Data processing",
        "### 3.1 Reservations of rights",
        "Licences of seeds are kept with every row; rows are taken down by seed, model or licence (`evergrow forget`). "
        f"Measures against text and data mining that was reserved: {OPEN}.",
        "### 3.2 Removal of illegal and other unwanted content",
        table(known.funnel),
        "### 3.3 Comparison with benchmarks",
        table(known.benchmarks.checked) if known.benchmarks else "The rows were compared with no benchmark.",
    ]
    return "\n\n".join(parts) + "\n"


def _general(rows: pl.DataFrame, known: Facts) -> list[tuple[str, object]]:
    chars = int(rows.select(pl.sum_horizontal(pl.col("content", "response").str.len_chars().sum())).item() or 0)
    return [
        ("Provider, authorised representative, model", OPEN),
        ("Modality", "text"),
        ("Size", f"{rows.height:,} rows, about {chars // CHARS_A_TOKEN:,} tokens at {CHARS_A_TOKEN} characters each"),
        ("Languages", ", ".join(known.language) or "not determined"),
        ("Types of content", ", ".join(sorted(rows["domain"].drop_nulls().unique())) or "unknown"),
        ("Licence of the dataset", known.license or "that of the seeds, row by row"),
        ("Batches", ", ".join(known.batches)),
        ("Trees", ", ".join(known.trees) or "none"),
    ]


def _origins(workspace: Workspace, batches: Sequence[str]) -> pl.DataFrame:
    """Where the seeds of each batch were read from, without line numbers."""
    found = []
    for batch in batches:
        seeds = workspace.lake.ungated(workspace.instance, SEEDS, batch, "kept")
        if seeds is None:
            continue
        place = pl.col("source").fill_null("unknown").str.replace(r"(:\d+|, leaf .*)$", "")
        found.append(seeds.group_by(batch=pl.lit(batch), origin=place).agg(seeds=pl.len()).collect())
    schema = {"batch": pl.String, "origin": pl.String, "seeds": pl.UInt32}
    return pl.concat([pl.DataFrame(schema=schema), *found], how="vertical_relaxed").sort("batch", "origin")


def _models(rows: pl.DataFrame) -> pl.DataFrame:
    parts = [
        rows.group_by(role=pl.lit(role.removesuffix("_model")), model=role).agg(rows=pl.len()).drop_nulls("model")
        for role in ROLES
    ]
    return pl.concat(parts).sort("role", "rows", "model", descending=[False, True, False])
