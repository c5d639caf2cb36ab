"""The dataset card of a release: what its rows and its facts tell, and nothing else."""

from collections.abc import Iterator, Mapping

import polars as pl
import yaml

from evergrow.methods.releasing.formats import Form, Shaped
from evergrow.methods.releasing.licences import Licence, resolve, seed_licences
from evergrow.methods.releasing.splits import root_keys
from evergrow.methods.releasing.summaries import SCORES, score_histogram, split_table, verdict_table
from evergrow.resources.local_llm.weights import MODEL as EMBEDDED_MODEL
from evergrow.resources.releases.columns import MEANINGS, features
from evergrow.resources.releases.facts import Benchmarks, Facts
from evergrow.resources.releases.manifest import FUNNEL, MANIFEST
from evergrow.resources.releases.markdown import pairs, table, text

MADE_BY = "evergrow"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
MODELS = ("generator_model", "judge_model", "responder_model", "tester_model")
FORM_NAMES: Mapping[Form, str] = {
    "chat": "chat messages (JSON lines)",
    "alpaca": "Alpaca (JSON lines)",
    "sharegpt": "ShareGPT (JSON lines)",
    "completion": "prompt and completion, a turn each (JSON lines)",
    "preference": "preference pairs: prompt, chosen, rejected (JSON lines)",
    "kto": "answers with a label, as KTO reads them (JSON lines)",
    "parquet": "Parquet, all columns",
}
WARNING = (
    "**Rows of this dataset were written or judged by a 135-million-parameter model. They show how the mechanism "
    "works; their scores mean little. Do not train on them.**\n\n"
)


def write_card(source: pl.DataFrame, shaped: Shaped, files: Mapping[str, str], facts: Facts) -> str:
    """The text of `README.md`: front matter for the Hugging Face hub and for `datasets`, then what a user should know.

    Args:
        source: the release's rows as the lake has them, those that are in the files.
        shaped: the same rows in their form.
        files: the data file of every split that has rows.
        facts: all else.
    """
    licence = resolve(licences := seed_licences(source), facts.license)
    parts = [
        f"---\n{_front(shaped, files, licence, facts)}---\n# {text(facts.name)}\n",
        f"{_warning(source)}{_what(source, shaped.form, facts)}",
        f"## Load\n\n{_load(files)}",
        f"## Rows\n\n{table(split_table(source, root_keys(source)))}\n\n{_rows_note(shaped)}",
        f"## Columns\n\n{_columns(shaped.rows)}",
        f"## Funnel\n\n![Where the rows went]({FUNNEL})\n\n{table(facts.funnel)}",
        f"## Scores\n\n{_scores(source)}",
        f"## Verification\n\n{table(verdict_table(source))}",
        f"## Models and cost\n\n{table(facts.models)}\n\n{_prices(facts)}",
        f"## Prompts\n\n{pairs(facts.prompts.items(), ('role', 'version'))}",
        f"## Recipe\n\n{_recipe(facts.recipe)}",
        f"## Comparison with benchmarks\n\n{_benchmarks(facts.benchmarks)}",
        f"## Licence\n\n{_licence(licence, licences)}",
        "## Limits\n\n" + "".join(f"- {limit}\n" for limit in _limits(source, facts)),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _front(shaped: Shaped, files: Mapping[str, str], licence: Licence, facts: Facts) -> str:
    named = {"license_name": licence.name} if licence.hub == "other" and licence.name else {}
    told = {
        "pretty_name": facts.name,
        "license": licence.hub,
        **named,
        **({"language": list(facts.language)} if facts.language else {}),
        "tags": ["synthetic", MADE_BY, *(["tree-of-evolution"] if facts.batches else []), *_tree_tag(facts)],
        "size_categories": [next((name for limit, name in SIZES if shaped.rows.height < limit), "n>1M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": path} for split, path in files.items()],
            }
        ],
        "dataset_info": {
            "config_name": "default",
            "features": features(shaped.rows.drop("split").schema),
        },
    }
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=False)


def _tree_tag(facts: Facts) -> list[str]:
    return ["treesynth"] if facts.trees else []


def _warning(source: pl.DataFrame) -> str:
    models = [pl.col(name) == EMBEDDED_MODEL for name in MODELS if name in source.columns]
    return WARNING if models and not source.filter(pl.any_horizontal(models)).is_empty() else ""


def _what(source: pl.DataFrame, form: Form, facts: Facts) -> str:
    origins = [f"the batches {_named(facts.batches)}"] if facts.batches else []
    origins += [f"the trees {_named(facts.trees)}"] if facts.trees else []
    chosen = "" if facts.selection == "all rows" else f" Chosen: {text(facts.selection)}."
    return (
        f"{source.height:,} synthetic rows of {' and '.join(origins) or 'unknown origin'}, as {FORM_NAMES[form]}. "
        f"Every row names its root, its parent, its scores, and the models, prompts and requests that made it.{chosen} "
        f"`{MANIFEST}` has a checksum of every file; `evergrow verify` recomputes them."
    )


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(text(name) for name in names)


def _load(files: Mapping[str, str]) -> str:
    lines = ["from datasets import load_dataset", "", 'rows = load_dataset("path/to/this/folder")']
    lines += [f'{split} = rows["{split}"]' for split in files]
    told = "\n".join(lines)
    return (
        f"```python\n{told}\n```\n\nName the folder, or the repository, and not its files: the types of columns stand "
        "in this card, and a reader of single files has to guess them."
    )


def _rows_note(shaped: Shaped) -> str:
    splits = (
        "Splits are made by root: all rows that descend from one seed, or lie in one leaf of a tree, are in one split."
    )
    left = [f"{rows:,} {why}" for why, rows in shaped.left_out.items()]
    return splits + (f" This form leaves out, of all rows chosen: {', '.join(left)}." if left else "")


def _columns(rows: pl.DataFrame) -> str:
    names = [name for name in rows.columns if name != "split"]
    return pairs(((name, MEANINGS.get(name, "as the seeds' source has it")) for name in names), ("column", "meaning"))


def _scores(source: pl.DataFrame) -> str:
    tables = [f"{table(score_histogram(source, score), (f'{score} from', 'rows'))}" for score in SCORES]
    return "\n\n".join(tables) + "\n\nUnknown: the row has no such score."


def _prices(facts: Facts) -> str:
    dates = ", ".join(text(date) for date in facts.price_tables)
    return (
        f"Cost by price tables of {dates}." if dates else "No price table was used: cost that is not told is unknown."
    )


def _recipe(recipe: Mapping[str, object]) -> str:
    set_to = ((name, "not set" if value is None else value) for name, value in recipe.items())
    return pairs(set_to, ("setting", "value"))


def _benchmarks(benchmarks: Benchmarks | None) -> str:
    if benchmarks is None:
        return "**The rows were compared with no benchmark.**"
    parts = [table(benchmarks.checked)] if not benchmarks.checked.is_empty() else ["**No benchmark was at hand.**"]
    if benchmarks.missing:
        parts.append(f"Looked for and not found: {_named(benchmarks.missing)}.")
    if benchmarks.contaminated:
        parts.append("Rows rejected because they resemble a benchmark:")
        parts.append(pairs(benchmarks.contaminated.items(), ("benchmark", "rows")))
    else:
        parts.append("No row was rejected because it resembles a benchmark.")
    return "\n\n".join(parts)


def _licence(licence: Licence, licences: pl.DataFrame) -> str:
    name = text(licence.name) if licence.name else licence.hub
    return f"**{name}.** {licence.why} Rows by the licence of their seeds:\n\n{table(licences)}"


def _limits(source: pl.DataFrame, facts: Facts) -> Iterator[str]:
    yield "Instructions and answers were written by models; no person has read them all."
    unverified = source.height - (
        source.filter(pl.col("verdict") == "pass").height if "verdict" in source.columns else 0
    )
    if unverified:
        yield f"{unverified:,} of {source.height:,} rows have no answer that passed a verification."
    if facts.benchmarks is None or facts.benchmarks.checked.is_empty():
        yield "Rows may contain items of benchmarks: they were compared with none."
    if not facts.language:
        yield "The language of the rows was not determined."
    yield from (text(limit) for limit in facts.limits)
