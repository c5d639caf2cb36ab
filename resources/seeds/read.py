"""Reads seed files: whatever their format, the same columns; whatever is wrong, one message."""

import difflib
import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from evergrow.methods.text import ids
from evergrow.resources.seeds.formats import RawTable, UnreadableError, parse
from evergrow.resources.seeds.kinds import guess_kinds
from evergrow.resources.seeds.source import KINDS, Fault, SeedError, Seeds, listed, quoted

ROW = "row of the file"  # a column for the way, dropped at the end
RESERVED = {
    *("id", "seed_id", "root_id", "parent_id", "batch", "domain", "kind", "source", "license", "round", "slot"),
    *("content", "complexity", "complexity_reason", "diversity", "nearest_id", "value", "parent_complexity"),
    *("parent_diversity", "generator_model", "judge_model", "embedding_model", "prompt_version", "call_id"),
    *("judge_call_id", "run_id", "reason", "tree", "leaf_id", "attributes", ROW),
}
LIKELY_CONTENT = (
    "text",
    "code",
    "instruction",
    "prompt",
    "question",
    "function",
    "snippet",
    "problem",
    "input",
    "body",
)
MADE_ID_LENGTHS = (12, 16, 24, 32, 64)
PLAIN_ID = r"\A[A-Za-z0-9.~-]+\z"


def read_seeds(path: Path, max_chars: int) -> Seeds:
    """The seeds in `path`: a JSON array, JSON lines, CSV or Parquet, with `content` and, if you like, `id`.

    Missing ids are made from the content's SHA-256. `kind` is the file's, or guessed (`seed_kinds`). Of rows with equal
    content the first stays. Other columns are kept, under `seed_<name>` where evergrow has a use of its own for the
    name; JSON values that are nested or of several types become JSON text. CSV fields are text, empty ones null.

    Args:
        path: the file.
        max_chars: longest `content` that is taken, in characters (setting `seeds.max_chars`).

    Raises:
        SeedError: the file cannot be read, or a row of it is wrong; nothing is taken then.
    """
    try:
        table = parse(_read(path), path.suffix.lower())
    except UnreadableError as error:
        raise SeedError(str(path), [error.fault]) from error
    except RecursionError as error:
        raise SeedError(str(path), [Fault("has values that are nested too deeply: flatten them")]) from error
    faults = table.faults + _content_faults(table, max_chars) + _id_faults(table) + _kind_faults(table)
    if faults:
        raise SeedError(str(path), faults)
    if not table.rows:
        raise SeedError(str(path), [Fault("holds no seeds: it needs at least one row with `content`")])
    frame, notes = _normalised(table, path.name)
    frame, dropped = _without_copies(frame)
    _refuse_shared_ids(frame, str(path))
    return Seeds(frame.drop(ROW), (*dropped, *_id_notes(frame), *notes), str(path))


def _read(path: Path) -> bytes:
    if not path.exists():
        near = difflib.get_close_matches(path.name, _names_in(path.parent), n=1)
        raise UnreadableError("does not exist" + (f"; did you mean {near[0]!r}?" if near else ": check the path"))
    if path.is_dir():
        raise UnreadableError(f"is a folder: name one file in it ({listed(_names_in(path), 5) or 'it has none'})")
    if not path.is_file():
        raise UnreadableError("is not a regular file: write the seeds to a file first")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}; check its permissions") from error


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []


def _content_faults(table: RawTable, max_chars: int) -> list[Fault]:
    if "content" not in table.frame.columns:
        return [] if not table.rows and not table.frame.columns else [Fault(_lacks_content(table.frame.columns))]
    content = pl.col("content")
    raise_it = "shorten it, or raise the setting seeds.max_chars (EVERGROW_SEEDS__MAX_CHARS)"
    too_long = pl.format(
        "`content` has {} characters, more than seeds.max_chars = {}: " + raise_it, content.str.len_chars(), max_chars
    )
    return _faults(
        table,
        pl.when(content.is_null())
        .then(pl.lit("lacks `content`: fill it in, or delete the row"))
        .when(content.str.strip_chars() == "")
        .then(pl.lit("`content` is blank: fill it in, or delete the row"))
        .when(content.str.contains("\0", literal=True))
        .then(pl.lit("`content` holds a null character: remove it"))
        .when(content.str.len_chars() > max_chars)
        .then(too_long),
    )


def _lacks_content(names: list[str]) -> str:
    same = [name for name in names if name.strip().lower() == "content"]
    likely = same or [name for word in LIKELY_CONTENT for name in names if name.strip().lower() == word]
    advice = f"rename {quoted(likely[0])}" if likely else "give the one that holds the seeds this name"
    return f"has no `content`, only {listed(names) or 'rows without names'}: {advice}"


def _id_faults(table: RawTable) -> list[Fault]:
    if "id" not in table.frame.columns:
        return []
    length = pl.col("id").str.len_chars()
    text = f"`id` has {{}} characters, at most {ids.MAX_SEED_ID_LENGTH}: shorten it, or leave it out to get one made"
    return _faults(table, pl.when(length > ids.MAX_SEED_ID_LENGTH).then(pl.format(text, length)))


def _kind_faults(table: RawTable) -> list[Fault]:
    if "kind" not in table.frame.columns:
        return []
    given = table.frame["kind"]
    wrong = given.is_not_null() & (given != "") & ~given.is_in(KINDS)
    return [
        Fault(f"`kind` is {quoted(given[at])}: make it {' or '.join(KINDS)}, or leave it out", *_place(table, at))
        for at in wrong.arg_true().to_list()
    ]


def _faults(table: RawTable, text: pl.Expr) -> list[Fault]:
    """A fault for each row that `text` has words for."""
    found = table.frame.select(text=text).with_row_index("at").drop_nulls("text")
    return [Fault(words, *_place(table, at)) for at, words in found.iter_rows()]


def _place(table: RawTable, at: int) -> tuple[int, int | None]:
    return table.rows[at], table.lines[at] if table.lines else None


def _normalised(table: RawTable, file_name: str) -> tuple[pl.DataFrame, list[str]]:
    """The columns of `Seeds`, after them the file's own, and `ROW`; and what is to be said about kinds."""
    frame = table.frame
    kinds, notes = _kinds(frame)
    rows = pl.Series(ROW, table.rows, dtype=pl.Int64)
    seed_ids = _seed_ids(frame)
    own = {"id", "content", "kind"}
    columns = [
        pl.Series("id", [ids.escape_seed_id(i) for i in seed_ids], dtype=pl.String),
        pl.Series("seed_id", seed_ids, dtype=pl.String),
        frame["content"],
        kinds,
        pl.Series("source", [f"{file_name}:{row}" for row in table.rows], dtype=pl.String),
    ]
    for name, spellings in (("license", ("license", "licence")), ("domain", ("domain",))):
        given = next((s for s in spellings if frame.schema.get(s) == pl.String), None)
        if given:
            columns.append(frame[given].rename(name))
            own.add(given)
    taken = {series.name for series in columns} | {ROW}
    for series in frame.select(name for name in frame.columns if name not in own):
        columns.append(series.rename(_free_name(series.name, taken | set(frame.columns) - {series.name})))
        taken.add(columns[-1].name)
    return pl.DataFrame({series.name: series for series in [*columns, rows]}), notes


def _free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or `seed_<name>` where evergrow uses it, or that with a number."""
    base = f"seed_{name}" if name in RESERVED else name or "unnamed"
    candidates = [base, *(f"{base}_{number}" for number in range(2, len(set(taken)) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def _kinds(frame: pl.DataFrame) -> tuple[pl.Series, list[str]]:
    if "kind" in frame.columns and (frame["kind"].fill_null("") != "").all():
        return frame["kind"], []
    kinds = guess_kinds(frame["content"])
    if "kind" in frame.columns:
        given = frame.select(pl.when(pl.col("kind") != "").then("kind"))["kind"]
        kinds = given.fill_null(kinds)
    code = int((kinds == "code").sum())
    if code in {0, len(kinds)}:
        return kinds, []
    mixed = f"{code:,} rows look like code, {len(kinds) - code:,} like instructions: a column `kind` would settle it"
    return kinds, [mixed]


def _seed_ids(frame: pl.DataFrame) -> list[str]:
    """The file's ids; where it has none, the first 12 hex digits of the content's SHA-256, more where that clashes."""
    given = frame["id"].to_list() if "id" in frame.columns else [None] * frame.height
    made = {content: hashlib.sha256(content.encode()).hexdigest() for content in frame["content"].to_list()}
    digests = [made[content] for content in frame["content"].to_list()]
    lengths = dict.fromkeys((d for d, i in zip(digests, given, strict=True) if not i), MADE_ID_LENGTHS[0])
    taken = {i for i in given if i}
    for longer in MADE_ID_LENGTHS[1:]:
        counts = Counter(digest[:length] for digest, length in lengths.items())
        for digest, length in lengths.items():
            if counts[digest[:length]] > 1 or digest[:length] in taken:
                lengths[digest] = longer
    return [i or d[: lengths[d]] for i, d in zip(given, digests, strict=True)]


def _without_copies(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    kept = frame.unique("content", keep="first", maintain_order=True)
    copies = frame.height - kept.height
    if not copies:
        return frame, []
    copy = frame.filter(pl.col("content").is_first_distinct().not_()).row(0, named=True)
    first = kept.filter(pl.col("content") == copy["content"])[ROW].item()
    return kept, [f"{copies:,} rows left out: an earlier row has the same content (row {copy[ROW]} is row {first})"]


def _refuse_shared_ids(frame: pl.DataFrame, origin: str) -> None:
    shared = frame.filter(pl.col("seed_id").is_duplicated()).group_by("seed_id", maintain_order=True).agg(ROW)
    if not shared.is_empty():
        faults = [
            Fault(
                f"id {quoted(i)} is also that of row {rows[0]}, whose content differs: give each an id of its own", row
            )
            for i, rows in shared.iter_rows()
            for row in rows[1:]
        ]
        raise SeedError(origin, faults)


def _id_notes(frame: pl.DataFrame) -> list[str]:
    odd = frame.filter(pl.col("seed_id").str.contains(PLAIN_ID).not_())
    if odd.is_empty():
        return []
    seed_id, root_id = odd.select("seed_id", "id").row(0)
    return [
        f"{odd.height:,} ids hold characters that ids of samples cannot carry and are percent-encoded there, "
        f"reversibly: {quoted(seed_id)} is {quoted(root_id)}"
    ]
