"""How lines of a leaf are kept, dropped and shared out; what writes them is tested with the whole platform."""

from collections import Counter

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.leaves import Leaf, LeafSample, drop_repeated, hand_on, leaf_quotas, settle
from evergrow.methods.treesynth.nodes import PATH, Split, children, root
from evergrow.methods.treesynth.samples import text_sample

NODES = children(root("t", "d"), Split("Kind", tuple(f"v{n}" for n in range(6))))
leaf_texts = st.lists(st.lists(st.sampled_from([f"text {n}" for n in range(12)]), max_size=10), min_size=1, max_size=6)


def leaves_of(texts: list[list[str]], quota: int) -> list[Leaf]:
    made = []
    for node, held in zip(NODES, texts, strict=False):
        leaf = Leaf(node, quota, [LeafSample(text_sample(text), (), "generated") for text in held])
        settle(leaf)
        made.append(leaf)
    return made


@given(leaf_texts, st.integers(0, 8))
def test_no_text_is_kept_twice_and_no_leaf_holds_more_than_its_quota(texts: list[list[str]], quota: int) -> None:
    leaves = leaves_of(texts, quota)

    drop_repeated(leaves, {LeafSample(text_sample("text 3"), (), "generated").told})

    kept = [line.sample.content for leaf in leaves for line in leaf.kept]
    assert max(Counter(kept).values(), default=0) <= 1
    assert "text 3" not in kept
    assert all(len(leaf.kept) <= quota for leaf in leaves)


@given(leaf_texts)
def test_what_is_beyond_a_quota_takes_the_place_of_what_is_dropped(texts: list[list[str]]) -> None:
    leaves = leaves_of(texts, 2)

    drop_repeated(leaves, set())

    seen: set[str] = set()
    for leaf in leaves:
        possible = {line.told for line in leaf.lines} - seen
        assert len(leaf.kept) == min(2, len(possible))
        seen |= {line.told for line in leaf.kept}


@given(leaf_texts, st.sets(st.integers(0, 5)))
def test_rows_that_exhausted_leaves_lack_are_shared_out_exactly(texts: list[list[str]], exhausted: set[int]) -> None:
    leaves = leaves_of(texts, 5)
    for place, leaf in enumerate(leaves):
        leaf.exhausted = place in exhausted

    handed = hand_on(leaves)

    assert sum(leaf.quota for leaf in leaves) == 5 * len(leaves)
    if handed:
        assert not any(leaf.missing for leaf in leaves if leaf.exhausted)


TABLE = pl.DataFrame(
    [
        {
            "id": f"l{n}",
            "parent_id": "top",
            "place": n,
            "list_nodes": 0,
            "path": [{"dimension": "Kind", "values": [f"v{n:02}"]}],
        }
        for n in range(12)
    ],
    schema_overrides={"path": PATH},
)
RULES = {"per_call": 10, "sets_per_list": 10}


@given(st.lists(st.integers(0, 9), min_size=12, max_size=12), st.integers(0, 150))
def test_what_a_leaf_was_imported_with_is_not_beyond_its_quota(counts: list[int], rows: int) -> None:
    held = {f"l{n}": count for n, count in enumerate(counts)}

    quotas = leaf_quotas(TABLE, rows, **RULES, alike=True, held=held)

    assert sum(quotas.values()) == rows
    if rows >= sum(counts):
        assert all(quotas[leaf] >= count for leaf, count in held.items())
    else:
        assert all(quotas[leaf] <= count for leaf, count in held.items())


def test_a_finished_tree_needs_nothing_and_a_leaf_without_rows_its_own_number() -> None:
    held = {f"l{n}": 4 for n in range(11)}

    assert leaf_quotas(TABLE, None, **RULES, alike=False, held=held) == {**held, "l11": 10}
