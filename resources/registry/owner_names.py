"""Names that users give to batches and trees: what may be one, and what is said of one that nobody has registered."""

import difflib
import hashlib
import re
from collections.abc import Sequence

from evergrow.methods.text.times import reads_as_time
from evergrow.resources.seeds.source import listed, quoted

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MAX_NAME_CHARS = 63


def fault(name: str, what: str) -> str | None:
    """Why `name` cannot be that of `what`, with one that could; None if it can."""
    if NAME.fullmatch(name):
        if what == "release" or not reads_as_time(name):
            return None
        return (
            f"{quoted(name, MAX_NAME_CHARS)} cannot name a {what}: each exported row says its {what}, and what reads "
            f"files of JSON lines would take it for a time: call it '{what}-{name}'"
        )
    return (
        f"{quoted(name, MAX_NAME_CHARS)} cannot name a {what}: use at most {MAX_NAME_CHARS} letters, digits, `.`, "
        f"`_`, `-`, the first a letter or digit, such as {slug(name)!r}"
    )


def unknown(name: str, what: str, known: Sequence[str], register: str) -> str:
    """That no `what` is registered as `name`, what is, and the remedy: a similar name, or to `register` it."""
    near = difflib.get_close_matches(name, known, n=1)
    there_are = f"there are {listed(known)}" if known else "there are none yet"
    return (
        f"unknown {what} {quoted(name, MAX_NAME_CHARS)}; {there_are}: "
        f"{f'did you mean {near[0]!r}?' if near else register}"
    )


def slug(text: str) -> str:
    """A name that resembles `text`; made from its hash where nothing of it can stay."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:MAX_NAME_CHARS].rstrip("-._")
    if reads_as_time(name):
        return f"batch-{name}"
    return name or f"batch-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def owner(partition: str) -> str:
    """The batch or tree that a partition belongs to: itself, or the tree whose shard it is. It has the lock."""
    return partition.rpartition("|")[2]


def of_lease(lease: str) -> tuple[str, str]:
    """Of what kind the owner is whose lease is called so, and its name; what is measured is a set, `KIND:NAME`."""
    kind, blank, name = lease.partition(" ")  # no name has one
    if blank:
        return kind, name
    return ("set" if ":" in lease else "batch"), lease
