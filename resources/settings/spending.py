"""Settings of what models cost, and of what may be spent."""

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from evergrow.resources.settings.section import Section, Share


def _written(value: object) -> object:
    """A date that YAML has read as one, as it was written."""
    return value.isoformat() if isinstance(value, date) else value


class Price(Section):
    """What a model costs, in US dollars per million tokens."""

    input: float = Field(ge=0, description="tokens of the prompt")
    output: float = Field(ge=0, description="tokens of the answer")
    cached_input: float | None = Field(None, ge=0, description="prompt tokens that the server had cached; empty: input")
    as_of: Annotated[str | None, BeforeValidator(_written)] = Field(
        None, description="date of the price list, kept beside each cost"
    )
    batch_factor: Share = Field(0.5, description="what the Batch API takes of these prices")


class Limits(Section):
    """What may be spent; empty: no limit."""

    max_tokens: PositiveInt | None = Field(None, description="input and output tokens")
    max_usd: PositiveFloat | None = Field(None, description="US dollars; needs a price for every model used")


class BudgetLimits(Limits):
    """Spending limits: of each batch, tree, release or model over all its runs, of a run, of a calendar month (UTC)."""

    run: Limits = Limits()
    month: Limits = Limits()
