"""What a reply costs by the settings' price table. An unknown price stays unknown."""

from collections.abc import Mapping

import polars as pl

from evergrow.resources.settings import SettingsError, models

MILLION = 1_000_000


def cost(
    price: models.Price | None, tokens_in: int | None, tokens_cached: int | None, tokens_out: int | None
) -> float | None:
    """US dollars, or None where the price or a count is unknown. `tokens_cached` are among `tokens_in`."""
    if price is None or tokens_in is None or tokens_out is None:
        return None
    cached = min(tokens_cached or 0, tokens_in)
    cached_price = price.input if price.cached_input is None else price.cached_input
    return ((tokens_in - cached) * price.input + cached * cached_price + tokens_out * price.output) / MILLION


def version(price: models.Price | None) -> str | None:
    """The price itself, kept beside each cost: `input/output` in US dollars per million tokens, `@` the list's date."""
    if price is None:
        return None
    cached = "" if price.cached_input is None else f" cached {price.cached_input:g}"
    return f"{price.input:g}/{price.output:g}{cached}" + (f" @ {price.as_of}" if price.as_of else "")


def offline(price: models.Price | None) -> models.Price | None:
    """What the Batch API takes: every price times the factor, which its version tells."""
    if price is None:
        return None
    factor, cached = price.batch_factor, price.cached_input
    changes = {
        "input": price.input * factor,
        "output": price.output * factor,
        "cached_input": None if cached is None else cached * factor,
        "as_of": f"{price.as_of or 'price list'}, Batch API",
    }
    return price.model_copy(update=changes)


def missing(model: str) -> str:
    """What to say when a limit is in money and a model has no price."""
    return (
        f"prices: model {model!r} has no price, so that a limit in US dollars cannot be kept; "
        f"set prices.{model}.input and .output (US dollars per million tokens), or limit max_tokens instead of max_usd"
    )


def unpriced(rows: pl.DataFrame, table: Mapping[str, models.Price], *, money: bool) -> tuple[int, float]:
    """What the ledger's replies of unknown cost took at most: tokens beyond those counted, US dollars at today's price.

    rows: as `Ledger.unpriced` gives them. A reply that told no usage is taken as one token a character.

    Raises:
        SettingsError: `money` is asked for and a model has no price still.
    """
    tokens, usd = 0, 0.0
    for model, _calls, tokens_in, tokens_out, chars_in, chars_out in rows.iter_rows():
        tokens += chars_in + chars_out
        if money:
            price = cost(table.get(model), tokens_in + chars_in, None, tokens_out + chars_out)
            if price is None:
                raise SettingsError(f"{missing(model)}; the ledger holds replies of it whose cost is unknown")
            usd += price
    return tokens, usd
