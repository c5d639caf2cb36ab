"""Loads releases with `datasets` and says what it found, as JSON: a program, started by `loading`."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from evergrow.methods.releasing.digests import row_digests, set_digest
from evergrow.resources.releases.chat_templates import FAMILIES, MARKS

if TYPE_CHECKING:
    import datasets
    import pyarrow
    from transformers import PreTrainedTokenizerFast

ROLES = ("user", "assistant")
BLOCK = 1000
TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)
MOST_FAULTS = 10


def main() -> None:
    """Read an order a line, the arguments of `load` as a JSON object, and answer each by a line, until there are none.

    What Hugging Face's libraries keep beside a load's cache is gone then, also where whoever started this was killed.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    for order in sys.stdin:
        print(json.dumps(load(**json.loads(order))), file=answers, flush=True)
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


def load(folder: str, form: str, cache: str) -> dict[str, Any]:
    """Load the release in `folder` and say what was found, or the `error` that kept it from being loaded."""
    import datasets  # noqa: PLC0415 - heavy, and its environment is set by whoever starts this

    try:
        loaded = datasets.load_dataset(folder, cache_dir=cache)
    except datasets.exceptions.DatasetGenerationError as error:
        return {"error": " ".join(str(error.__cause__ or error).split())}
    splits, turns, rendered, marked = {}, [], 0, 0
    for split, rows in loaded.items():
        # Batch by batch: the data are mapped from the cache, and need not be in memory as a whole.
        digests = [digest for table in rows.with_format("arrow").iter(BLOCK) for digest in row_digests(_frame(table))]
        splits[split] = {
            "rows": rows.num_rows,
            "columns": rows.column_names,
            "digest": set_digest(digests),
            "times": _times(rows),
        }
        if form == "chat":
            faults, held = check_turns(rows["messages"])
            turns += [(split, fault) for fault in faults[:MOST_FAULTS]]
            rendered, marked = rendered + rows.num_rows, marked + held
    return {"splits": splits, "turns": turns, "rendered": rendered, "marked": marked}


def _times(rows: "datasets.Dataset") -> list[str]:
    """Columns of which the first value may be a time that was made a text again."""
    first: dict[str, Any] = {}
    for row in rows.select(range(min(BLOCK, rows.num_rows))):
        first = {**{name: value for name, value in row.items() if value is not None}, **first}
    return [name for name, value in first.items() if any(map(TIME.fullmatch, _texts(value)))]


def _texts(value: object) -> Iterator[str]:
    """The texts in a value, which may be a list of records."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def check_turns(conversations: Iterable[Sequence[dict[str, str]]]) -> tuple[list[str], int]:
    """What chat templates make of conversations: faults, and how many hold a mark of templates in their text.

    Roles must alternate, the user first, the assistant last; each turn must be in the rendering of every family, in
    order, as it is but for white space at its ends.
    """
    import jinja2  # noqa: PLC0415 - as heavy as the rest

    tokenizers = {family: _tokenizer(template) for family, template in FAMILIES.items()}
    faults, marked = [], 0
    for number, turns in enumerate(conversations):
        roles = [turn["role"] for turn in turns]
        if not roles or len(roles) % 2 or roles != list(ROLES) * (len(roles) // 2):
            faults.append(f"row {number}: its roles are {roles}, not user and assistant in turn")
            continue
        for family, tokenizer in tokenizers.items():
            try:
                text = tokenizer.apply_chat_template(list(turns), tokenize=False)
            except jinja2.TemplateError as error:
                faults.append(f"row {number}: the chat template of {family} refuses it: {error}")
                continue
            faults += [f"row {number}: {what} of {family}" for what in _lost(turns, text)]
        marked += any(mark in turn["content"] for turn in turns for mark in MARKS)
    return faults, marked


def _lost(turns: Sequence[dict[str, str]], text: str) -> Iterator[str]:
    place = 0
    for turn in turns:
        content = turn["content"].strip()
        found = text.find(content, place)
        if found < 0:
            yield f"the {turn['role']}'s turn is not as it is, in its place, in the rendering by the chat template"
            return
        place = found + len(content)


def _tokenizer(template: str) -> "PreTrainedTokenizerFast":
    """A tokenizer that has a chat template and no words: rendering needs none, and no file is read."""
    from tokenizers import Tokenizer, models  # noqa: PLC0415 - heavy
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 - heavy

    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=template)


def _frame(table: "pyarrow.Table") -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


if __name__ == "__main__":
    main()
