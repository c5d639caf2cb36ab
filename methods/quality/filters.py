"""What no row may be, whatever others are: too short or long, in another language, with secrets or personal data."""

import polars as pl

from evergrow.methods.quality.language import language_reasons
from evergrow.methods.quality.personal import personal_reasons
from evergrow.methods.quality.rules import Rules
from evergrow.methods.quality.secrets import secret_reasons
from evergrow.methods.quality.words import in_chunks


def filter_reasons(rows: pl.DataFrame, rules: Rules) -> pl.Series:
    """Why each row is dropped, the first reason of several; null where there is none.

    Args:
        rows: `content` and `response`; null is an empty text.
        rules: which filters are on, and their limits.

    Returns:
        String (n,): `short: ...`, `long: ...`, `language: fr`, `secret: looks like ...` or `personal: ...`.

    Raises:
        ValueError: `rules.languages` has one that cannot be told.
    """
    parts = [_reasons(rows["content"][part].fill_null(""), rows["response"][part].fill_null(""), rules)
             for part in in_chunks(rows.height)]  # fmt: skip
    return pl.concat(parts) if parts else pl.Series(dtype=pl.String)


def _reasons(content: pl.Series, response: pl.Series, rules: Rules) -> pl.Series:
    reasons = [
        _length_reasons(content, "instruction", rules.min_instruction_chars, rules.max_instruction_chars),
        _length_reasons(response, "response", rules.min_response_chars, rules.max_response_chars),
    ]
    if rules.languages:
        reasons.append(language_reasons(content, rules.languages))
    both = content + "\n" + response
    if rules.secrets:
        reasons.append(secret_reasons(both))
    if rules.personal_data:
        reasons.append(personal_reasons(both))
    return pl.select(reason=pl.coalesce(reasons)).to_series()


def _length_reasons(texts: pl.Series, what: str, least: int, most: int) -> pl.Series:
    """By characters without the white space around the text."""
    length = texts.str.strip_chars().str.len_chars()
    short = pl.format(f"short: {what} of {{}} characters, at least {least} are asked for", length)
    long = pl.format(f"long: {what} of {{}} characters, at most {most} are taken", length)
    return pl.select(pl.when(length < least).then(short).when(length > most).then(long)).to_series()
