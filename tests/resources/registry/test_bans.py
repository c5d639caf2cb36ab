"""Bans are remembered for good."""

import pytest

from evergrow.resources.registry.bans import Ban, bans, remember
from evergrow.resources.registry.registry import Registry


def test_bans_add_up_and_none_stands_twice(registry: Registry) -> None:
    assert bans(registry) == []

    remember(registry, [Ban("seed", "17"), Ban("model", 'odd "name" \x1b[31m')])
    every = remember(registry, [Ban("seed", "17"), Ban("licence", "GPL-3.0")])

    assert every == bans(registry) == sorted(every)
    assert {(ban.kind, ban.value) for ban in every} == {
        ("seed", "17"), ("model", 'odd "name" \x1b[31m'), ("licence", "GPL-3.0"),
    }  # fmt: skip
    assert str(every[0]) == "licence 'GPL-3.0'"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Ban("licence", "GPL"), Ban("licence", " gpl"), True),
        (Ban("licence", "GPL"), Ban("seed", "GPL"), False),
        (Ban("seed", "2024-01-01"), Ban("seed", "2024%2D01-01"), True),
        (Ban("seed", "a"), Ban("seed", "A"), False),
        (Ban("model", "m"), Ban("model", "M"), False),
    ],
)
def test_bans_that_forbid_the_same_mean_the_same(one: Ban, other: Ban, same: bool) -> None:
    assert one.means(other) is same
    assert other.means(one) is same
