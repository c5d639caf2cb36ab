from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import ask, requests, settings

NOWHERE = "http://model.invalid/v1"  # RFC 6761: no such host is ever found


def test_an_endpoint_is_reached_by_the_proxy_that_the_environment_names(
    fake_endpoint: FakeEndpoint, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", fake_endpoint.root)

    asked = ask(settings({"base_url": NOWHERE}), ledger, requests(2))

    assert len(asked.of(Answered)) == 2


def test_a_host_that_needs_no_proxy_is_reached_without(
    fake_endpoint: FakeEndpoint, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    asked = ask(settings(), ledger, requests(2))

    assert len(asked.of(Answered)) == 2
    assert fake_endpoint.stats()["requests"] == 2


def test_a_login_that_netrc_has_for_the_host_does_not_meet_the_key(
    fake_endpoint: FakeEndpoint, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password something\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fake_endpoint.control(key="sk-test-0123456789")

    asked = ask(settings(), ledger, requests(2))

    assert len(asked.of(Answered)) == 2


def test_user_and_password_of_a_url_are_sent_as_its_login(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    url = fake_endpoint.url.replace("http://", "http://user:pass%20word@")
    fake_endpoint.control(key="Basic dXNlcjpwYXNzIHdvcmQ=")

    asked = ask(settings({"base_url": url, "api_key_env": "NO_SUCH_KEY"}), ledger, requests(2))

    assert len(asked.of(Answered)) == 2
