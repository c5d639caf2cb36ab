"""What a release is to hold is kept by its name."""

import pytest

from evergrow.resources.registry.registry import Registry, changes
from evergrow.resources.registry.releases import (
    Cleared,
    ReleaseNameError,
    ReleaseRequest,
    cleared,
    release_names,
    set_clear,
    set_wish,
    wish,
)


def test_a_wish_is_kept_and_a_later_one_takes_its_place(registry: Registry) -> None:
    assert wish(registry, "main") is None

    set_wish(registry, "main", ["b"], ["t"], rows=10)
    set_wish(registry, "side", ["c"], as_is=True)
    set_wish(registry, "main", ["b", "c"])

    assert wish(registry, "main") == ReleaseRequest(("b", "c"))
    assert wish(registry, "side") == ReleaseRequest(("c",), as_is=True)
    assert release_names(registry) == ["main", "side"]


def test_the_same_wish_again_is_no_change(registry: Registry) -> None:
    set_wish(registry, "main", ["b"])
    before = changes(registry, 0)

    set_wish(registry, "main", ("b",))

    assert changes(registry, 0) == before


def test_a_name_that_cannot_be_a_releases_is_refused(registry: Registry) -> None:
    with pytest.raises(ReleaseNameError, match="cannot name a release"):
        set_wish(registry, "../x", ["b"])
    assert release_names(registry) == []


def test_what_a_version_is_clear_of_is_known_until_another_one_is_and_stays_beside_another_wish(
    registry: Registry,
) -> None:
    assert cleared(registry, "main") is None
    set_wish(registry, "main", ["a"])
    assert cleared(registry, "main") is None

    set_clear(registry, "main", Cleared("v1", "b1", 0))
    set_wish(registry, "main", ["a", "b"])

    assert cleared(registry, "main") == Cleared("v1", "b1", 0)
    set_clear(registry, "main", Cleared("v2", "b1", 3))
    assert cleared(registry, "main") == Cleared("v2", "b1", 3)
    assert wish(registry, "main") == ReleaseRequest(("a", "b"))


def test_what_nobody_asked_for_can_be_clear_and_holds_what_there_is(registry: Registry) -> None:
    set_clear(registry, "main", Cleared("v1", "b1", 0))

    assert wish(registry, "main") == ReleaseRequest()
    assert cleared(registry, "main") == Cleared("v1", "b1", 0)
