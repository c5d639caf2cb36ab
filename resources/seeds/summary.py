"""What a table of seeds holds: how many of each kind, in which languages."""

import polars as pl

from evergrow.methods.quality.language import languages
from evergrow.resources.seeds.kinds import is_python
from evergrow.resources.seeds.languages import language_of
from evergrow.resources.seeds.source import KINDS

LOOKED_AT = 500  # rows of each kind of which the language is sought


def summary(frame: pl.DataFrame) -> pl.DataFrame:
    """`kind, rows, characters, languages`: characters are the median; languages with their share of the first rows.

    Code has programming languages, texts have natural ones (ISO 639-1), where they can be told.
    """
    rows = []
    for kind in KINDS:
        texts = frame.filter(pl.col("kind") == kind)["content"]
        if texts.len():
            rows.append((kind, texts.len(), int(texts.str.len_chars().median() or 0), _languages(texts, kind)))  # type: ignore[arg-type]
    schema = {"kind": pl.String, "rows": pl.Int64, "characters": pl.Int64, "languages": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _languages(texts: pl.Series, kind: str) -> str:
    looked_at = texts.head(LOOKED_AT)
    if kind == "code":
        names = ["python" if is_python(text) else language_of(text) or "unknown" for text in looked_at]
        told = pl.Series("language", names, dtype=pl.String)
    else:
        told = languages(looked_at).fill_null("unknown").alias("language")
    shares = told.value_counts(sort=True, normalize=True)
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.head(5).iter_rows())
