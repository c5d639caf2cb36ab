from datetime import date

import polars as pl
import pytest

from evergrow.resources.llm import prices
from evergrow.resources.settings import SettingsError, load_settings
from evergrow.resources.settings.spending import Price

PRICE = Price(input=2.5, output=10.0, cached_input=1.25, as_of="2026-11-01")


def test_cost_counts_cached_prompt_tokens_at_their_own_price() -> None:
    assert prices.cost(PRICE, 1000, 400, 100) == pytest.approx((600 * 2.5 + 400 * 1.25 + 100 * 10) / 1e6)
    assert prices.cost(Price(input=2.5, output=10.0), 1000, 400, 100) == pytest.approx(0.0035)


@pytest.mark.parametrize(
    ("price", "tokens_in", "tokens_out"), [(None, 1, 1), (PRICE, None, 1), (PRICE, 1, None), (None, None, None)]
)
def test_a_cost_with_an_unknown_part_is_unknown(price: Price | None, tokens_in: int, tokens_out: int) -> None:
    assert prices.cost(price, tokens_in, 0, tokens_out) is None


def test_the_version_of_a_price_is_the_price_itself() -> None:
    assert prices.version(PRICE) == "2.5/10 cached 1.25 @ 2026-11-01"
    assert prices.version(Price(input=0, output=0)) == "0/0"
    assert prices.version(None) is None


def test_replies_of_unknown_cost_are_valued_at_most_and_at_todays_price() -> None:
    rows = pl.DataFrame(
        [("m", 3, 1000, 100, 40, 60)],
        schema=["model", "calls", "tokens_in", "tokens_out", "chars_in", "chars_out"],
        orient="row",
    )

    tokens, usd = prices.unpriced(rows, {"m": Price(input=1.0, output=2.0)}.get, money=True)

    assert tokens == 100
    assert usd == pytest.approx((1040 * 1.0 + 160 * 2.0) / 1e6)
    with pytest.raises(SettingsError, match=r"model 'm' has no price.*prices\.m\.input"):
        prices.unpriced(rows, lambda _: None, money=True)


def test_a_listed_price_holds_for_the_providers_own_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = prices.price_of(load_settings({"model": "gpt-4.1-mini"}), "gpt-4.1-mini")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    own = load_settings({"model": "gpt-4.1-mini"})
    set_ = load_settings({"model": "gpt-4.1-mini", "prices": {"gpt-4.1-mini": {"input": 7, "output": 8}}})

    assert listed is None  # without a key or an address the embedded model is asked
    assert prices.price_of(own, "gpt-4.1-mini") is None
    assert prices.price_of(set_, "gpt-4.1-mini") == Price(input=7, output=8)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")
    price = prices.price_of(load_settings({"model": "gpt-4.1-mini"}), "gpt-4.1-mini")
    assert price is not None
    assert 0 < (price.cached_input or 0) < price.input < price.output
    assert (price.as_of or "").startswith("genai-prices ")
    assert prices.price_of(own, "nosuch") is None


def test_a_date_that_yaml_reads_as_one_is_kept_as_it_was_written() -> None:
    assert Price(input=1, output=2, as_of=date(2025, 1, 1)).as_of == "2025-01-01"
