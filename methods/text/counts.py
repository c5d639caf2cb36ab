"""Counts in sentences: `1 row`, `2 rows`."""


def counted(count: int, many: str, one: str | None = None) -> str:
    """`count` with its noun, and what follows that depends on it.

    Args:
        count: how many.
        many: the noun for any other number than one, such as `rows` or `rows are`.
        one: for one; as `many`, but for an `s` at its end, where it is not given.
    """
    return f"{count:,} {many if count != 1 else many.removesuffix('s') if one is None else one}"
