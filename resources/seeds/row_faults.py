"""What is wrong with rows of a seed file: their text, their ids, their kinds."""

import polars as pl

from evergrow.methods.text import ids
from evergrow.resources.seeds.forms import advised_form
from evergrow.resources.seeds.raw import RawTable
from evergrow.resources.seeds.source import KINDS, SourceFault, listed, quoted

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
# Spaces, controls and marks that are only set upon others, and letters that are drawn as nothing.
INVISIBLE = r"\A[\s\p{Z}\p{Cc}\p{Cf}\p{M}\u115F\u1160\u2800\u3164\uFFA0]*\z"


def row_faults(table: RawTable, max_chars: int) -> list[SourceFault]:
    """Every fault of every row; `max_chars` is the longest `content` that is taken."""
    return _content_faults(table, max_chars) + _id_faults(table) + _kind_faults(table)


def _content_faults(table: RawTable, max_chars: int) -> list[SourceFault]:
    if "content" not in table.frame.columns:
        return [] if not table.rows and not table.frame.columns else [SourceFault(_lacks_content(table.frame))]
    content = pl.col("content")
    raise_it = "shorten it, or raise the setting seeds.max_chars (EVERGROW_SEEDS__MAX_CHARS)"
    too_long = pl.format(
        "`content` has {} characters, more than seeds.max_chars = {}: " + raise_it, content.str.len_chars(), max_chars
    )
    return table.found(
        pl.when(content.is_null())
        .then(pl.lit("lacks `content`: fill it in, or delete the row"))
        .when(content.str.strip_chars() == "")
        .then(pl.lit("`content` is blank: fill it in, or delete the row"))
        .when(content.str.contains(INVISIBLE))
        .then(pl.lit("`content` is blank, it has invisible characters only: fill it in, or delete the row"))
        .when(content.str.contains("\0", literal=True))
        .then(pl.lit("`content` holds a null character: remove it"))
        .when(content.str.len_chars() > max_chars)
        .then(too_long)
    )


def _lacks_content(frame: pl.DataFrame) -> str:
    names = frame.columns
    has = f"has no `content`, only {listed(names) or 'rows without names'}"
    if form := advised_form(frame):
        return f"{has}: {form}"
    same = [name for name in names if name.strip().lower() == "content"]
    likely = same or [name for word in LIKELY_CONTENT for name in names if name.strip().lower() == word]
    if likely:
        return f"{has}: add --column {likely[0] if likely[0].isidentifier() else quoted(likely[0])}"
    return f"{has}: name the one that holds the seeds with --column"


def _id_faults(table: RawTable) -> list[SourceFault]:
    if "id" not in table.frame.columns:
        return []
    length = pl.col("id").str.len_chars()
    text = f"`id` has {{}} characters, at most {ids.MAX_SEED_ID_LENGTH}: shorten it, or leave it out to get one made"
    return table.found(pl.when(length > ids.MAX_SEED_ID_LENGTH).then(pl.format(text, length)))


def _kind_faults(table: RawTable) -> list[SourceFault]:
    if "kind" not in table.frame.columns:
        return []
    given = table.frame["kind"]
    wrong = given.is_not_null() & (given != "") & ~given.is_in(KINDS)
    some = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    return [
        SourceFault(f"`kind` is {quoted(given[at])}: make it {some}, or leave it out", *table.place(at))
        for at in wrong.arg_true().to_list()
    ]
