"""One page about a batch, a tree or a release, for people without the UI. Asks no model and changes no row."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from evergrow.assets.dataset.funnel import SCHEMA as FUNNEL
from evergrow.assets.dataset.funnel import counted
from evergrow.assets.metadata import spread
from evergrow.assets.names import MEASURES
from evergrow.assets.trust.explorer import evolved
from evergrow.assets.trust.scene import Scene
from evergrow.flows.calibrate import NeverCalibrated, calibration_table, judge_note
from evergrow.flows.explore import scene
from evergrow.flows.recipes import settings_of
from evergrow.flows.workspace import Workspace
from evergrow.methods.maps.picture import COLOURS, icicle, scatter
from evergrow.methods.releasing.funnel_picture import funnel_picture
from evergrow.methods.text.counts import counted as so_many
from evergrow.methods.treesynth.tree_picture import picture
from evergrow.resources.pages.page import page

SHOWN_ROWS, SHOWN_CHARS = 3, 1_500  # of samples of each kind
SCORES = {"complexity": (1, 10, 9), "diversity": (0, 1, 10), "value": (1, 20, 19)}  # lowest, highest, bars
PICTURED = 3_000  # points of the map, nodes of the tree
BRANCHES = 15
OF_TREES = (
    "What growing a tree cost is told apart, for its other samples may be in other batches: it is in no other figure."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, as an address that holds it, and what it shows in words."""

    alt: str
    address: str

    @classmethod
    def of(cls, svg: str, alt: str) -> "Picture":
        """The picture of an SVG."""
        return cls(alt, f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, and whether it holds numbers."""

    name: str
    number: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as it is shown."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    @classmethod
    def of(cls, frame: pl.DataFrame, title: str = "") -> "Grid":
        """The table of a frame."""
        columns = [Column(name.replace("_", " "), kind.is_numeric()) for name, kind in frame.schema.items()]
        return cls(title, columns, [[_cell(value) for value in row] for row in frame.iter_rows()])


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row: what is known of it, and its text."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of the page; `note` says what is to be seen, or why there is nothing and what would change that."""

    title: str
    note: str
    tables: Sequence[Grid] = ()
    pictures: Sequence[Picture] = ()
    samples: Sequence[ShownRow] = ()

    @property
    def anchor(self) -> str:
        """Its name in an address."""
        return self.title.lower().replace(" ", "-").replace("'", "")


def report(workspace: Workspace, of: str, *, private: bool = False) -> str:
    """The page, whole in one file; `private` shows texts that hold secrets or personal data too.

    Raises:
        UnknownBatch, UnknownTree: it is not registered.
        NothingToShow, AllForgotten: there is nothing of it yet, or any more.
        EmbedderError: the map must be made, and the embedding model cannot be loaded.
    """
    shown = scene(workspace, of, private=private, near=False)
    kind, _, name = of.partition(":")
    sections = [
        _funnel(workspace, shown),
        _scores(shown.rows),
        _measures(workspace, of),
        _map(shown),
        _tree(shown),
        _cost(workspace, shown),
        _judges(workspace, shown.rows),
        _contamination(shown.rows),
        *_samples(shown.rows),
    ]
    about = (
        f"{so_many(shown.rows.height, 'rows')}, those that were left out among them, what was forgotten not; written "
        "on "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. evergrow explore --{kind} {name} shows every row."
    )
    return page("report.html.j2", title=f"{kind} {name}", about=about, sections=sections)


def _funnel(workspace: Workspace, shown: Scene) -> ReportSection:
    kind, _, name = shown.of.partition(":")
    if kind == "tree":
        reasons = shown.rows.select(
            pl.col("reason") if "reason" in shown.rows.columns else pl.lit(None, pl.String).alias("reason")
        )
        funnel = pl.DataFrame([counted("samples", reasons.lazy())], schema=FUNNEL, orient="row")
    else:
        batches = [name] if kind == "batch" else shown.rows["batch"].unique(maintain_order=True).to_list()
        found = [workspace.funnel(batch, *([name] if kind == "release" else [])) for batch in batches]
        named = zip(found, batches, strict=True)
        funnel = pl.concat([one.select(pl.lit(batch).alias("batch"), *one.columns) for one, batch in named])
    note = "What came into each stage, and what went on; requested = failed + rejected + accepted."
    if funnel.is_empty():
        return ReportSection("Funnel", f"No round is made yet: evergrow run --batch {name}")
    return ReportSection("Funnel", note, [Grid.of(funnel)], [Picture.of(funnel_picture(funnel), "the funnel")])


def _scores(rows: pl.DataFrame) -> ReportSection:
    there = [name for name in SCORES if name in rows.columns]
    scored = rows.filter(pl.any_horizontal(pl.col(there).is_not_null())) if there else rows.clear()
    if scored.is_empty():
        return ReportSection("Scores by round", "No row has scores: they come with rounds of evolution.")
    figures = scored.group_by("stage", maintain_order=True).agg(
        pl.len().alias("rows"),
        *(pl.col(name).mean().alias(f"{name}_mean") for name in there),
        *(pl.col(name).quantile(share).alias(f"{name}_p{share * 100:.0f}") for name in there for share in (0.1, 0.9)),
    )
    pictures = [
        Picture.of(spread(values, low, high, bins, name), f"{name} in {stage}")
        for name in there
        for low, high, bins in (SCORES[name],)
        for (stage,), part in scored.group_by("stage", maintain_order=True)
        if (values := part[name].drop_nulls()).len()
    ]
    note = "All scored children of a round; complexity 1 to 10, diversity 0 to 1, value = complexity + 10 x diversity."
    return ReportSection("Scores by round", note, [Grid.of(figures.sort("stage"))], pictures)


def _measures(workspace: Workspace, of: str) -> ReportSection:
    kind, _, name = of.partition(":")
    table = workspace.lake.ungated(workspace.instance, MEASURES, of)
    if table is None:
        return ReportSection("Set measures", f"Not measured yet: evergrow measure --{kind} {name} does it.")
    by_stage = table.collect().pivot("stage", index=["measure", "better"], values="value", maintain_order=True)
    return ReportSection("Set measures", "How diverse each stage is; `better` says which way is more diverse.",
                   [Grid.of(by_stage)])  # fmt: skip


def _map(shown: Scene) -> ReportSection:
    states = shown.rows["state"].value_counts(sort=True)["state"].to_list()
    shades = {state: COLOURS[min(place, len(COLOURS) - 1)] for place, state in enumerate(states)}
    points = shown.rows.select("x", "y", "state").gather_every(max(1, -(-shown.rows.height // PICTURED)))
    drawn = scatter(points["x"].to_list(), points["y"].to_list(), [shades[state] for state in points["state"]], shades)
    note = f"Like texts stand near each other: {shown.rows['method'][0]}, model {shown.model}."
    return ReportSection("Map", note, pictures=[Picture.of(drawn, "map of embeddings")])


def _tree(shown: Scene) -> ReportSection:
    if shown.nodes is not None:
        held = dict(shown.rows.filter(pl.col("state") == "kept").group_by("leaf_id").len().iter_rows())
        drawn = Picture.of(picture(shown.nodes, held), "the tree")
        return ReportSection(
            "Tree", f"{so_many(shown.nodes.height, 'nodes')} and the rows that their leaves hold.", pictures=[drawn]
        )
    parents = evolved(shown.rows.with_row_index("row"))["parent"]
    value = shown.rows["value"] if "value" in shown.rows.columns else pl.Series([None] * shown.rows.height)
    svg = icicle(parents, value.to_list(), PICTURED)
    note = "Each seed above what was evolved from it; the darker, the higher its value, grey where it has none."
    return ReportSection("Tree", note, pictures=[Picture.of(svg, "seeds and their descendants")])


def _cost(workspace: Workspace, shown: Scene) -> ReportSection:
    rows, (kind, _, name) = shown.rows, shown.of.partition(":")
    grown = rows["tree"].drop_nulls().unique().sort() if "tree" in rows.columns else ()
    owned = pl.format("{} {}", "kind", "batch")
    own = [f"tree {name}"] if kind == "tree" else [f"batch {batch}" for batch in rows["batch"].unique()]
    seeded_by = [] if kind == "tree" else [f"tree {tree}" for tree in grown]
    with workspace.ledger() as ledger:
        every = ledger.costs.grouped(("batch", "kind", "asset", "model")).filter(owned.is_in([*own, *seeded_by]))
        calls = ledger.costs.grouped(("batch", "kind", "call_id")).filter(owned.is_in(own)).select("call_id", "usd")
    if every.is_empty():
        return ReportSection("Cost", "Nothing was asked of a model for it.")
    costs, of_trees = every.filter(owned.is_in(own)), every.filter(owned.is_in(seeded_by))
    kept = int(rows.select(_kept(rows, kind).sum()).item())
    total = costs["usd"].sum() if costs["usd"].null_count() == 0 else None
    note = (
        f"{'Unknown' if total is None else f'${total:,.4f}'} in all, "
        f"{so_many(kept, 'rows that were made are', 'row that was made is')} kept"
        f"{'' if total is None or not kept else f': ${total / kept:,.6f} a kept row'}. "
        "Unknown where a model has no price. Calls that made several rows are shared among them."
    )
    by_model = costs.group_by("model", maintain_order=True).agg(
        pl.col("calls", "tokens_in", "tokens_out").sum(), usd=_known_sum(),
    ).with_columns(usd_per_kept_row=pl.col("usd") / (kept or None))  # fmt: skip
    columns = ("batch", "asset", "model", "calls", "tokens_in", "tokens_out", "usd")
    tables = [Grid.of(by_model, "By model"), Grid.of(costs.select(columns), "By table")]
    if not of_trees.is_empty():
        note += f" {OF_TREES}"
        by_tree = of_trees.group_by(pl.col("batch").alias("tree"), maintain_order=True)
        grown_for = by_tree.agg(pl.col("calls", "tokens_in", "tokens_out").sum(), usd=_known_sum())
        tables.append(Grid.of(grown_for, "Trees whose samples are among the seeds, each as a whole"))
    return ReportSection("Cost", note, [*tables, *_by_branch(rows, calls, kind)])


def _kept(rows: pl.DataFrame, kind: str) -> pl.Expr:
    """Of which rows a kept one is counted: of an evolved batch not of its seeds, which nobody paid for."""
    kept = pl.col("state") == "kept"
    evolved_any = kind == "batch" and "parent_id" in rows.columns and rows["parent_id"].is_not_null().any()
    return kept & pl.col("parent_id").is_not_null() if evolved_any else kept


def _by_branch(rows: pl.DataFrame, calls: pl.DataFrame, kind: str) -> Iterator[Grid]:
    """What the rows of each branch cost: of a seed with all its descendants, or of a tree's first division."""
    ids = [name for name in ("call_id", "judge_call_id") if name in rows.columns]
    branch = pl.col("attributes").str.extract(r"^(.*)") if kind == "tree" else pl.col("root_id")
    if not ids or branch.meta.root_names()[0] not in rows.columns:
        return
    asked = pl.concat(rows.select(branch.alias("branch"), call_id=name, kept=_kept(rows, kind)) for name in ids)
    asked = asked.drop_nulls("call_id").with_columns(share=1 / pl.len().over("call_id")).join(calls, on="call_id")
    kept = rows.group_by(branch.alias("branch")).agg(kept_rows=_kept(rows, kind).sum())
    found = (
        asked.group_by("branch")
        .agg(usd=pl.when(pl.col("usd").null_count() == 0).then((pl.col("usd") * pl.col("share")).sum()))
        .join(kept, on="branch")
        .with_columns(usd_per_kept_row=pl.when(pl.col("kept_rows") > 0).then(pl.col("usd") / pl.col("kept_rows")))
        .sort(pl.col("usd"), "branch", descending=[True, False], nulls_last=True)
    )
    if found.height:
        more = f", the {BRANCHES} dearest of {found.height:,}" if found.height > BRANCHES else ""
        yield Grid.of(found.head(BRANCHES), f"By branch{more}: writing and judging its rows")


def _known_sum() -> pl.Expr:
    return pl.when(pl.col("usd").null_count() == 0).then(pl.col("usd").sum())


def _judges(workspace: Workspace, rows: pl.DataFrame) -> ReportSection:
    models = rows["judge_model"].drop_nulls().unique(maintain_order=True) if "judge_model" in rows.columns else ()
    if not len(models):
        return ReportSection("The judge's calibration", "No judge scored these rows.")
    notes, tables = [], []
    for model in models:
        batch = str(rows.filter(pl.col("judge_model") == model)["batch"][0])
        notes.append(judge_note(workspace, model, settings_of(workspace, "batch", batch)))
        try:
            tables.append(Grid.of(calibration_table(workspace, model), model))
        except NeverCalibrated as never:
            notes.append(str(never))
    return ReportSection("The judge's calibration", " ".join(notes), tables)


def _contamination(rows: pl.DataFrame) -> ReportSection:
    cleaned = rows.filter(pl.col("reached").is_in(["clean", "release"]))
    if cleaned.is_empty():
        return ReportSection("Contamination", "No row was compared with benchmarks yet: a release does it.")
    marked = cleaned.filter(pl.col("state") == "contaminated")
    note = (
        f"{marked.height:,} of {so_many(cleaned.height, 'rows that were', 'row that was')} cleaned resemble a "
        "benchmark's item."
    )
    if marked.is_empty():
        return ReportSection("Contamination", note)
    return ReportSection("Contamination", note, [Grid.of(marked.group_by("benchmark").len("rows").sort("benchmark"))])


def _samples(rows: pl.DataFrame) -> Iterator[ReportSection]:
    kept = rows.filter(pl.col("state") == "kept")
    if "value" in rows.columns and (scored := kept.drop_nulls("value").sort("value", "id", descending=True)).height:
        yield ReportSection("Best rows", "The kept rows of the highest value.", samples=_shown(scored.head(SHOWN_ROWS)))
        yield ReportSection(
            "Worst rows", "The kept rows of the lowest value.", samples=_shown(scored.tail(SHOWN_ROWS)[::-1])
        )
    else:
        yield ReportSection("Rows", "Some of the rows that are kept.", samples=_shown(kept.head(SHOWN_ROWS)))
    rejected = rows.filter(pl.col("state") != "kept").group_by("state", maintain_order=True).head(1)
    note = "One row for each kind of reason." if rejected.height else "No row was left out."
    yield ReportSection("Rejected rows", note, samples=_shown(rejected))


def _shown(rows: pl.DataFrame) -> list[ShownRow]:
    told = [n for n in ("id", "stage", "value", "complexity", "diversity", "reason", "leaf_id") if n in rows.columns]
    found = []
    for row in rows.to_dicts():
        about = "; ".join(f"{name} {_cell(row[name])}" for name in told if row[name] is not None)
        text = str(row["content"] or "")
        found.append(ShownRow(about, text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} ..."))
    return found


def _cell(value: object) -> str:
    match value:
        case None:
            return "unknown"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}"
        case _:
            return str(value)
