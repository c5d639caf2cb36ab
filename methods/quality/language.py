"""The language of instructions, by their prose: code and short texts are in no language and stay."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from evergrow.methods.quality.words import UNSPACED

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

MIN_LETTERS = 40  # fewer are too few to tell
NO_LANGUAGE = "zxx"  # ISO 639-2's code, which the model gives to what is no language
MIN_SHARE = 0.05  # probability of the languages that stay, together, below which a text is in another

_CODE = (
    r"(?s:```.*?(?:```|\z))|`[^`\n]*`|(?m:^(?: {4}|\t).*$)"  # fences, code within a line, indented lines
    r"|(?m:^.*(?:[;{}]|\):|\\)\s*$)|(?m:^\s*(?:def|class|import|from|return|assert|for|if|while|>>>|#include|SELECT)\b.*$)"
    r"|\S*[_/\\@=<>\[\](){}\d]\S*|\$[^$\n]*\$"  # names, calls, paths, addresses, numbers, formulas
)


def language_reasons(texts: pl.Series, languages: Sequence[str]) -> pl.Series:
    """String (n,): `language: fr` for each text in another language than `languages` (ISO 639-1); else null.

    Raises:
        ValueError: one of `languages` is none that can be told; the message names it and lists those that can.
    """
    told = _identifier().labels
    unknown = [language for language in languages if language not in told]
    if unknown:
        raise ValueError(f"cleaning.languages: {unknown[0]!r} cannot be told; use some of {', '.join(sorted(told))}")
    prose = texts.str.replace_all(_CODE, " ")
    letters = prose.str.count_matches(r"\p{L}") + 2 * prose.str.count_matches(rf"[{UNSPACED}]")  # a syllable each
    stays = frozenset((*languages, NO_LANGUAGE))
    long_enough = (letters >= MIN_LETTERS).fill_null(value=False)
    return pl.Series(
        [_foreign(text, stays) if long else None for text, long in zip(prose, long_enough, strict=True)],
        dtype=pl.String,
    )


def prevailing(texts: pl.Series, least: float = 0.02) -> list[str]:
    """The languages (ISO 639-1) of at least the share `least` of the texts whose language can be told, most first."""
    prose = texts.drop_nulls().str.replace_all(_CODE, " ")
    told = [_identifier().rank(text)[0][0] for text in prose if sum(map(str.isalpha, text)) >= MIN_LETTERS]
    counted = Counter(language for language in told if language != NO_LANGUAGE).most_common()
    return [language for language, count in counted if count >= least * len(told)]


def languages(texts: pl.Series) -> pl.Series:
    """String (n,): the likely language of each text (ISO 639-1); null where it has too little prose to tell."""
    prose = texts.str.replace_all(_CODE, " ")
    letters = prose.str.count_matches(r"\p{L}") + 2 * prose.str.count_matches(rf"[{UNSPACED}]")
    long_enough = (letters >= MIN_LETTERS).fill_null(value=False)
    told = [_identifier().rank(text)[0][0] if long else None for text, long in zip(prose, long_enough, strict=True)]
    return pl.Series([None if name == NO_LANGUAGE else name for name in told], dtype=pl.String)


def _foreign(text: str, stays: frozenset[str]) -> str | None:
    ranked = _identifier().rank(text)
    share = sum(probability for language, probability in ranked if language in stays)
    return f"language: {ranked[0][0]}" if share < MIN_SHARE else None


@cache
def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - reads a model of 4 MB

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
