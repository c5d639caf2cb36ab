from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.draws import derived, draw
from evergrow.methods.treesynth.nodes import Split, children, root

VALUES = tuple(f"v{n}" for n in range(7))
LISTED = children(root("t", "d"), Split("Kind", VALUES, listed=True))[0]


@given(st.integers(0, 9999), st.integers(1, 5))
def test_each_value_of_a_list_comes_once_before_any_comes_again(seed: int, cycles: int) -> None:
    drawn = [draw(LISTED, number, seed)[0].value for number in range(cycles * len(VALUES))]

    for start in range(0, len(drawn), len(VALUES)):
        assert sorted(drawn[start : start + len(VALUES)]) == sorted(VALUES)
    assert set(Counter(drawn).values()) == {cycles}


def test_a_draw_depends_on_its_number_node_and_seed_and_on_nothing_else() -> None:
    below = children(LISTED, Split("Size", ("small", "large")))
    orders = {tuple(draw(node, n, seed)[0].value for n in range(7)) for node in (LISTED, *below) for seed in (1, 2)}

    assert draw(LISTED, 3, 1) == draw(LISTED, 3, 1)
    assert len(orders) > 1
    assert draw(below[0], 0, 1)[1].value == "small"


def test_seeds_of_different_purposes_are_independent() -> None:
    assert derived(1, "a").random() == derived(1, "a").random()
    assert len({derived(1, "a").random(), derived(1, "b").random(), derived(2, "a").random()}) == 3
