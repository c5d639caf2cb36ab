import pytest

from evergrow.methods.releasing.licences import hub_name, resolve, seed_licences
from tests.releases import row, table


@pytest.mark.parametrize(
    ("licences", "given", "name", "hub"),
    [
        (["MIT", "MIT"], None, "MIT", "mit"),
        (["MIT", " MIT "], None, "MIT", "mit"),
        (["MIT", "MIT"], "CC-BY-4.0", "CC-BY-4.0", "cc-by-4.0"),
        (["MIT", "Apache-2.0"], None, None, "other"),
        (["MIT", None], None, None, "other"),
        (["MIT", ""], None, None, "other"),
        ([None, " "], None, None, "unknown"),
        ([], None, None, "unknown"),
        (["House rules 7"], None, "House rules 7", "other"),
    ],
)
def test_a_licence_is_set_or_shared_by_all_seeds_or_not_named(
    licences: list[str | None], given: str | None, name: str | None, hub: str
) -> None:
    found = resolve(seed_licences(table(*(row(n, license=one) for n, one in enumerate(licences)))), given)

    assert (found.name, found.hub) == (name, hub)


@pytest.mark.parametrize(
    ("spdx", "hub"),
    [
        ("Apache-2.0", "apache-2.0"),
        ("GPL-3.0-or-later", "gpl-3.0"),
        ("LGPL-2.1-only", "lgpl-2.1"),
        ("ODbL-1.0", "odbl"),
        ("CC0-1.0", "cc0-1.0"),
        ("MIT OR Apache-2.0", "other"),
    ],
)
def test_the_hub_has_names_of_its_own(spdx: str, hub: str) -> None:
    assert hub_name(spdx) == hub


def test_rows_that_say_no_licence_are_counted() -> None:
    counted = seed_licences(table(row(1), row(2, license=None), row(3, license=None)))

    assert counted.rows() == [(None, 2), ("MIT", 1)]
    assert seed_licences(table(row(1)).drop("license")).rows() == [(None, 1)]
