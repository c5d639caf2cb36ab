"""What a reply costs, by the settings' price table or the listed one. An unknown price stays unknown."""

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version as version_of

import polars as pl

from evergrow.resources.llm.addresses import url_of
from evergrow.resources.settings import Settings, SettingsError
from evergrow.resources.settings.spending import Price

MILLION = 1_000_000


def price_of(settings: Settings, model: str) -> Price | None:
    """The price of `model`: by the settings, else by the list that ships along, for endpoints of known providers.

    The list is the package genai-prices, whose version is the price's date. A server of one's own has no listed price,
    whatever its model is called.
    """
    if (known := settings.prices.get(model)) is not None or not model:
        return known
    for url in listed_urls(settings, model):
        if (listed := _listed(url, model)) is not None:
            return listed
    return None


def price_setting(model: str) -> str:
    """How the price of a model is named in settings and by `--set`: a name that has dots stands in quotation marks."""
    return f'prices."{model}"' if "." in model else f"prices.{model}"


def listed_urls(settings: Settings, model: str) -> list[str]:
    """Where the endpoints listen that serve `model`, as far as the settings and the environment say."""
    roles = (settings.role(name) for name in type(settings.roles).model_fields)
    names = dict.fromkeys(name for role in roles if role.model == model for name in role.endpoints)
    endpoints = [settings.endpoints[name] for name in names if name in settings.endpoints]
    return [url_of(endpoint) for endpoint in endpoints if endpoint.kind == "openai"]


@lru_cache(maxsize=256)
def _listed(url: str, model: str) -> Price | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - its table takes a while, and few need it

    def dollars(**usage: int) -> float:
        return float(calc_price(Usage(**usage), model, provider_api_url=url).total_price)

    try:
        cached = dollars(input_tokens=MILLION, cache_read_tokens=MILLION)
        return Price(
            input=dollars(input_tokens=MILLION),
            output=dollars(output_tokens=MILLION),
            cached_input=cached,
            as_of=f"genai-prices {version_of('genai-prices')}",
        )
    except (LookupError, ValueError):
        return None


def cost(price: Price | None, tokens_in: int | None, tokens_cached: int | None, tokens_out: int | None) -> float | None:
    """US dollars, or None where the price or a count is unknown. `tokens_cached` are among `tokens_in`."""
    if price is None or tokens_in is None or tokens_out is None:
        return None
    cached = min(tokens_cached or 0, tokens_in)
    cached_price = price.input if price.cached_input is None else price.cached_input
    return ((tokens_in - cached) * price.input + cached * cached_price + tokens_out * price.output) / MILLION


def version(price: Price | None) -> str | None:
    """The price itself, kept beside each cost: `input/output` in US dollars per million tokens, `@` the list's date."""
    if price is None:
        return None
    cached = "" if price.cached_input is None else f" cached {price.cached_input:g}"
    return f"{price.input:g}/{price.output:g}{cached}" + (f" @ {price.as_of}" if price.as_of else "")


def offline(price: Price | None) -> Price | None:
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
        f"set {price_setting(model)}.input and .output (US dollars per million tokens), or limit max_tokens instead of "
        "max_usd"
    )


def unpriced(rows: pl.DataFrame, price_of_: Callable[[str], Price | None], *, money: bool) -> tuple[int, float]:
    """What the ledger's replies of unknown cost took at most: tokens beyond those counted, US dollars at today's price.

    rows: as `Ledger.unpriced` gives them. A reply that told no usage is taken as one token a character.

    Raises:
        SettingsError: `money` is asked for and a model has no price still.
    """
    tokens, usd = 0, 0.0
    for model, _calls, tokens_in, tokens_out, chars_in, chars_out in rows.iter_rows():
        tokens += chars_in + chars_out
        if money:
            price = cost(price_of_(model), tokens_in + chars_in, None, tokens_out + chars_out)
            if price is None:
                raise SettingsError(f"{missing(model)}; the ledger holds replies of it whose cost is unknown")
            usd += price
    return tokens, usd
