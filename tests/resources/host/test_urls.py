"""No user, password or query of a URL is shown."""

import pytest

from evergrow.resources.host.urls import without_secrets
from evergrow.resources.lake.content_files import Files


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://AKIA:hunter2@bucket/lake", "s3://bucket/lake"),
        ("https://host/v1?api_key=hunter2", "https://host/v1"),
        ("/a/path@with?marks", "/a/path@with?marks"),
        ("memory://lake", "memory://lake"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_a_file_of_the_lake_is_named_without_the_password_of_its_url() -> None:
    assert "hunter2" not in Files("memory://someone:hunter2@lake").locate("tables/x.parquet")
