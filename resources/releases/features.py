"""The columns of a release: their types as Hugging Face `datasets` writes them in a card.

Types stand in the card because a reader of JSON lines has to guess them otherwise, from the first rows of the first
split: a column without a value there could not be loaded where it has one.
"""

from typing import Any

import polars as pl


def features(schema: pl.Schema) -> list[dict[str, Any]]:
    """The columns' names and types, as the front matter of a dataset card lists them.

    Raises:
        TypeError: a column has a type that no card can name.
    """
    return [{"name": name, **_feature(name, kind)} for name, kind in schema.items()]


def _feature(name: str, kind: pl.DataType) -> dict[str, Any]:
    match kind:
        case pl.List():
            inner = _feature(name, kind.inner)  # type: ignore[arg-type]
            return {"list": inner.get("dtype", inner.get("struct", inner))}
        case pl.Struct():
            return {"struct": [{"name": f.name, **_feature(name, f.dtype)} for f in kind.fields]}  # type: ignore[arg-type]
        case pl.String():
            return {"dtype": "string"}
        case pl.Boolean():
            return {"dtype": "bool"}
        case _ if kind.is_integer() or kind.is_float():
            return {"dtype": str(kind).lower()}
        case _:
            raise TypeError(f"column {name!r} is of type {kind}, which a dataset for trainers cannot hold: cast it")
