"""Bans are remembered for good."""

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
