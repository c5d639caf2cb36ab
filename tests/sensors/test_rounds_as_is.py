"""A batch whose seeds are a dataset's samples is left alone: evolving it would spend what nobody asked for."""

from evergrow.resources.registry.batches import take_as_is
from tests.platform import Platform
from tests.sensors.conftest import look, reason, requested


def test_a_batch_that_was_taken_as_it_is_is_not_evolved_unless_somebody_began_to(platform: Platform) -> None:
    platform.register("b", 3)
    take_as_is(platform.registry, "b")
    assert platform.run("seeds", "b") == ""

    assert reason(look(platform, "next_round")) == (
        "b: its seeds were taken as they are; `evergrow run --batch b` evolves them"
    )
    assert platform.run("round_01", "b") == ""
    assert requested(look(platform, "next_round")) == {"b": "round_02"}
