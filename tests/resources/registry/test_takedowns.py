"""A takedown is ordered with its bans in one step, and open until it is closed."""

from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.takedowns import close_takedowns, lift_bans, open_takedowns, order_takedown

SEED, ODD = Ban("seed", "17"), Ban("model", 'odd "name" \x1b[31m\ud800')


def test_what_is_ordered_is_banned_and_open_until_it_is_closed(registry: Registry) -> None:
    assert open_takedowns(registry) == []

    order_takedown(registry, [SEED, ODD, SEED])

    assert bans(registry) == [ODD, SEED]
    (first,) = open_takedowns(registry)
    assert set(first.bans) == {SEED, ODD}

    order_takedown(registry, [SEED])  # again, of what is banned already
    close_takedowns(registry, [first])

    assert [one.bans for one in open_takedowns(registry)] == [(SEED,)]
    close_takedowns(registry, open_takedowns(registry))
    assert open_takedowns(registry) == []
    assert bans(registry) == [ODD, SEED]


def test_a_ban_that_is_lifted_leaves_the_others_and_something_to_finish(registry: Registry) -> None:
    order_takedown(registry, [SEED, ODD])
    close_takedowns(registry, open_takedowns(registry))

    lift_bans(registry, [ODD])

    assert bans(registry) == [SEED]
    (lifting,) = open_takedowns(registry)
    assert (lifting.bans, lifting.lifted) == ((ODD,), True)
    assert str(lifting) == f"the lifting of {ODD}"
