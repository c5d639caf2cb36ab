import polars as pl
import pytest

from evergrow.resources.llm import prices
from evergrow.resources.settings import SettingsError
from evergrow.resources.settings.models import Price

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

    tokens, usd = prices.unpriced(rows, {"m": Price(input=1.0, output=2.0)}, money=True)

    assert tokens == 100
    assert usd == pytest.approx((1040 * 1.0 + 160 * 2.0) / 1e6)
    with pytest.raises(SettingsError, match=r"model 'm' has no price.*prices\.m\.input"):
        prices.unpriced(rows, {}, money=True)
