"""Every version of what an owner was asked to be made by is kept, and none twice."""

from datetime import UTC, datetime, timedelta

from evergrow.resources.registry.recipes import recipe, record, versions
from evergrow.resources.registry.registry import Registry, changes

VALUES = {"evolution": {"rounds": 2, "note": 'odd "text" \x00 \ud800'}, "roles": ["judge"]}


def test_a_recipe_gets_a_version_where_its_values_differ(registry: Registry) -> None:
    assert recipe(registry, "batch", "b") is None

    assert record(registry, "batch", "b", VALUES, "seeds add") == 1
    assert record(registry, "batch", "b", dict(reversed(VALUES.items())), "another") == 1
    assert record(registry, "batch", "b", {**VALUES, "roles": []}, "recipe set") == 2
    assert record(registry, "tree", "b", VALUES, "tree grow") == 1

    first, second = versions(registry, "batch", "b")
    assert (first.values, first.by, first.version) == (VALUES, "seeds add", 1)
    assert recipe(registry, "batch", "b") == second
    assert recipe(registry, "batch", "b", 1) == first
    assert recipe(registry, "batch", "b", 3) is None
    assert abs(first.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_values_that_were_there_already_are_no_change(registry: Registry) -> None:
    record(registry, "batch", "b", VALUES, "seeds add")
    before = changes(registry, 0)

    record(registry, "batch", "b", VALUES, "seeds add")

    assert changes(registry, 0) == before
    assert before[1] == [("batch", "b")]
