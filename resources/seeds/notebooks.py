"""The code cells of notebooks, as Python source."""

import json
import re

# Magics of a whole cell after which it is Python still; any other hands the cell to another language or program.
PYTHON_STILL = re.compile(r"\s*%%(capture|debug|prun|python3?|time|timeit)\b")
MAGIC = re.compile(r"^(\s*)([%!?].*)$", re.MULTILINE)


def python_cells(data: bytes) -> list[tuple[int, str | None]]:
    """Number (from 1, of all cells) and source of each code cell; lines for the shell or the notebook are comments.

    The source of a cell that is no Python (`%%bash`) is None.

    Raises:
        ValueError: it is no notebook of Python.
    """
    try:
        book = json.loads(data)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    cells = book.get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list):
        raise ValueError("is no notebook of version 4: it has no cells")  # noqa: TRY004 - of the file, not of a call
    about = book.get("metadata")
    kernel = about.get("kernelspec") if isinstance(about, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    if language not in {None, "python", "python3"}:
        raise ValueError(f"is a notebook of {language!r}, not of Python")
    found: list[tuple[int, str | None]] = []
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        text = "".join(source) if isinstance(source, list) and all(isinstance(s, str) for s in source) else source
        if isinstance(text, str) and text.strip():
            foreign = text.lstrip().startswith("%%") and not PYTHON_STILL.match(text)
            found.append((number, None if foreign else MAGIC.sub(r"\1# \2", text)))
    return found
