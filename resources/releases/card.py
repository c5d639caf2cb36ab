"""The dataset card of a release: what its rows and its facts tell, and nothing else."""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files as files_of
from typing import TYPE_CHECKING, Any

import polars as pl

from evergrow.methods.releasing.formats import Form, Shaped
from evergrow.methods.releasing.licences import Licence, resolve, seed_licences
from evergrow.methods.releasing.splits import root_keys
from evergrow.methods.releasing.summaries import SCORES, prompt_table, score_histogram, split_table, verdict_table
from evergrow.resources.columns import MEANINGS
from evergrow.resources.local_llm.weights import MODEL as EMBEDDED_MODEL
from evergrow.resources.releases.facts import Benchmarks, Facts
from evergrow.resources.releases.features import features
from evergrow.resources.releases.manifest import MANIFEST
from evergrow.resources.releases.markdown import pairs, table, text

if TYPE_CHECKING:
    from huggingface_hub import DatasetCardData

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
TEMPLATE = "card.md.j2"
NO_PRICES = "No price table was used: cost that is not told is unknown."
OF_TREES = "What is told of a tree is what all of it cost, whose other samples may be elsewhere."


def write_card(source: pl.DataFrame, shaped: Shaped, files: Mapping[str, str], facts: Facts) -> str:
    """The text of `README.md`: front matter for the Hugging Face hub and for `datasets`, then what a user should know.

    Args:
        source: the release's rows as the lake has them, those that are in the files.
        shaped: the same rows in their form.
        files: the data file of every split that has rows.
        facts: all else.
    """
    from huggingface_hub import DatasetCard  # noqa: PLC0415 - heavy

    licence = resolve(licences := seed_licences(source), facts.license)
    template = files_of(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    # The library renders with a plain jinja2 environment: blocks on lines of their own must leave no blank lines.
    template = re.sub(r"^(\{%.*%\})\n", r"\1", template, flags=re.MULTILINE)
    left = [f"{rows:,} {why}" for why, rows in shaped.left_out.items()]
    card = DatasetCard.from_template(
        _front(source, shaped, files, licence, facts),
        template_str=template,
        name=text(facts.name),
        warning=_embedded(source),
        what=_what(source, shaped.form, facts),
        answered=shaped.answered,
        form=shaped.form,
        splits=list(files),
        split_table=table(split_table(source, root_keys(source))),
        left_out=f" This form leaves out, of all rows chosen: {', '.join(left)}." if left else "",
        columns=_columns(shaped.rows),
        silent=_named(shaped.silent),
        changed=[text(one) for one in facts.changed],
        funnel=table(facts.funnel),
        scores=_scores(source),
        verification=table(verdict_table(source)),
        models=table(facts.models),
        prices=_prices(facts),
        prompts=table(prompt_table(source, facts.prompts), ("prompt", "version", "rows")),
        recipe=_recipe(facts.recipe),
        gates=table(facts.gates, ("table", "partition", "gate", "state", "thresholds", "what it found")),
        benchmarks=_benchmarks(facts.benchmarks),
        licence=_licence(licence, licences),
        limits=list(_limits(source, facts)),
    )
    return str(card.content).rstrip("\n") + "\n"


def _front(
    source: pl.DataFrame, shaped: Shaped, files: Mapping[str, str], licence: Licence, facts: Facts
) -> "DatasetCardData":
    from huggingface_hub import DatasetCardData  # noqa: PLC0415 - heavy

    named: dict[str, Any] = {"license_name": licence.name} if licence.hub == "other" and licence.name else {}
    info = {"config_name": "default", "features": features(shaped.rows.drop("split").schema)}
    places = [{"split": split, "path": path} for split, path in files.items()]
    return DatasetCardData(
        pretty_name=facts.name,
        license=licence.hub,
        language=list(facts.language) or None,
        task_categories=["text-generation"],
        tags=["synthetic", MADE_BY, *_methods(source)],
        size_categories=[next((name for limit, name in SIZES if shaped.rows.height < limit), "n>1M")],
        configs=[{"config_name": "default", "data_files": places}],
        dataset_info=info,
        **named,
    )


def _methods(source: pl.DataFrame) -> list[str]:
    """Tags of the methods that wrote the rows."""
    evolved = "round" in source.columns and source["round"].fill_null(0).max()
    grown = "tree" in source.columns and source["tree"].null_count() < source.height
    return [*(["tree-of-evolution"] if evolved else []), *(["treesynth"] if grown else [])]


def _embedded(source: pl.DataFrame) -> bool:
    models = [pl.col(name) == EMBEDDED_MODEL for name in MODELS if name in source.columns]
    return bool(models) and not source.filter(pl.any_horizontal(models)).is_empty()


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


def _columns(rows: pl.DataFrame) -> str:
    names = [name for name in rows.columns if name != "split"]
    return pairs(((name, MEANINGS.get(name, "as the seeds' source has it")) for name in names), ("column", "meaning"))


def _scores(source: pl.DataFrame) -> str:
    tables = [f"{table(score_histogram(source, score), (f'{score} from', 'rows'))}" for score in SCORES]
    return "\n\n".join(tables)


def _prices(facts: Facts) -> str:
    dates = ", ".join(text(date) for date in facts.price_tables)
    told = f"Cost by price tables of {dates}." if dates else NO_PRICES
    return told + (f" {OF_TREES}" if facts.trees else "")


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
