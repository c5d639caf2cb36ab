"""Path ids: the whole ancestry of a sample in its name (method.md A.1).

A root's id is its seed's id; child `j` of `X` is `X_j`, counted from zero. `613993_0_2` is the third child of the first
child of seed `613993`. The underscore therefore carries lineage and nothing else: a seed id that contains one, or any
other character that is not an ASCII letter, digit, `-`, `.` or `~`, is percent-encoded (`a_b` -> `a%5Fb`), reversibly.
One that reads as a time is as well (`2024-01-01` -> `2024%2D01-01`): readers of exported files would take it for one.
"""

import re
from urllib.parse import quote, unquote

from evergrow.methods.text.times import reads_as_time

MAX_SEED_ID_LENGTH = 128
LAST_STEP = re.compile(r"_\d+$")  # of a path id; roots have no underscore


def escape_seed_id(seed_id: str) -> str:
    """A root id for `seed_id`: percent-encoded, without underscore. `unescape_seed_id` is its inverse.

    Raises:
        ValueError: the id is empty or longer than `MAX_SEED_ID_LENGTH` characters.
    """
    if not seed_id:
        raise ValueError("an id must not be empty")
    if len(seed_id) > MAX_SEED_ID_LENGTH:
        raise ValueError(f"an id may have at most {MAX_SEED_ID_LENGTH} characters, this one has {len(seed_id)}")
    encoded = quote(seed_id, safe="").replace("_", "%5F")
    return encoded.replace("-", "%2D", 1) if reads_as_time(encoded) else encoded


def spellings(root_id: str) -> tuple[str, ...]:
    """The ids that a root has had: one that reads as a time stands in older tables as it is."""
    plain = root_id.replace("%2D", "-", 1)
    return (plain.replace("-", "%2D", 1), plain) if reads_as_time(plain) else (root_id,)


def candidates(named: str) -> list[str]:
    """Ids that tables may have for a row, which may be named by the id that the author of its seed gave it.

    Any of the steps at its end may belong to that: `a_1_0` is child 0 of the author's `a_1`, or of the first of `a`.
    """
    roots = [named]
    while (shorter := LAST_STEP.sub("", roots[-1])) != roots[-1]:
        roots.append(shorter)
    sound = [root for root in roots if 0 < len(root) <= MAX_SEED_ID_LENGTH]
    ways = [
        (way, named[len(root) :]) for root in sound for one in (root, escape_seed_id(root)) for way in spellings(one)
    ]
    return list(dict.fromkeys([named, *(way + steps for way, steps in ways)]))


def unescape_seed_id(root_id: str) -> str:
    """The seed's own id, as its author wrote it."""
    return unquote(root_id)


def child_id(parent_id: str, slot: int) -> str:
    """The id of child `slot` (from 0) of `parent_id`."""
    return f"{parent_id}_{slot}"


def parent_id(sample_id: str) -> str | None:
    """The id of the parent; None for a root."""
    head, _, _ = sample_id.rpartition("_")
    return head or None


def root_id(sample_id: str) -> str:
    """The id of the root of the tree that `sample_id` belongs to."""
    return sample_id.partition("_")[0]


def layer(sample_id: str) -> int:
    """Edges between the sample and its root: 0 for a root."""
    return sample_id.count("_")


def ancestry(sample_id: str) -> list[str]:
    """Ids from the root down to the sample itself."""
    parts = sample_id.split("_")
    return ["_".join(parts[: n + 1]) for n in range(len(parts))]
