"""Reads seed files: whatever their format, the same columns; whatever is wrong, one message."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evergrow.methods.evolution.research_records import COMPLEXITY, DIVERSITY, are_records, scores
from evergrow.methods.text.counts import counted
from evergrow.resources.seeds.encodings import mojibake_note
from evergrow.resources.seeds.file_formats import MAX_BYTES, parse
from evergrow.resources.seeds.forms import Form, text_columns, with_content
from evergrow.resources.seeds.kinds import guess_kinds
from evergrow.resources.seeds.paths import SeedFile, printable, read_bytes
from evergrow.resources.seeds.raw import RawTable, UnreadableError
from evergrow.resources.seeds.row_faults import row_faults
from evergrow.resources.seeds.seed_ids import id_notes, root_ids, seed_ids
from evergrow.resources.seeds.source import KINDS, Kind, SeedError, Seeds, SourceFault, listed, quoted

ROW, FILE = "row of the file", "file of the row"  # columns for the way, dropped at the end
RESERVED = {
    *("id", "seed_id", "root_id", "parent_id", "batch", "domain", "kind", "source", "license", "round", "slot"),
    *("content", "complexity", "complexity_reason", "diversity", "nearest_id", "value", "parent_complexity"),
    *("parent_diversity", "generator_model", "judge_model", "embedding_model", "prompt_version", "call_id"),
    *("judge_call_id", "run_id", "reason", "tree", "leaf_id", "attributes", ROW, FILE),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read, where it does not say so itself.

    `column` and `id_column` are the file's names of `content` and `id`; `form` the form of its tasks; `encoding` that
    of its texts; `kind` the kind of all its seeds; `max_bytes` the most bytes that it may hold (`seeds.max_bytes`).
    """

    column: str | None = None
    id_column: str | None = None
    form: Form | None = None
    encoding: str | None = None
    kind: Kind | None = None
    max_bytes: int = MAX_BYTES


AS_IT_IS = Reading()


def read_seeds(path: Path, max_chars: int, reading: Reading = AS_IT_IS) -> Seeds:
    """The seeds in the file at `path`, as `read_files` reads them."""
    return read_files([SeedFile(printable(path.name), path)], max_chars, reading)


def read_files(files: Sequence[SeedFile], max_chars: int, reading: Reading = AS_IT_IS) -> Seeds:
    """The seeds in files: JSON, JSON lines, CSV, Parquet or Arrow, with `content` and, if you like, `id`.

    Missing ids are made from the content's SHA-256. `kind` is the file's, or guessed (`kinds`). Of rows with equal
    content the first stays. Other columns are kept, under `seed_<name>` where evergrow has a use of its own for the
    name; JSON values that are nested or of several types become JSON text. CSV fields are text, empty ones null.

    Args:
        files: at least one.
        max_chars: longest `content` that is taken, in characters (setting `seeds.max_chars`).
        reading: how they are to be read.

    Raises:
        SeedError: a file cannot be read, or a row of one is wrong; nothing is taken then.
    """
    tables: list[RawTable] = []
    refused: list[SeedError] = []
    for file in files:
        try:
            tables.append(_table(file, max_chars, reading))
        except SeedError as error:
            refused.append(error)
    if refused:
        raise _all_of(refused, len(files))
    notes = [note for table in tables for note in table.notes]
    parts = [_normalised(table, file.label) for table, file in zip(tables, files, strict=True)]
    origin = files[0].origin if len(files) == 1 else f"{files[0].origin} and {len(files) - 1:,} more"
    frame = _together(parts)
    kinds, of_kinds = _kinds(frame, reading.kind)
    frame, dropped = _without_copies(frame.with_columns(kinds))
    _refuse_shared_ids(frame, origin)
    of_texts = (*mojibake_note(frame["content"]), *_score_notes(frame))
    return Seeds(frame.drop(ROW, FILE), (*dropped, *id_notes(frame), *of_kinds, *notes, *of_texts), origin)


def _all_of(refused: Sequence[SeedError], files: int) -> SeedError:
    if len(refused) == 1:
        return refused[0]
    faults = [SourceFault(f"{error.origin}: {fault}") for error in refused for fault in error.faults]
    return SeedError(f"{len(refused):,} of {files:,} files", faults)


def _table(file: SeedFile, max_chars: int, reading: Reading) -> RawTable:
    """The file's rows with `content`, and with `id` and `kind` if it has them, as String columns.

    Raises:
        SeedError: it cannot be read, or rows of it are wrong.
    """
    texts = text_columns(reading.form, reading.column)
    id_column = reading.id_column or "id"
    try:
        data = read_bytes(file, reading.max_bytes)
        wanted = (*texts, id_column, "kind")
        raw = parse(data, file.label, wanted, (id_column,), reading.encoding, reading.max_bytes)
        if raw.faults and not raw.frame.width:
            raise SeedError(file.origin, raw.faults)
        table = with_content(_with_id(raw, reading.id_column), reading.form, reading.column)
    except UnreadableError as error:
        raise SeedError(file.origin, [error.fault]) from error
    except RecursionError as error:
        raise SeedError(file.origin, [SourceFault("has values that are nested too deeply: flatten them")]) from error
    faults = table.faults + row_faults(table, max_chars)
    if faults:
        raise SeedError(file.origin, faults)
    if not table.rows:
        raise SeedError(file.origin, [SourceFault("holds no seeds: it needs at least one row with `content`")])
    return table


def _with_id(table: RawTable, column: str | None) -> RawTable:
    """The table with the column of this name as `id`; one that it had is called `seed_id`."""
    if column is None or column == "id":
        return table
    if column not in table.frame.columns:
        raise UnreadableError(
            f"has no column {quoted(column)}, only {listed(table.frame.columns)}: name another with --id-column"
        )
    frame = (
        table.frame.rename({"id": _free_name("id", table.frame.columns)})
        if "id" in table.frame.columns
        else table.frame
    )
    return RawTable(frame.rename({column: "id"}), table.rows, table.lines, table.faults, table.notes)


def _normalised(table: RawTable, label: str) -> pl.DataFrame:
    """The columns of `Seeds` (`kind` null where the file has none), then the file's own, `ROW` and `FILE`."""
    frame = table.frame
    own_ids = seed_ids(frame)
    own = {"id", "content", "kind"}
    columns = [
        root_ids(own_ids),
        own_ids,
        frame["content"],
        (frame["kind"] if "kind" in frame.columns else pl.Series("kind", [None] * frame.height, dtype=pl.String)),
        pl.Series(ROW, table.rows, dtype=pl.Int64),
    ]
    if are_records(frame.columns):
        found = scores(frame)
        is_scored = found["complexity"].is_not_null() & (columns[3].fill_null("") == "")
        columns[3] = frame.select(
            pl.when(is_scored).then(pl.lit("question")).otherwise(pl.lit(columns[3])).alias("kind")
        )["kind"]
        columns += [found["complexity"], found["diversity"]]
        own |= {COMPLEXITY, DIVERSITY}
    for name, spellings in (("license", ("license", "licence")), ("domain", ("domain",))):
        given = next((s for s in spellings if frame.schema.get(s) == pl.String), None)
        if given:
            columns.append(frame[given].rename(name))
            own.add(given)
    taken = {series.name for series in columns} | {"source", FILE}
    for series in frame.select(name for name in frame.columns if name not in own):
        columns.append(series.rename(_free_name(series.name, taken | set(frame.columns) - {series.name})))
        taken.add(columns[-1].name)
    file = pl.lit(label).alias(FILE)
    made = pl.DataFrame({series.name: series for series in columns}).with_columns(
        file, source=pl.format("{}:{}", file, ROW)
    )
    first = ["id", "seed_id", "content", "kind", "source"]
    return made.select(*first, pl.exclude(*first, ROW, FILE), ROW, FILE)


def _together(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One table of all; a column whose type differs between files becomes JSON text where numbers do not hold both."""
    if len(parts) == 1:
        return parts[0]
    types: dict[str, set[pl.DataType]] = {}
    for part in parts:
        for name, dtype in part.schema.items():
            types.setdefault(name, set()).add(dtype)
    mixed = {n for n, dtypes in types.items() if len(dtypes) > 1 and not all(t.is_numeric() for t in dtypes)}
    alike = [part.with_columns(_as_text(part[name]) for name in part.columns if name in mixed) for part in parts]
    together = pl.concat(alike, how="diagonal_relaxed")
    return together.select(pl.exclude(ROW, FILE), ROW, FILE)


def _as_text(series: pl.Series) -> pl.Series:
    if series.dtype == pl.String:
        return series
    frame = pl.DataFrame({"value": series})
    texts = frame.select(pl.struct("value").struct.json_encode().str.extract(r'(?s)\A\{"value":(.*)\}\z'))["value"]
    return frame.select(pl.when(pl.col("value").is_not_null()).then(pl.lit(texts)).alias(series.name))[series.name]


def _free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or `seed_<name>` where evergrow uses it, or that with a number."""
    base = f"seed_{name}" if name in RESERVED else name or "unnamed"
    candidates = [base, *(f"{base}_{number}" for number in range(2, len(set(taken)) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def _kinds(frame: pl.DataFrame, stated: Kind | None) -> tuple[pl.Series, list[str]]:
    """The kind of each row, and what is to be said of the guess."""
    given = frame.select(pl.when(pl.col("kind") != "").then("kind"))["kind"]
    if stated:
        return given.fill_null(stated), []
    if given.null_count() == 0:
        return given, []
    kinds = given.fill_null(guess_kinds(frame["content"]))
    counts = dict(kinds.value_counts(sort=True).iter_rows())
    if len(counts) == 1:
        return kinds, []
    parts = [f"{counts[kind]:,} like {LOOKS[kind]}" for kind in KINDS if kind in counts]
    return kinds, [f"rows look {', '.join(parts)}: a column `kind`, or --kind for all, would settle it"]


LOOKS = {"code": "code", "question": "programming tasks", "instruction": "other instructions"}


def _without_copies(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    kept = frame.unique("content", keep="first", maintain_order=True)
    copies = frame.height - kept.height
    if not copies:
        return frame, []
    copy = frame.filter(pl.col("content").is_first_distinct().not_()).row(0, named=True)
    first = kept.filter(pl.col("content") == copy["content"]).row(0, named=True)
    one_file = frame[FILE].n_unique() == 1
    named = f"row {copy[ROW]} is row {first[ROW]}" if one_file else f"{copy['source']} is {first['source']}"
    return kept, [f"{counted(copies, 'rows')} left out: an earlier row has the same content ({named})"]


def _refuse_shared_ids(frame: pl.DataFrame, origin: str) -> None:
    shared = frame.filter(pl.col("seed_id").is_duplicated())
    if shared.is_empty():
        return
    one_file = frame[FILE].n_unique() == 1
    first: dict[str, str] = {}
    faults = []
    for seed_id, row, source in shared.select("seed_id", ROW, "source").iter_rows():
        place = f"row {row}" if one_file else source
        if seed_id in first:
            words = f"id {quoted(seed_id)} is also that of {first[seed_id]}, whose content differs: give each its own"
            faults.append(SourceFault(words, row) if one_file else SourceFault(f"{place}: {words}"))
        first.setdefault(seed_id, place)
    raise SeedError(origin, faults)


def _score_notes(frame: pl.DataFrame) -> list[str]:
    if frame.schema.get("complexity") != pl.Float64:
        return []
    scored = frame.filter(pl.col("complexity").is_not_null())
    half = scored["diversity"].null_count()
    records = counted(scored.height, "rows are scored records", "row is a scored record")
    told = f"{records} of Tree-of-Evolution: they are evolved further, and must be beaten"
    return [f"{told}; {half:,} of them have no diversity yet, so that nothing is compared with them" if half else told]
