"""A release's rows in the forms that trainers read: chat messages, Alpaca, ShareGPT, prompt and completion, Parquet.

**Which rows.** The forms of dialogue are for training on answers: a row is in them if it has both an instruction
and an answer that are not blank, whatever its task. A sample that needs no answer (task `none`) is a text of its own;
there is nothing in it to tell a user's words from an assistant's, so it is left out of them, counted, and stays
in `parquet`, which holds every row.

**Which columns.** First what the trainer reads, then, at the top level, those that explain the row; trainers pass over
columns that they do not know. All have one plain type, the same in every split: text, whole numbers, 64-bit numbers,
truth values, lists and records of these. A column without any value stays out; of the forms in JSON lines, which have
no types, one that is without a value in a whole split stays out, too: its reader could give it no type there, and the
splits could neither be read in any order nor be put together. And one of those that explain the row whose texts in a
split all read as times: its reader would give it that type, and other values. Of what is read in parts, 10 MB each, one
such text is enough, as it may be the only one of its part.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import polars as pl

from evergrow.methods.text.times import TIME

Form = Literal["chat", "alpaca", "sharegpt", "completion", "preference", "kto", "parquet"]
PAIRED = ("preference", "kto")
FORMS: tuple[Form, ...] = tuple(form for form in get_args(Form) if form not in PAIRED)  # of a release as it is
KEY = ("batch", "id")
ESCAPED = 2  # as many bytes has a text in JSON that is all line ends and quotes
READ_AT_ONCE, JSON_ROW = 10 << 20, 1_000  # bytes: of JSON lines by `datasets`; of what a row's columns are called
PAIR = (
    *("prompt", "chosen", "rejected", "completion", "label"),
    *("chosen_score", "rejected_score", "gap", "why", "pair_source", "rejected_id"),
)
WITHOUT_ANSWERS: tuple[Form, ...] = ("chat", "parquet")  # forms that instructions have
EXPLAINING = (
    *("id", "batch", "root_id", "parent_id", "domain", "task", "round", "tree", "leaf_id", "attributes"),
    *("complexity", "complexity_reason", "diversity", "value", "verdict", "verdict_detail", "agreement"),
    *("final_answer", "response_reasoning", "tests", "packages", "sandbox"),
    *("generator_model", "judge_model", "embedding_model", "responder_model"),
    *("tester_model", "prompt_version", "response_prompt_version", "call_id", "judge_call_id", "response_call_id"),
    *("run_id", "response_run_id", "license"),
)
NO_ANSWER, NO_ANSWER_NEEDED, NO_INSTRUCTION = "without an answer", "of a task without answers", "without an instruction"


@dataclass(frozen=True, slots=True)
class Shaped:
    """Rows in a form.

    Attributes:
        form: that form.
        rows: in the order that files have: by batch, then by id, numbers in ids by their size. With `split`.
        left_out: how many rows the form has no place for, by why.
        silent: columns that it has not, since no row, or no row of a split, has a value that its readers take for text.
        answered: whether rows have answers; else they are instructions alone.
    """

    form: Form
    rows: pl.DataFrame
    left_out: Mapping[str, int]
    silent: tuple[str, ...] = ()
    answered: bool = True


def shape(
    rows: pl.DataFrame,
    form: Form,
    *,
    answered: bool = True,
    columns: Collection[str] | None = None,
    reasoning: bool = False,
) -> Shaped:
    """`rows` in `form`; the last column is `split`, which tells the file.

    Args:
        rows: `id, batch, content, split` and what else a release's rows have; `response` and `task` may be missing.
        form: "parquet" keeps every row, and every column that has values, as it is, but for plain types. "preference"
            and "kto" take rows that are pairs, or their halves (`methods.releasing.preferences`).
        answered: False: the rows are instructions, and a dialogue is the user's turn alone.
        columns: those that a release was written with, to compare with it; None: those that have values.
        reasoning: answers of dialogues begin with what the model thought, as `with_thoughts` has it; else that is a
            column of its own. "parquet" always has both columns as they are; of pairs it must be done before.

    Raises:
        ValueError: instructions have no such form.
    """
    if not answered and form not in WITHOUT_ANSWERS:
        raise ValueError(f"instructions without answers have no form {form!r}, only {' and '.join(WITHOUT_ANSWERS)}")
    plain = rows.select(_plain(name, kind) for name, kind in rows.schema.items())
    ordered = plain.sort("batch", _natural("id"), "id")
    if form == "parquet":
        return _spoken(Shaped(form, ordered.select(pl.exclude("split"), "split"), {}, answered=answered), columns)
    if form in PAIRED:
        named = [name for name in (*PAIR, *EXPLAINING) if name in ordered.columns]
        return _spoken(Shaped(form, ordered.select(*named, "split"), {}), columns)
    whole = ordered if "response" in ordered.columns else ordered.with_columns(response=pl.lit(None, pl.String))
    if reasoning and "response_reasoning" in whole.columns:
        whole = whole.with_columns(response=with_thoughts(pl.col("response"), pl.col("response_reasoning"))).drop(
            "response_reasoning"
        )
    told = whole.with_columns(_why=_left_out(whole, answered=answered))
    counts = told.filter(pl.col("_why").is_not_null()).group_by("_why").len().sort("_why")
    kept = told.filter(pl.col("_why").is_null())
    explaining = [name for name in EXPLAINING if name in kept.columns]
    dialogue = kept.select(*_dialogue(form, answered=answered), *explaining, "split")
    return _spoken(Shaped(form, dialogue, dict(counts.iter_rows()), answered=answered), columns)


def _spoken(shaped: Shaped, columns: Collection[str] | None) -> Shaped:
    """`shaped` without its silent columns, or with the `columns` alone."""
    rows = shaped.rows
    if columns is not None:
        return replace(shaped, rows=rows.select(name for name in rows.columns if name in {*columns, "split"}))
    named = [name for name in rows.columns if name not in (*KEY, "split")]
    if shaped.form == "parquet":
        told = rows.select(pl.col(named).is_not_null().any())
    else:
        several = ESCAPED * rows.estimated_size() + JSON_ROW * rows.height > READ_AT_ONCE
        typed = [_typed(name, rows.schema[name], several=several) for name in named]
        told = rows.group_by("split").agg(typed).select(named)
    silent = tuple(name for name in named if rows.height and not told[name].all())
    return replace(shaped, rows=rows.drop(silent), silent=silent)


def _typed(name: str, kind: pl.DataType, *, several: bool) -> pl.Expr:
    """Whether readers of JSON lines can tell the type of a column of a split by its values.

    several: they may read the split in parts, each of which could be the one that holds all its times.
    """
    told = pl.col(name).is_not_null().any()
    for text in _texts(name, kind) if name in EXPLAINING else ():
        times = text.drop_nulls().str.contains(TIME)
        told &= ~(times.any() if several else times.all() & (times.len() > 0))
    return told.alias(name)


def _texts(name: str, kind: pl.DataType) -> Iterator[pl.Expr]:
    """The texts in a column of texts, or of lists of them or of records."""
    match kind:
        case pl.String():
            yield pl.col(name)
        case pl.List(inner=pl.String()):
            yield pl.col(name).explode()
        case pl.List(inner=pl.Struct(fields=fields)):
            yield from (pl.col(name).explode().struct.field(f.name) for f in fields if f.dtype == pl.String)


def with_thoughts(answer: pl.Expr, thoughts: pl.Expr) -> pl.Expr:
    """The answers with the thoughts before them, between the marks that reasoning models are trained on.

    An answer without thoughts stays as it is, and what is no answer stays none.
    """
    told = pl.format("<think>\n{}\n</think>\n\n{}", thoughts.str.strip_chars(), answer)
    return pl.when(_blank(thoughts) | _blank(answer)).then(answer).otherwise(told)


def _left_out(rows: pl.DataFrame, *, answered: bool) -> pl.Expr:
    if not answered:
        return pl.when(_blank("content")).then(pl.lit(NO_INSTRUCTION))
    needless = pl.col("task") == "none" if "task" in rows.columns else pl.lit(value=False)
    return (
        pl.when(_blank("content")).then(pl.lit(NO_INSTRUCTION))
        .when(_blank("response") & needless).then(pl.lit(NO_ANSWER_NEEDED))
        .when(_blank("response")).then(pl.lit(NO_ANSWER))
    )  # fmt: skip


def _blank(column: str | pl.Expr) -> pl.Expr:
    text = pl.col(column) if isinstance(column, str) else column
    return text.str.strip_chars().fill_null("") == ""


def _dialogue(form: Form, *, answered: bool) -> list[pl.Expr]:
    """The columns that the trainer reads."""
    if form == "alpaca":
        return [pl.col("content").alias("instruction"), pl.lit("").alias("input"), pl.col("response").alias("output")]
    if form == "completion":
        return [
            pl.concat_list(pl.struct(pl.lit(speaker).alias("role"), pl.col(text).alias("content"))).alias(name)
            for name, speaker, text in (("prompt", "user", "content"), ("completion", "assistant", "response"))
        ]
    who, what, user, assistant, name = (
        ("role", "content", "user", "assistant", "messages")
        if form == "chat"
        else ("from", "value", "human", "gpt", "conversations")
    )
    turns = [
        pl.struct(pl.lit(speaker).alias(who), pl.col(text).alias(what))
        for speaker, text in ((user, "content"), (assistant, "response"))[: 2 if answered else 1]
    ]
    return [pl.concat_list(turns).alias(name)]


def _natural(column: str) -> pl.Expr:
    """A text by which ids sort with their numbers by size: `s_10` after `s_9`."""
    part = pl.element()
    padded = pl.when(part.str.contains(r"^[0-9]")).then(part.str.zfill(20)).otherwise(part)
    return pl.col(column).str.extract_all(r"[0-9]+|[^0-9]+").list.eval(padded).list.join("")


def _plain(name: str, kind: pl.DataType) -> pl.Expr:
    """The column with a type that JSON and Arrow agree on."""
    wanted = _plain_type(kind)
    column = pl.col(name) if wanted == kind else pl.col(name).cast(wanted)
    return column.fill_nan(None) if wanted == pl.Float64 else column


def _plain_type(kind: pl.DataType) -> pl.DataType:
    match kind:
        case pl.List():
            return pl.List(_plain_type(kind.inner))  # type: ignore[arg-type]
        case pl.Struct():
            return pl.Struct({field.name: _plain_type(field.dtype) for field in kind.fields})  # type: ignore[arg-type]
        case pl.Null() | pl.Categorical() | pl.Enum():
            return pl.String()
        case _ if kind.is_temporal():
            return pl.String()
        case _ if kind.is_float():
            return pl.Float64()
        case _:
            return kind
