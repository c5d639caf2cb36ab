"""What a reply costs by the settings' price table. An unknown price stays unknown."""

from evergrow.resources.settings import models

MILLION = 1_000_000


def cost(price: models.Price | None, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """US dollars, or None where the price or a count is unknown."""
    if price is None or tokens_in is None or tokens_out is None:
        return None
    return (tokens_in * price.input + tokens_out * price.output) / MILLION


def version(price: models.Price | None) -> str | None:
    """The price itself, as the ledger keeps it beside each cost: `input/output` in US dollars per million tokens."""
    return None if price is None else f"{price.input:g}/{price.output:g}"
