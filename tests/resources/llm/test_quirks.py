"""Quirks of real servers, one by one and drawn at random: what is of use is used whole, the rest is told."""

from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Failed, Invalid, Refused, Request
from tests.conftest import FakeEndpoint
from tests.fake_endpoint import quirks
from tests.resources.llm.support import Asked, ask, ledger_at, requests, settings

KEY = "sk-test-0123456789"
WORDS = {
    "login_page": "titled 'Sign in to the portal'",
    "latin1_undeclared": "is not utf-8",
    "stream_ends_early": "ended early",
    "error_in_200": "upstream overloaded",
    "error_in_choice": "Provider disconnected",
    "brotli_unasked": "encoded as 'br'",
    "gzip_bomb": "larger than 16 MiB",
    "endless_body": "larger than 16 MiB",
    "endless_error": "HTTP 400",
    "key_error": "upstream refused Bearer [key]",
    "redirect_elsewhere": "it redirects to http://example.org",
}
ONE_TRY = {"attempts": 1, "timeout_s": 10.0}


def plain(answer: object) -> str:
    return str(answer)


def values(asked: Asked) -> dict[str, str]:
    return {answer.request.key: answer.value for answer in asked.of(Answered)}


def texts(count: int) -> list[Request]:
    """Requests for plain text, which has no form that could betray what does not belong to it."""
    return list(requests(count, schema=None, role="responder"))


def test_there_are_enough_of_them() -> None:
    assert len(quirks.QUIRKS) >= 70


@pytest.mark.parametrize("schema", [False, True], ids=["text", "json"])
def test_answers_behind_quirks_are_those_of_a_plain_server(
    fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path, schema: bool
) -> None:
    (tmp_path / "plain").mkdir()
    other = ledger_at(tmp_path / "plain")
    wanted = list(requests(len(quirks.GOOD) * 4)) if schema else texts(len(quirks.GOOD) * 4)
    expected = values(ask(settings(), other, wanted, plain))

    fake_endpoint.control(quirks=list(quirks.GOOD))
    first = ask(settings(), ledger, wanted, plain)
    again = ask(settings(), ledger, wanted, plain)

    assert values(first) == expected
    assert values(again) == expected  # out of the ledger, by the same reader
    assert {a.thoughts for a in first.of(Answered)} == {"", quirks.DRAFT}
    assert sum(bool(a.thoughts) for a in first.of(Answered)) > len(quirks.THINKING)
    assert again.summary["attempts"] == 0
    assert ledger.costs.spent().tokens < 10**6
    other.close()


@pytest.mark.parametrize("name", quirks.GOOD)
def test_each_quirk_of_a_reply_is_seen_through(fake_endpoint: FakeEndpoint, ledger: Ledger, name: str) -> None:
    fake_endpoint.control(quirks=[name])

    asked = ask(settings(ONE_TRY), ledger, texts(2), plain)

    assert len(asked.of(Answered)) == 2
    assert not any(
        mark in value for value in values(asked).values() for mark in ("DRAFT", "<", "\u25c1", "[THINK", "data:")
    )


@pytest.mark.parametrize("name", quirks.REFUSALS)
def test_a_refusal_is_one_in_whatever_words(fake_endpoint: FakeEndpoint, ledger: Ledger, name: str) -> None:
    fake_endpoint.control(quirks=[name])

    assert len(ask(settings(ONE_TRY), ledger, texts(2), plain).of(Refused)) == 2


@pytest.mark.parametrize("name", quirks.NO_ANSWERS)
def test_half_an_answer_is_none(fake_endpoint: FakeEndpoint, ledger: Ledger, name: str) -> None:
    fake_endpoint.control(quirks=[name])

    asked = ask(settings(ONE_TRY), ledger, texts(2), plain)

    assert len(asked.of(Invalid)) == 2
    assert fake_endpoint.stats()["requests"] <= 4


def test_a_budget_that_thinking_uses_up_is_named_and_not_drawn_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(quirks=list(quirks.SPENT), latency=0.02)

    asked = ask(settings({"concurrency": 2}), ledger, texts(40), plain)

    assert len(asked.of(Invalid)) == fake_endpoint.stats()["requests"] < 10
    assert "still thought" in str(asked.error)
    assert "raise roles.responder.max_tokens" in str(asked.error)


@pytest.mark.parametrize("name", quirks.NO_COMPLETIONS)
def test_what_is_no_completion_fails_with_its_words(fake_endpoint: FakeEndpoint, ledger: Ledger, name: str) -> None:
    fake_endpoint.control(quirks=[name])

    asked = ask(settings(ONE_TRY), ledger, texts(2), plain)

    assert not asked.of(Answered)
    assert WORDS[name] in str(asked.error)
    assert all(len(failed.message) <= 1100 for failed in asked.of(Failed))


@pytest.mark.parametrize("name", quirks.STANDING)
def test_what_a_server_does_not_take_is_left_out_once_and_for_all(
    fake_endpoint: FakeEndpoint, ledger: Ledger, name: str
) -> None:
    fake_endpoint.control(quirks=[name])

    first = ask(settings({"concurrency": 1}), ledger, requests(6))
    refused = fake_endpoint.stats()["requests"] - 6
    second = ask(settings(), ledger, requests(6, system="another run"))

    assert len(first.of(Answered)) == len(second.of(Answered)) == 6
    assert 1 <= refused <= 3
    assert fake_endpoint.stats()["requests"] == 12 + refused


def test_what_several_kinds_of_servers_do_not_take_is_found_out_together(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(quirks=[name for name in quirks.STANDING if name != "stream_only"])

    asked = ask(settings(), ledger, requests(100))

    assert len(asked.of(Answered)) == 100


def test_no_key_that_a_server_echoes_is_kept(fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path) -> None:
    fake_endpoint.control(quirks=["key_echo", "key_error"])

    asked = ask(settings(ONE_TRY), ledger, texts(12), plain)

    assert asked.of(Answered)
    assert asked.of(Failed)
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert KEY.encode() not in kept
    assert b"[key]" in kept


def test_prompts_that_are_cut_are_noticed_once(
    fake_endpoint: FakeEndpoint, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    fake_endpoint.control(quirks=["prompt_cut"])

    ask(
        settings(),
        ledger,
        [Request(f"{n}", "responder", "", "long text " * (200 + 40 * n), None) for n in range(9)],
        plain,
    )

    said = [record.getMessage() for record in caplog.records if "seems to cut" in record.getMessage()]
    assert len(said) == 1
    assert "told as 16 tokens each" in said[0]


def test_a_days_quota_ends_the_run_at_once_with_the_time(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(share={"429": 1.0}, retry_after=86400)

    asked = ask(settings({"concurrency": 4}), ledger, texts(100), plain)

    assert "come back in 24.0 hours" in str(asked.error)
    assert fake_endpoint.stats()["requests"] <= 8


def test_again_at_once_is_not_taken_for_ever(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    fake_endpoint.control(share={"429": 1.0}, retry_after=0)

    ask(settings({"deadline_s": 1.5}), ledger, texts(1), plain)

    assert fake_endpoint.stats()["requests"] < 10
