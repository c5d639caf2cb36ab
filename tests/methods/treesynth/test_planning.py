import polars as pl

from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.planning import MOST, Rules, plan


def level(fans: list[int], leaves: int = 0, *, listed: bool = False) -> pl.DataFrame:
    rows = [
        {"state": "inner", "split_values": [str(n) for n in range(fan)], "split_listed": listed, "list_nodes": 0}
        for fan in fans
    ]
    rows += [{"state": "leaf", "split_values": None, "split_listed": None, "list_nodes": 0}] * leaves
    return pl.DataFrame(
        rows,
        schema={
            "state": pl.String,
            "split_values": pl.List(pl.String),
            "split_listed": pl.Boolean,
            "list_nodes": pl.Int32,
        },
    )


def rules(depth: int, rows: int | None = None, **rates: float) -> Rules:
    return Rules(depth, rows, per_call=10, sets_per_list=10, pivot_calls=1, **rates)


def test_the_next_level_is_exact_and_the_rest_follows_the_fan_out() -> None:
    found = plan(level([4, 6], leaves=1), 2, find_domain("gsm8k"), 1, rules(3))

    assert found.nodes == 10
    assert found.leaves == 2 + 1 + 10 * 5
    assert found.rows == found.leaves * 10
    assert found.requests == 10 * 4 + 53


def test_levels_that_the_domain_states_are_exact_and_cost_nothing() -> None:
    found = plan(level([5]), 0, find_domain("customer_support"), 0, rules(3, 120))

    assert (found.nodes, found.leaves, found.rows, found.requests) == (5, 15, 120, 15)


def test_money_and_tokens_stay_unknown_while_nothing_is_known() -> None:
    domain = find_domain("gsm8k")

    assert plan(level([3]), 0, domain, 0, rules(1, 30)).usd is None
    known = plan(level([3]), 0, domain, 0, rules(1, 30, tokens_per_request=100.0, usd_per_request=0.5))
    assert (known.tokens, known.usd) == (300, 1.5)


def test_an_explosion_ends_in_a_number_that_no_limit_lets_through() -> None:
    assert plan(level([50] * 50), 0, find_domain("gsm8k"), 0, rules(12)).leaves == MOST


def test_a_level_of_leaves_ends_the_tree() -> None:
    found = plan(level([], leaves=4), 1, find_domain("gsm8k"), 2, rules(4, 50))

    assert (found.nodes, found.leaves, found.requests) == (0, 5, 5)
