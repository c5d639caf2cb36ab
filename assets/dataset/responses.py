"""Answers to the samples of a batch (paper, section 3.5): one each, and more where their agreement verifies."""

from collections.abc import Mapping

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.dataset.requests import ASKED, DRAW_MARK, answers_work, responder_requests
from evergrow.assets.dataset.samples import SAMPLE, domains_of, known_domains_of, samples_of, with_tasks
from evergrow.assets.evolution.seeds import KNOWN_DOMAINS
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import COLLECTED, RESPONSES, SEEDS
from evergrow.assets.outcomes import gather, owed, owed_metadata
from evergrow.assets.table import Declaration, Table, role_values, section_values
from evergrow.methods.answering.responses import Response, answer_prompt, read_response
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.samples import chat_turns
from evergrow.methods.verification.choices import options
from evergrow.resources.lake.lake import IF_ANY
from evergrow.resources.lake.versions import latest_materialization, noted
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.sandbox.packages import Packages

STAGE = "responses"
DRAW = ("text", "final", "thoughts", "model", "call_id", "run_id")  # where a draw is usable, and who wrote it
DRAWN = pl.List(pl.Struct(dict.fromkeys(DRAW, pl.String())))
ANSWER = (  # the draw that counts
    *("response", "final_answer", "response_reasoning"),
    *("responder_model", "response_call_id", "response_run_id"),
)
RESPONSE = {
    "response": pl.String,
    "final_answer": pl.String,
    "response_reasoning": pl.String,
    "draws": DRAWN,
    **dict.fromkeys(("responder_model", "response_prompt_version", "response_call_id", "response_run_id"), pl.String),
    "reason": pl.String,
}
COLUMNS = (*SAMPLE, "letter", *RESPONSE)


def responses_table() -> Table:
    """`dataset/responses`, and its gate."""
    ins = {"seeds": dg.AssetIn(SEEDS), "collected": dg.AssetIn(COLLECTED, metadata=IF_ANY)}
    declared = Declaration(
        key=RESPONSES,
        kind="batch",
        group="dataset",
        job=STAGE,
        ins=ins,
        prompts={f"answer_{task}": answer_prompt(task).version for task in ASKED},
        values=lambda settings: {
            **role_values(settings, "responder"),
            **section_values(settings, "answers"),
            **section_values(settings, "sandbox", "packages"),
        },
        files=_files,
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    return declared.table(responses, Gate(STAGE, _facts, ins))


async def responses(
    context: dg.AssetExecutionContext,
    seeds: pl.DataFrame,
    collected: pl.DataFrame | None,
    models: dg.ResourceParam[Models],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """An answer to every sample, and every draw of it; samples without one have the reason."""
    place = places.at(context, RESPONSES)
    settings, answers = place.settings, place.settings.answers
    samples = samples_of(context.instance, seeds, collected)
    domains = domains_of(settings, samples)
    samples = with_tasks(settings, samples, domains)
    unasked = _unaskable(samples)
    asked = samples.filter(pl.col("task").is_in(ASKED) & ~pl.col("row").is_in(unasked["row"].implode()))
    packages = Packages.of(settings.sandbox).modules
    work = answers_work(asked, answers, packages)
    planned = models.forecast(place, work)
    async with models.engine(context, place) as engine:
        requests = responder_requests(asked, answers, packages)
        outcomes = engine.ask(requests, _as_text, label=STAGE, total=work.requests)
        drawn = await gather(
            outcomes,
            lambda response: {"text": response.text, "final": response.final},
            {"text": pl.String, "final": pl.String, "thoughts": pl.String},
        )
    table = _answered(samples, drawn, pl.concat([unasked, _complete(samples, domains)]))
    context.add_output_metadata(
        {
            **metadata.asked(planned, engine.summary()),
            **owed_metadata(owed(drawn)),
            "samples": samples.height,
            "tasks": dg.MetadataValue.json(dict(samples["task"].value_counts().iter_rows())),
            **metadata.sample(table, "content", "response"),
        }
    )
    return table


def _files(place: Place) -> dict[str, str]:
    """How the domains of the batch say that their samples are answered."""
    seeds = latest_materialization(place.instance, SEEDS, place.partition)
    domains = known_domains_of(place.settings, noted(seeds, KNOWN_DOMAINS) or ())
    return {f"`answer` of domain {name!r}": domain.digest_of("answer", "chat") for name, domain in domains.items()}


def _facts(place: Place, table: pl.DataFrame, seeds: pl.DataFrame, collected: pl.DataFrame | None) -> Facts:  # noqa: ARG001
    return {"requested": seeds.height if collected is None else metadata.kept(collected).height}


def with_reasoning(table: pl.DataFrame) -> pl.DataFrame:
    """`table` with the column `response_reasoning`, which earlier versions did not keep."""
    return (
        table
        if "response_reasoning" in table.columns
        else table.with_columns(response_reasoning=pl.lit(None, pl.String))
    )


def _as_text(answer: object) -> Response:
    return read_response("text", answer)


def _unaskable(samples: pl.DataFrame) -> pl.DataFrame:
    """Choices between nothing: `row` and the `reason`, as `_complete` gives them."""
    choices = samples.filter(pl.col("task") == "choice").select("row", "content").iter_rows()
    rows = [(row, "invalid: the sample has no options such as '(A) ...'") for row, text in choices if not options(text)]
    return pl.DataFrame(rows, schema={"row": pl.UInt32, "reason": pl.String}, orient="row").select(
        "row", *(pl.lit(None, pl.String).alias(name) for name in ("content", "response")), "reason"
    )


def _complete(samples: pl.DataFrame, domains: Mapping[str, Domain]) -> pl.DataFrame:
    """Both turns of the samples that need no answer: `row, content, response, reason`."""
    rows = []
    complete = samples.filter(pl.col("task") == "none")
    for row, name, fields, letter in complete.select("row", "domain", "fields", "letter").iter_rows():
        turns = chat_turns(domains[name], fields or "", letter) if name in domains else None
        missing = None if turns else f"invalid: domain {name!r} does not say which of its fields are the answer"
        rows.append((row, *(turns or (None, None)), missing))
    schema = {"row": pl.UInt32, "content": pl.String, "response": pl.String, "reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _answered(samples: pl.DataFrame, drawn: pl.DataFrame, unasked: pl.DataFrame) -> pl.DataFrame:
    """The table: every sample, with its draws in their order, nulls if not usable; the first usable is its response."""
    place = pl.col("id").str.split_exact(DRAW_MARK, 1).struct.rename_fields(["row", "draw"])
    draws = drawn.with_columns(place).unnest("id").cast({"row": pl.UInt32, "draw": pl.UInt32}).sort("row", "draw")
    versions = {task: answer_prompt(task).version for task in ASKED}
    usable = pl.col("reason").is_null()
    first = pl.col(DRAW).filter(usable).first()
    asked = draws.group_by("row", maintain_order=True).agg(
        first,
        draws=pl.struct(DRAW),
        reason=pl.when(usable.any()).then(None).otherwise(pl.col("reason").first()),
    )
    table = samples.join(
        asked.rename(dict(zip(DRAW, ANSWER, strict=True))), on="row", how="left", maintain_order="left"
    )
    table = table.with_columns(
        response_prompt_version=pl.col("task").replace_strict(versions, default=None, return_dtype=pl.String)
    )
    return table.update(unasked, on="row").select(COLUMNS)
