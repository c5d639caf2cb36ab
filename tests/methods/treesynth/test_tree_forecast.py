import polars as pl

from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.tree_forecast import MOST, TreeRules, plan, shape_after, shape_ahead, writing_calls


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


def rules(depth: int, rows: int | None = None, **rates: float) -> TreeRules:
    return TreeRules(depth, rows, per_call=10, sets_per_list=10, pivot_calls=1, **rates)


def test_the_next_level_is_exact_and_the_rest_follows_the_fan_out() -> None:
    found = plan(level([4, 6], leaves=1), 2, find_domain("gsm8k"), 1, rules(3))

    assert found.nodes == 10
    assert found.leaves == 2 + 1 + 10 * 5
    assert found.rows == found.leaves * 10
    assert found.requests == 10 * 4 + 53


def test_levels_that_the_domain_states_are_exact_and_cost_nothing() -> None:
    found = plan(level([5]), 0, find_domain("customer_support"), 0, rules(3, 120))

    assert (found.nodes, found.leaves, found.rows, found.requests) == (5, 15, 120, 15)  # eight rows a leaf


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


def test_a_tree_that_is_not_begun_supposes_a_fan_out_where_its_domain_states_none() -> None:
    gsm8k, support = find_domain("gsm8k"), find_domain("customer_support")

    assert shape_ahead(gsm8k, rules(2), 3).dividing == ((0, 1), (1, 3))
    assert shape_ahead(gsm8k, rules(2), 3).leaves == 9
    stated = shape_ahead(support, rules(4, 120), 50)
    assert (stated.leaves, stated.writing, stated.dividing) == (750, 120, ((3, 15),))
    after = shape_after(level([5]), 0, support, 0, rules(4, 120), fan=50)
    assert (after.nodes, after.leaves, after.dividing) == (5, stated.leaves, stated.dividing)


def test_leaves_write_apart_from_each_other() -> None:
    assert writing_calls(30, 15, 10) == 15
    assert writing_calls(31, 3, 10) == 2 + 1 + 1
    assert writing_calls(2, 100, 10) == 2
    assert writing_calls(0, 0, 10) == 0
