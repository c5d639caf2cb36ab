"""Loads a release with `datasets` and says what it found, as JSON: a program, started by `loading`."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from evergrow.methods.releasing.digests import row_digests, set_digest

if TYPE_CHECKING:
    import pyarrow
    from transformers import PreTrainedTokenizerFast

# As ChatML, the most common one, has it (github.com/openai/openai-python, release v0.28.1, chatml.md).
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
MARKS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
ROLES = ("user", "assistant")
BLOCK = 1000
MOST_FAULTS = 10


def main(folder: str, form: str) -> None:
    """Load the release in `folder` and print what was found."""
    import datasets  # noqa: PLC0415 - heavy, and its environment is set by whoever starts this

    try:
        loaded = datasets.load_dataset(folder)
    except datasets.exceptions.DatasetGenerationError as error:
        sys.exit(" ".join(str(error.__cause__ or error).split()))
    splits, turns, rendered, marked = {}, [], 0, 0
    for split, rows in loaded.items():
        # Batch by batch: the data are mapped from the cache, and need not be in memory as a whole.
        digests = [digest for table in rows.with_format("arrow").iter(BLOCK) for digest in row_digests(_frame(table))]
        splits[split] = {"rows": rows.num_rows, "columns": rows.column_names, "digest": set_digest(digests)}
        if form == "chat":
            faults, held = check_turns(rows["messages"])
            turns += [(split, fault) for fault in faults[:MOST_FAULTS]]
            rendered, marked = rendered + rows.num_rows, marked + held
    json.dump({"splits": splits, "turns": turns, "rendered": rendered, "marked": marked}, sys.stdout)


def check_turns(conversations: Iterable[Sequence[dict[str, str]]]) -> tuple[list[str], int]:
    """What a chat template makes of conversations: faults, and how many hold a mark of templates in their text.

    Roles must alternate, the user first, the assistant last; each turn must be in the rendering as it is, in order.
    """
    tokenizer = _tokenizer()
    faults, marked = [], 0
    for number, turns in enumerate(conversations):
        roles = [turn["role"] for turn in turns]
        if not roles or len(roles) % 2 or roles != list(ROLES) * (len(roles) // 2):
            faults.append(f"row {number}: its roles are {roles}, not user and assistant in turn")
            continue
        text = tokenizer.apply_chat_template(list(turns), tokenize=False)
        faults += [f"row {number}: {what}" for what in _lost(turns, text)]
        marked += any(mark in turn["content"] for turn in turns for mark in MARKS)
    return faults, marked


def _lost(turns: Sequence[dict[str, str]], text: str) -> Iterator[str]:
    place = 0
    for turn in turns:
        opening = f"<|im_start|>{turn['role']}\n"
        found = text.find(f"{opening}{turn['content']}<|im_end|>", place)
        if found < 0:
            yield f"the {turn['role']}'s turn is not in the rendering as it is, in its place"
            return
        place = found + len(opening) + len(turn["content"])


def _tokenizer() -> "PreTrainedTokenizerFast":
    """A tokenizer that has a ChatML template and no words: rendering needs none, and no file is read."""
    from tokenizers import Tokenizer, models  # noqa: PLC0415 - heavy
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 - heavy

    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=TEMPLATE)


def _frame(table: "pyarrow.Table") -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


if __name__ == "__main__":
    main(*sys.argv[1:])
