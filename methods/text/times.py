"""Texts that readers of JSON lines take for times: where all values of a column are such, they give it that type.

Arrow's reader does, on which `datasets` is built, and what it made of them is written otherwise when it becomes text
again: 2026-11-27 as 2026-11-27 00:00:00.
"""

import re

_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = "([01][0-9]|2[0-3])(:[0-5][0-9](:[0-5][0-9])?)?"
_ZONE = "(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
_TIME = f"{_DAY}([ T]{_CLOCK}{_ZONE})?"
TIME = f"^(?:{_TIME})$"  # as polars reads it: no flag is set by which `$` would be the end of a line
_WHOLE = re.compile(_TIME)


def reads_as_time(text: str) -> bool:
    """Whether a text has the form of a time that Arrow's reader knows, also of a day that there is not."""
    return _WHOLE.fullmatch(text) is not None
