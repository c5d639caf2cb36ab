"""Texts that readers of JSON lines take for times: where all values of a column are such, they give it that type.

Arrow's reader does, on which `datasets` is built, and writes them otherwise when they become text again: 2026-11-27 as
2026-11-27 00:00:00.
"""

import re

TIME = r"\A\d{4}-\d{2}-\d{2}([ T]\d{2}(:\d{2}(:\d{2})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?\z"  # as polars reads it
_TIME = re.compile(TIME.replace(r"\z", r"\Z"), re.ASCII)


def reads_as_time(text: str) -> bool:
    """Whether a text is taken for a time."""
    return _TIME.match(text) is not None
