"""Forms in which datasets hold tasks: a column, Alpaca's instruction and input, or the turns of conversations."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import polars as pl

from evergrow.resources.seeds.raw import RawTable, UnreadableError
from evergrow.resources.seeds.source import SourceFault, listed, quoted

Form = Literal["columns", "alpaca", "messages", "sharegpt"]
FORMS: tuple[Form, ...] = get_args(Form)
CONVERSATIONS: dict[str, tuple[str, str, frozenset[str]]] = {  # role, text, roles of the user
    "messages": ("role", "content", frozenset({"user", "human"})),
    "sharegpt": ("from", "value", frozenset({"user", "human"})),
}
COLUMNS = {"messages": ("messages", "conversation", "conversations"), "sharegpt": ("conversations", "conversation")}
ANSWERS = {"output", "response", "answer", "completion"}
INSTRUCTIONS = ("instruction", "content", "prompt", "question")


class _NoTurnError(Exception):
    """A conversation has no turn that can be a seed; the message says why."""


def text_columns(form: Form | None, column: str | None) -> tuple[str, ...]:
    """Names of the columns in which a file of this form has its texts, most likely first."""
    if form == "alpaca":
        return (*((column,) if column else INSTRUCTIONS), "input")
    if form in COLUMNS:
        return ()
    return (column or "content",)


def with_content(table: RawTable, form: Form | None, column: str | None) -> RawTable:
    """The table with `content` made as `form` says; the columns that it is made of stay beside it.

    "alpaca" joins instruction and input by an empty line. "messages" and "sharegpt" take the user's first turn: all
    that the user says before the first answer. "columns" takes the column as it is; so does None, but refuses a table
    that looks like another form, since that would lose a part of each task.

    Raises:
        UnreadableError: the form's columns are not there.
    """
    names = table.frame.columns
    match form:
        case "alpaca":
            return _alpaca(table, column)
        case "messages" | "sharegpt":
            return _conversations(table, form, column)
        case _:
            if column and column not in names:
                near = f"only {listed(names)}" if names else "it needs rows"
                raise UnreadableError(f"has no column {quoted(column)}, {near}: name another with --column")
            if form is None and (column or "content") in names:
                _refuse_half(table, column or "content")
            return _renamed(table, column) if column else table


def advised_form(frame: pl.DataFrame) -> str | None:
    """What to do with a table that has no `content` but looks like one of the forms; None where it does not."""
    lower = {name.strip().lower() for name in frame.columns}
    if "instruction" in lower and (lower & ANSWERS or "input" in lower):
        return "it looks like Alpaca: add --form alpaca, which joins `instruction` and `input`"
    for form, columns in COLUMNS.items():
        for name in columns:
            if name in frame.columns and (turns := _first_turns(frame[name])):
                role, text, _ = CONVERSATIONS[form]
                if role in turns and text in turns:
                    named = "" if name == columns[0] else f" --column {name}"
                    return f"it holds conversations: add --form {form}{named}, which takes the user's first turn"
    return None


def _refuse_half(table: RawTable, column: str) -> None:
    """Refuse rows whose task stands in two columns, of which only one would be taken."""
    frame = table.frame
    if column == "input" or frame.schema.get("input") != pl.String or not set(frame.columns) & ANSWERS:
        return
    filled = frame.select(n=(pl.col("input").str.strip_chars() != "") & (pl.col("input") != pl.col(column)))["n"]
    if filled.any():
        row, line = table.place(int(filled.arg_true()[0]))
        there = "" if column in {"content", "instruction"} else f" --column {column}"
        raise UnreadableError(
            f"looks like Alpaca: {filled.sum():,} rows, the first of them row {row}, have an `input` that belongs to "
            f"the task: add --form alpaca{there}, which joins both, or --form columns to take `{column}` alone",
            line,
        )


def _alpaca(table: RawTable, column: str | None) -> RawTable:
    names = table.frame.columns
    first = column or next((name for name in INSTRUCTIONS if name in names), None)
    if first is None or first not in names:
        raise UnreadableError(
            f"has no column {quoted(first or 'instruction')}, only {listed(names)}: name the one with the "
            "instructions, --form alpaca --column NAME"
        )
    instruction = pl.col(first).str.strip_chars()
    given = pl.col("input").str.strip_chars() if "input" in names else pl.lit(None, pl.String)
    both = pl.when(given != "").then(pl.format("{}\n\n{}", instruction, given)).otherwise(pl.col(first))
    return _placed(table, table.frame.select(content=both)["content"], [first] if first == "content" else [])


def _conversations(table: RawTable, form: Literal["messages", "sharegpt"], column: str | None) -> RawTable:
    names = table.frame.columns
    name = column or next((known for known in COLUMNS[form] if known in names), None)
    if name is None or name not in names:
        raise UnreadableError(
            f"has no column {quoted(name or COLUMNS[form][0])}, only {listed(names)}: name the one with the "
            f"conversations, --form {form} --column NAME"
        )
    texts: list[str | None] = []
    faults: list[SourceFault] = []
    longer = 0
    for at, value in enumerate(table.frame[name]):
        try:
            text, more = _first_user_turn(_turns(value), *CONVERSATIONS[form])
        except _NoTurnError as error:
            faults.append(SourceFault(f"`{name}` {error}", *table.place(at)))
            text, more = None, False
        texts.append(text)
        longer += more
    going_on = f"{longer:,} conversations go on after the first answer: the seed is the user's first turn"
    bad = {fault.row for fault in faults}
    kept = [at for at in range(len(texts)) if table.rows[at] not in bad]
    left = RawTable(
        table.frame[kept],
        [table.rows[at] for at in kept],
        [table.lines[at] for at in kept] if table.lines else None,
        [*table.faults, *faults],
        (*table.notes, *([going_on] if longer else [])),
    )
    return _placed(left, pl.Series("content", [texts[at] for at in kept], dtype=pl.String), [])


def _turns(value: Any) -> Sequence[Mapping[str, Any]]:  # noqa: ANN401 - of any file
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise _NoTurnError("is no JSON") from error
    if isinstance(value, pl.Series):
        value = value.to_list()
    if not isinstance(value, list) or not all(isinstance(turn, Mapping) for turn in value):
        raise _NoTurnError("is no list of turns: repair it, or delete the row")
    return value


def _first_user_turn(
    turns: Sequence[Mapping[str, Any]], role: str, text: str, users: frozenset[str]
) -> tuple[str, bool]:
    """What the user says before the first answer, and whether the conversation goes on after it.

    Raises:
        _NoTurnError: there is no such turn, or it is no text.
    """
    said: list[str] = []
    more = False
    for turn in turns:
        speaker = turn.get(role)
        if not isinstance(speaker, str):
            raise _NoTurnError(f"has a turn without `{role}`: name who speaks, or take another --form")
        if speaker.lower() in users:
            if said and more:
                return "\n\n".join(said), True
            said.append(_spoken(turn.get(text)))
        elif said:
            more = True
    if not said:
        raise _NoTurnError("has no turn of the user: delete the row")
    return "\n\n".join(said), False


def _spoken(value: Any) -> str:  # noqa: ANN401 - of any file
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in value]
        if all(isinstance(part, str) for part in parts):
            return "\n".join(map(str, parts))
    raise _NoTurnError("has a turn of the user that is no text: only texts can be seeds, delete the row")


def _first_turns(column: pl.Series) -> set[str]:
    """The names in the first turn of the first rows."""
    for value in column.head(5):
        try:
            turns = _turns(value)
        except _NoTurnError:
            continue
        if turns:
            return set(turns[0])
    return set()


def _renamed(table: RawTable, column: str) -> RawTable:
    if column == "content":
        return table
    return _placed(table, table.frame[column].alias("content"), [column])


def _placed(table: RawTable, content: pl.Series, replaced: Iterable[str]) -> RawTable:
    """The table with this `content`; a column of that name that it had is called `seed_content`."""
    frame = table.frame.drop(list(replaced))
    if "content" in frame.columns:
        taken: Callable[[str], bool] = set(frame.columns).__contains__
        names = ["seed_content", *(f"seed_content_{number}" for number in range(2, frame.width + 3))]
        frame = frame.rename({"content": next(name for name in names if not taken(name))})
    return RawTable(frame.with_columns(content), table.rows, table.lines, table.faults, table.notes)
