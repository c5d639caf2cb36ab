"""What no row may be, whatever others are: too short or long, in another language, with what models leave over, with
secrets or personal data.
"""

import polars as pl

from evergrow.methods.quality import personal, secrets
from evergrow.methods.quality.language import language_reasons
from evergrow.methods.quality.leftovers import leftover_reasons
from evergrow.methods.quality.patterns import TextShape, found
from evergrow.methods.quality.rules import CleaningRules
from evergrow.methods.quality.words import in_chunks

HELD = (("secrets", "secret: looks like", secrets.SHAPES), ("personal_data", "personal:", personal.SHAPES))
# Whatever of these a row has is searched for secrets and personal data; texts and lists of texts.
SEARCHED = ("content", "response", "response_reasoning", "tests", "complexity_reason", "verdict_detail")


def filter_findings(rows: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
    """Why each row is dropped, the first reason of several, and where that was found; null where there is none.

    Args:
        rows: `content` and `response`; null is an empty text. More of `SEARCHED` is searched as well, if there is any.
        rules: which filters are on, and their limits.

    Returns:
        `reason` (String): `short: ...`, `long: ...`, `language: fr`, `leftover: a mark of ...`, `secret: looks like
        ...` or `personal: ...`; `span` (String): what lies where, never what it says.

    Raises:
        ValueError: `rules.languages` has one that cannot be told.
    """
    parts = [_findings(rows[part], rules) for part in in_chunks(rows.height)]
    return pl.concat(parts) if parts else pl.DataFrame(schema={"reason": pl.String, "span": pl.String})


def _findings(rows: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
    content, response = rows["content"].fill_null(""), rows["response"].fill_null("")
    reasons = [
        _length_reasons(content, "instruction", rules.min_instruction_chars, rules.max_instruction_chars),
        _length_reasons(response, "response", rules.min_response_chars, rules.max_response_chars),
    ]
    if rules.languages:
        reasons.append(language_reasons(content, rules.languages))
    reasons += [leftover_reasons(content), leftover_reasons(response)]
    fields = {name: _as_text(rows[name]) for name in SEARCHED if name in rows.columns}
    spans = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    for rule, label, shapes in HELD:
        if getattr(rules, rule):
            reason, span = _held(fields, label, shapes)
            reasons.append(reason)
            spans = pl.select(pl.coalesce(spans, span)).to_series()
    decided = pl.select(reason=pl.coalesce(reasons)).to_series()
    held = decided.str.contains("^(?:secret|personal): ").fill_null(value=False)
    nothing = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    return pl.DataFrame({"reason": decided, "span": spans.zip_with(held, nothing)})


def private_reasons(rows: pl.DataFrame, rules: CleaningRules) -> pl.Series:
    """`secret: ...` or `personal: ...` of each row that holds such a thing by these rules; null for all others.

    Args:
        rows: `content`, and whatever there is of `SEARCHED`.
        rules: whether secrets and personal data are searched for; no other filter counts here.
    """
    parts = []
    for part in in_chunks(rows.height):
        fields = {name: _as_text(rows[part][name]) for name in SEARCHED if name in rows.columns}
        found = [_held(fields, label, shapes)[0] for rule, label, shapes in HELD if getattr(rules, rule)]
        none = pl.repeat(None, rows[part].height, dtype=pl.String, eager=True)
        parts.append(pl.select(pl.coalesce(*found, none)).to_series())
    return pl.concat(parts) if parts else pl.Series(dtype=pl.String)


def _held(fields: dict[str, pl.Series], label: str, shapes: tuple[TextShape, ...]) -> tuple[pl.Series, pl.Series]:
    """The reasons and spans of rows that hold something of these shapes, in the first field that does."""
    height = len(fields["content"])
    reasons: list[str | None] = [None] * height
    spans: list[str | None] = [None] * height
    every = pl.select(pl.concat_str(list(fields.values()), separator="\n")).to_series()
    suspects = found(every, shapes)["row"]
    for name, texts in fields.items():
        for row, what, part in found(texts.gather(suspects), shapes).iter_rows():
            at = int(suspects[row])
            if reasons[at] is None:
                reasons[at] = f"{label} {what}"
                spans[at] = f"{what} at character {texts[at].find(part) + 1} of {name}"
    return pl.Series(reasons, dtype=pl.String), pl.Series(spans, dtype=pl.String)


def _as_text(values: pl.Series) -> pl.Series:
    joined = values.list.join("\n", ignore_nulls=True) if values.dtype == pl.List(pl.String) else values
    return joined.cast(pl.String).fill_null("")


def _length_reasons(texts: pl.Series, what: str, least: int, most: int) -> pl.Series:
    """By characters without the white space around the text."""
    length = texts.str.strip_chars().str.len_chars()
    short = pl.format(f"short: {what} of {{}} characters, at least {least} are asked for", length)
    long = pl.format(f"long: {what} of {{}} characters, at most {most} are taken", length)
    return pl.select(pl.when(length < least).then(short).when(length > most).then(long)).to_series()
