"""What a run would take, before it is spent: what to expect, what it may be at most, and which limits it meets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from evergrow.assets.dataset.clean import kept_elsewhere
from evergrow.assets.dataset.requests import ASKED, answers_work, tests_work
from evergrow.assets.dataset.samples import domains_of, samples_of, with_tasks
from evergrow.assets.evolution.diversity import MEASURED_TREES
from evergrow.assets.evolution.requests import as_parents, children_work, judging_work
from evergrow.assets.evolution.solving import SOLVERS, solving_work
from evergrow.assets.gates.measured import bounds_of
from evergrow.assets.names import BATCHES_NAME, CLEAN, COLLECTED, RESPONSES, SEEDS, VERIFIED, parents_key, round_name
from evergrow.flows.descendants import banned_models, banned_seeds
from evergrow.flows.evolve import next_round_no
from evergrow.flows.pace import pace_of
from evergrow.flows.recipes import ordered
from evergrow.flows.replies import held_replies, note_of, unused_replies
from evergrow.flows.workspace import Workspace
from evergrow.methods.evolution.evolution_size import round_sizes
from evergrow.methods.quality.near_vectors import pairs_of
from evergrow.resources.benchmarks import read_benchmarks
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.embedding.vector_forecast import Comparison, Pace, Texts, comparison_forecast, vectors_forecast
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Amount, Ledger, OwnerKind, Rows
from evergrow.resources.ledger.sums import Replies
from evergrow.resources.llm.budget import NEW_RUN, Limit, limits, spent_of
from evergrow.resources.llm.forecast import PEEKED, Forecast, Work, forecast, known_sum, usable_share
from evergrow.resources.llm.prices import price_of, price_setting
from evergrow.resources.registry.batches import staged
from evergrow.resources.sandbox.packages import Packages
from evergrow.resources.settings import Settings, SettingsError

SCHEMA = {
    "step": pl.String,
    "model": pl.String,
    "requests": pl.Int64,
    "tokens_in": pl.Int64,
    "tokens_out": pl.Int64,
    "usd": pl.Float64,
    "seconds": pl.Float64,
    "most_requests": pl.Int64,
    "most_tokens": pl.Int64,
    "most_usd": pl.Float64,
    "basis": pl.String,
}
Step = Work | Texts | Comparison
NUMBERS = [name for name, kind in SCHEMA.items() if kind != pl.String]


@dataclass(frozen=True, slots=True)
class CostPlan:
    """A table with one row per step that asks a model or embeds, and a last one with their sum; what to know of it.

    `requests` to `seconds` are what to expect if nothing is answered from the ledger, `most_*` what a budget must hold.
    Figures are null where a price, or the speed of an endpoint or of this machine, is not known. `asked` are the roles
    that would be asked, each with its model.
    """

    table: pl.DataFrame
    notes: list[str]
    asked: frozenset[tuple[str, str]] = frozenset()


def embedding_pace(workspace: Workspace, settings: Settings) -> Pace | None:
    """How fast this project embedded by the model of these settings; None if it is not known."""
    embedder = Embedder.of(settings, workspace.lake.files, workspace.progress)
    return pace_of(workspace.instance, embedder, settings.evolution.rounds)


def without_vectors(workspace: Workspace, settings: Settings, texts: pl.Series) -> int:
    """How many of these texts have no vector in the lake yet."""
    return Embedder.of(settings, workspace.lake.files, workspace.progress).missing(texts.to_list())


def plan_batch(workspace: Workspace, batch: str, changes: Mapping[str, Any] | None = None) -> CostPlan:
    """What a run of the batch with these changes of its recipe would take from the round that it has come to."""
    with workspace.ledger() as ledger:
        settings = ordered(workspace, "batch", batch, changes)
        first = next_round_no(workspace, batch)
        parents, seeds = _parents(workspace, batch, first), staged(workspace.registry, batch).read()["content"]
        works = list(rounds_of(settings, ledger, parents, first, without_vectors(workspace, settings, seeds)))
        plan = planned(settings, ledger, works, batch, embedding_pace(workspace, settings))
        # Replies of later rounds are those of a preview, or of an earlier recipe: about children of other parents.
        owner, assets = Rows(batch=batch, kind="batch"), [f"evolution/{round_name(first)}/"]
        told = with_replies(plan, held_replies(ledger, owner, assets, plan.asked))
        banned = [*banned_models(workspace, settings, "generator"), *banned_seeds(workspace, batch)]
        return replace(told, notes=[*told.notes, *banned])


def plan_release(workspace: Workspace, batch: str) -> CostPlan:
    """What answering, testing and cleaning the collected samples of the batch would take, as far as it is not done.

    Raises:
        dg.Failure: it is not collected yet.
    """
    with workspace.ledger() as ledger:
        settings = ordered(workspace, "batch", batch)
        works = list(_answers(workspace, settings, batch))
        plan = planned(settings, ledger, works, batch, embedding_pace(workspace, settings))
        owner = Rows(batch=batch, kind="batch")
        told = with_replies(plan, unused_replies(workspace, ledger, owner, ["dataset/"], plan.asked))
        banned = [*banned_models(workspace, settings, "responder"), *banned_seeds(workspace, batch)]
        return replace(told, notes=[*told.notes, *banned])


def with_replies(plan: CostPlan, replies: Sequence[Replies]) -> CostPlan:
    """The plan, and what of it the ledger already answers."""
    return replace(plan, notes=[*note_of(replies), *plan.notes])


def planned(
    settings: Settings,
    ledger: Ledger,
    works: Sequence[Step],
    owner: str,
    pace: Pace | None = None,
    kind: OwnerKind = "batch",
) -> CostPlan:
    """The plan of `works`, paid from the limits of their owner; `pace` of embedding on this machine."""
    steps = [_forecast(settings, ledger, work, pace) for work in works]
    rows = [(step.work, step.model, *(getattr(step, name) for name in NUMBERS), step.basis) for step in steps]
    total = ("in all", None, *(known_sum([getattr(step, name) for step in steps]) for name in NUMBERS), None)
    table = pl.DataFrame([*rows, total], schema=SCHEMA, orient="row")
    asked = frozenset((step.role, step.model) for step in steps)
    paid = limits(settings, ledger, owner, NEW_RUN, kind)
    return CostPlan(table, [*_unpriced(settings, steps, paid), *_limits(settings, ledger, steps, paid)], asked)


def _forecast(settings: Settings, ledger: Ledger, work: Step, pace: Pace | None) -> Forecast:
    match work:
        case Texts():
            return vectors_forecast(settings, ledger, work, pace)
        case Comparison():
            return comparison_forecast(settings, work)
        case Work():
            return forecast(settings, ledger, work)


def rounds_of(
    settings: Settings, ledger: Ledger, entering: pl.DataFrame, first: int, seeds: int | None = None
) -> Iterator[Step]:
    """What the rounds from `first` on ask and embed, where `entering` are the rows that enter it.

    seeds: how many seeds have no vector yet; None: as many as enter.
    """
    rules = settings.evolution
    parents = as_parents(entering)
    written = usable_share(settings, ledger, "generator", "evolution/")
    scored = usable_share(settings, ledger, "judge", "evolution/")
    unknown = parents.height if seeds is None else seeds
    bounds = (parents.height, rules.children, rules.beam, first, rules.rounds)
    for size, most in zip(round_sizes(*bounds, written=written, scored=scored), round_sizes(*bounds), strict=True):
        name = round_name(size.round_no)
        yield children_work(f"{name}/instructions", parents, rules, size.children, most.children)
        yield judging_work(f"{name}/complexity", parents, rules, size.judged, most.judged)
        yield _vectors(settings, name, parents, (size.judged, most.judged), unknown if size.round_no == first else 0)
        if rules.difficulty != "judge":
            yield from _solving(settings, name, parents, size.judged, most.judged)


def _vectors(settings: Settings, name: str, parents: pl.DataFrame, judged: tuple[int, int], seeds: int) -> Texts:
    """The vectors of a round's children, and of seeds, which the first round is compared with, and later ones find.

    All seeds are embedded where more rounds than one look at their own, or a gate bounds measures against them.
    """
    bounded = any(bounds_of(stage, settings) for stage in ("accepted", "collected"))
    compared = min(seeds, MEASURED_TREES)
    most = seeds if bounded or settings.evolution.rounds > 1 else compared
    expected = seeds if bounded else compared
    like = parents["content"].head(PEEKED).to_list()
    return Texts(
        f"{name}/diversity", "evolution/", judged[0] + expected, judged[1] + most, like, (1 + bool(seeds),) * 2
    )


def _solving(settings: Settings, name: str, parents: pl.DataFrame, judged: int, most: int) -> Iterator[Work]:
    """Having both solvers try children, and tests written for them; parents stand for the children."""
    rules, packages = settings.solvers, Packages.of(settings.sandbox).modules
    tried, most_tried = (
        count if settings.evolution.difficulty == "solvers" else min(rules.rows, count) for count in (judged, most)
    )
    like = parents.head(PEEKED).select("id", "content", task=pl.lit("code"), code="content")
    for work in (*solving_work(like, rules, packages), tests_work(like, settings.verification, packages)):
        draws = rules.draws if work.role in SOLVERS else 1
        yield replace(
            work, name=f"{name}/{work.name}", asset="evolution/", requests=tried * draws, most=most_tried * draws
        )


def _answers(workspace: Workspace, settings: Settings, batch: str) -> Iterator[Step]:
    """Answering what is collected, and testing the answers that will be code; the samples stand for their programs.

    Then the vectors that cleaning lacks, and its search for near-duplicates by meaning.
    """
    instance = workspace.instance
    seeds, collected = workspace.table(SEEDS, batch).collect(), workspace.table(COLLECTED, batch).collect()
    samples = samples_of(instance, seeds, collected)
    asked = with_tasks(settings, samples, domains_of(settings, samples)).filter(pl.col("task").is_in(ASKED))
    if not latest_materialization(instance, RESPONSES, batch):
        yield answers_work(asked, settings.answers, Packages.of(settings.sandbox).modules)
    if not latest_materialization(instance, VERIFIED, batch):
        programs = asked.filter(pl.col("task") == "code").with_columns(code="content")
        yield tests_work(programs, settings.verification, Packages.of(settings.sandbox).modules)
    if not latest_materialization(instance, CLEAN, batch):
        yield from _cleaning(workspace, settings, batch, asked)


def _cleaning(workspace: Workspace, settings: Settings, batch: str, asked: pl.DataFrame) -> Iterator[Step]:
    """What cleaning embeds and compares, if every sample is answered."""
    rules, instance = settings.cleaning, workspace.instance
    elsewhere = sorted(set(instance.get_dynamic_partitions(BATCHES_NAME)) - {batch}) if rules.across_batches else []
    known, _ = kept_elsewhere(instance, workspace.lake, elsewhere)
    benchmarks = read_benchmarks(rules.benchmarks or workspace.home.path / "benchmarks", set(asked["task"]))
    texts = pl.concat([asked["content"], known["content"], benchmarks.questions]).to_list()
    embedder = Embedder.of(settings, workspace.lake.files, workspace.progress)
    if missing := embedder.missing(texts):
        yield Texts("clean/vectors", "dataset/", missing, missing, texts, (3, 3))
    yield Comparison("clean/near-duplicates", pairs_of(asked.height, known.height + benchmarks.questions.len()))


def _parents(workspace: Workspace, batch: str, round_no: int) -> pl.DataFrame:
    """Those that enter the round: what was accepted before it, or the registered seeds."""
    if parents_key(round_no) == SEEDS:
        seeds = staged(workspace.registry, batch).read()
        return seeds.with_columns(root_id="id", domain=pl.lit(""))
    return workspace.table(parents_key(round_no), batch).collect()


def _unpriced(settings: Settings, steps: Sequence[Forecast], paid: Sequence[Limit]) -> Iterator[str]:
    """Each model without a price, once, and what that means."""
    limited = [limit.setting for limit in paid if limit.limits.max_usd is not None]
    means = "its cost stays unknown"
    if limited:
        means = f"{' and '.join(f'{name}.max_usd' for name in limited)} cannot be kept, and a run would be refused"
    for model in dict.fromkeys(step.model for step in steps if step.most_requests):
        if price_of(settings, model) is None:
            yield f"no price for model {model}: set {price_setting(model)}; without it {means}"


def _limits(settings: Settings, ledger: Ledger, steps: Sequence[Forecast], limited: Sequence[Limit]) -> Iterator[str]:
    """The limits that the run would meet, or might: of the owner, of a run, and of the month."""
    tokens = sum(step.tokens_in + step.tokens_out for step in steps)
    expected = (tokens, known_sum([step.usd for step in steps]))
    most = (sum(step.most_tokens for step in steps), known_sum([step.most_usd for step in steps]))
    for limit in limited:
        try:
            taken = spent_of(settings, ledger, limit) + ledger.reservations.held(limit.key)
        except SettingsError as error:
            yield str(error)
            continue
        yield from _meets(limit, taken, expected, most)


def _meets(
    limit: Limit, taken: Amount, expected: tuple[int, float | None], most: tuple[int, float | None]
) -> Iterator[str]:
    for name, bound, spent, wanted, worst in (
        ("max_tokens", limit.limits.max_tokens, taken.tokens, expected[0], most[0]),
        ("max_usd", limit.limits.max_usd, taken.usd, expected[1], most[1]),
    ):
        if bound is None or wanted is None or worst is None:
            continue
        left = max(0, bound - spent)
        shown = f"${left:,.4f}" if name == "max_usd" else f"{left:,} tokens"
        leaves = f"{limit.setting}.{name} leaves {shown} for {limit.scope}"
        if wanted > left:
            yield f"beyond the budget: {leaves}; the run would stop there"
        elif worst > left:
            yield f"{leaves}: enough for what is expected, not for the most"
