"""Vectors by an endpoint: asked once, in order, of length 1; faults of answers; retries, kills, budgets."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.embedding.endpoint import MOST_TEXTS, Payer, batches_of
from evergrow.resources.embedding.endpoint_vectors import Answers
from evergrow.resources.embedding.local_models import EmbedderError
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Attribution, BudgetReached, EndpointError
from evergrow.resources.settings import SettingsError, load_settings
from tests.conftest import FakeEndpoint
from tests.fake_endpoint.vectors import vector
from tests.resources.llm.support import ledger_at

MODEL = "gte-large-en-v1.5"
TEXTS = [f"Task {n}: count the {'very ' * (n % 7)}small birds." for n in range(70)]
PROGRESS = LogProgress(logging.getLogger("tests"))


@dataclass
class Home:
    """A lake, a ledger and an endpoint."""

    folder: Path
    ledger: Ledger
    endpoint: FakeEndpoint
    settings: dict[str, Any] = field(default_factory=dict)

    def embedder(self, *, looks: bool = False, run_id: str = "run-1", **embedding: Any) -> Embedder:
        """An embedder of a new process, as it were."""
        quick = {"base_url": self.endpoint.url, "timeout_s": 5.0, "attempts": 3}
        given = {"model": MODEL, "endpoint": "default", **embedding}
        settings = load_settings({"embedding": given, "endpoints": {"default": quick}, **self.settings})
        who = Attribution(run_id=run_id, asset="evolution/round_01/diversity", partition="b", batch="b")
        payer = None if looks else lambda: Payer(settings, self.ledger, who, PROGRESS)
        return Embedder.of(settings, Files(self.folder / "lake"), PROGRESS, payer)


@pytest.fixture(scope="module")
def served() -> Iterator[FakeEndpoint]:
    endpoint = FakeEndpoint()
    yield endpoint
    endpoint.kill()


@pytest.fixture
def home(tmp_path: Path, served: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    served.control(reset=True, quirks=[], share={}, first={}, longest=0, retry_after=None)
    ledger = ledger_at(tmp_path)
    yield Home(tmp_path, ledger, served)
    ledger.close()


def expected(texts: list[str]) -> np.ndarray:
    """What the endpoint should have said, of length 1."""
    found = np.stack([vector(text) for text in texts])
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def narrower(texts: list[str]) -> np.ndarray:
    """What the endpoint says with the quirk of that name, of length 1."""
    found = np.stack([vector(text)[:-8] for text in texts])
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def test_each_text_has_its_vector_in_order_and_is_asked_once(home: Home) -> None:
    found = home.embedder().embed([*TEXTS, TEXTS[3]])
    again = home.embedder().embed(TEXTS[::-1])

    np.testing.assert_allclose(found, expected([*TEXTS, TEXTS[3]]), atol=1e-6)
    np.testing.assert_allclose(again[::-1], found[:-1], atol=0)
    assert found.dtype == np.float32
    stats = home.endpoint.stats()
    assert (stats["embedded"], stats["embedded_again"]) == (len(TEXTS), 0)
    assert stats["requests"] == -(-len(TEXTS) // MOST_TEXTS)


def test_requests_are_in_the_ledger_with_their_tokens_and_who_pays(home: Home) -> None:
    embedder = home.embedder()
    embedder.embed(TEXTS)

    calls = home.ledger.latest(batch="b", errors=False, limit=10)
    assert {(call.role, call.model, call.asset) for call in calls} == {
        ("embedding", MODEL, "evolution/round_01/diversity")
    }
    assert sum(call.tokens_in or 0 for call in calls) == sum(len(text) // 4 for text in TEXTS)
    assert embedder.asked["requests"] == len(calls)
    assert all(call.tokens_out == 0 for call in calls)


@pytest.mark.parametrize("quirk", ["reversed", "no_index", "floats", "no_usage", "no_base64"])
def test_what_servers_do_otherwise_is_understood(home: Home, quirk: str) -> None:
    home.endpoint.control(quirks=[quirk])

    np.testing.assert_allclose(home.embedder().embed(TEXTS), expected(TEXTS), atol=1e-6)


@pytest.mark.parametrize("quirk", ["same_index", "one_less", "one_more", "nan", "inf", "null", "zeros", "one_narrower"])
def test_a_faulty_answer_is_drawn_anew(home: Home, quirk: str) -> None:
    home.endpoint.control(first={quirk: 1})

    np.testing.assert_allclose(home.embedder().embed(TEXTS), expected(TEXTS), atol=1e-6)
    assert home.endpoint.stats()["outcomes"][quirk] == 1


def test_what_stays_faulty_ends_with_one_error_and_what_came_is_kept(home: Home) -> None:
    home.endpoint.control(first={"nan": 2})  # as often as one request may be drawn

    home.settings = {"endpoints": {"default": {"base_url": home.endpoint.url, "concurrency": 1}}}
    with pytest.raises(EmbedderError, match=r"32 texts have no vector.*no numbers.*embedding.model.*run again"):
        home.embedder().embed(TEXTS)

    asked = home.endpoint.stats()["requests"]
    np.testing.assert_allclose(home.embedder(run_id="run-2").embed(TEXTS), expected(TEXTS), atol=1e-6)
    assert home.endpoint.stats()["requests"] == asked + 1


def test_vectors_of_another_width_than_those_kept_are_refused(home: Home) -> None:
    home.embedder().embed(TEXTS[:5])
    home.endpoint.control(quirks=["narrower"])

    with pytest.raises(EmbedderError, match=r"vectors of 40 numbers.*kept of gte-large.*have 48.*embedding.model"):
        home.embedder().embed(TEXTS)
    found = home.embedder(model="gte-large-of-today").embed(TEXTS[:2])
    np.testing.assert_allclose(found, narrower(TEXTS[:2]), atol=1e-6)


def test_two_endpoints_that_serve_a_model_of_one_name_do_not_share_vectors_or_replies(home: Home) -> None:
    home.embedder().embed(TEXTS[:5])
    other = home.endpoint.url.replace("127.0.0.1", "localhost")
    home.endpoint.control(quirks=["narrower"])
    home.settings = {"endpoints": {"default": {"base_url": other}}}

    found = home.embedder().embed(TEXTS[:5])

    np.testing.assert_allclose(found, narrower(TEXTS[:5]), atol=1e-6)
    home.settings = {"endpoints": {"default": {"base_url": home.endpoint.url}}}
    np.testing.assert_allclose(home.embedder(looks=True).embed(TEXTS[:5]), expected(TEXTS[:5]), atol=1e-6)


def test_deployments_of_one_address_are_told_apart_and_no_secret_is_in_an_identity(home: Home) -> None:
    server = {"base_url": "http://me:secret@127.0.0.1:9/v1?key=secret", "model": "d1"}
    home.settings = {"endpoints": {"default": server}}
    first = home.embedder(looks=True).identity
    server["model"] = "d2"

    assert first != home.embedder(looks=True).identity
    assert "secret" not in first


def test_a_slash_at_the_end_of_an_address_makes_no_other_endpoint_of_it(home: Home) -> None:
    server = {"base_url": "http://127.0.0.1:9/v1"}
    home.settings = {"endpoints": {"default": server}}
    first = home.embedder(looks=True).identity
    server["base_url"] += "/"

    assert home.embedder(looks=True).identity == first


def test_rate_limits_and_failing_servers_are_waited_for(home: Home) -> None:
    home.endpoint.control(first={"429": 2, "503": 1}, retry_after=0.05)

    np.testing.assert_allclose(home.embedder().embed(TEXTS), expected(TEXTS), atol=1e-6)


def test_a_refused_key_is_said_at_once(home: Home) -> None:
    home.endpoint.control(key="another")
    try:
        with pytest.raises(EndpointError, match=r"OPENAI_API_KEY"):
            home.embedder().embed(TEXTS)
    finally:
        home.endpoint.control(key=None)


def test_a_reply_that_was_paid_is_not_paid_again_where_its_vectors_were_not_yet_kept(home: Home) -> None:
    home.embedder().embed(TEXTS[10:20])  # known before: the requests of the rest leave them out
    known = sorted((home.folder / "lake" / "vectors").rglob("*.arrow"))
    found = home.embedder().embed(TEXTS)
    asked = home.endpoint.stats()["requests"]
    for path in (home.folder / "lake" / "vectors").rglob("*.arrow"):
        if path not in known:  # as a kill leaves it that comes after the commit of the replies
            path.unlink()

    np.testing.assert_array_equal(home.embedder().embed(TEXTS), found)
    stats = home.endpoint.stats()
    assert (stats["requests"], stats["embedded_again"]) == (asked, 0)


def test_a_text_that_is_too_long_is_named_and_the_others_of_its_request_are_kept(home: Home) -> None:
    home.endpoint.control(longest=200)

    with pytest.raises(EmbedderError, match=r"1 text has no vector, the first \(of 300 characters\).*auto-truncate"):
        home.embedder().embed([*TEXTS[:5], "x" * 300])
    assert home.embedder(looks=True).embed(TEXTS[:5]).shape == (5, 48)


def test_an_exhausted_budget_sends_nothing(home: Home) -> None:
    home.settings = {"budget": {"max_tokens": 100}}

    with pytest.raises(BudgetReached):
        home.embedder().embed(TEXTS)
    assert home.endpoint.stats()["requests"] == 0


def test_looking_asks_nothing_and_says_so(home: Home) -> None:
    with pytest.raises(EmbedderError, match=r"70 texts have no vectors yet.*looking asks no endpoint.*null"):
        home.embedder(looks=True).embed(TEXTS)
    assert home.endpoint.stats()["requests"] == 0


def test_empty_texts_and_half_characters_have_vectors(home: Home) -> None:
    found = home.embedder().embed(["", "half \ud800 a pair", "NUL \x00"])

    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_an_endpoint_has_vectors_of_its_own(home: Home) -> None:
    assert home.embedder().identity != home.embedder(precision="bfloat16").identity
    assert "endpoint" in home.embedder().identity


def test_an_endpoint_that_is_not_set_is_named() -> None:
    with pytest.raises(SettingsError, match=r"embedding.endpoint: 'tei' is not among endpoints"):
        load_settings({"embedding": {"endpoint": "tei"}})


def test_batches_are_bounded_by_texts_and_by_bytes() -> None:
    texts = ["ä" * 10] * 3 + ["x" * 100] + ["y"] * 70

    found = batches_of(texts, range(len(texts)), 45)

    assert [at for batch in found for at in batch] == list(range(len(texts)))
    assert all(len(batch) == 1 or sum(len(texts[at].encode()) for at in batch) <= 45 for batch in found)
    assert max(map(len, found)) <= MOST_TEXTS


@pytest.mark.parametrize("answer", [None, "text", [1, 2], [{"embedding": "%%"}] * 2, [{"embedding": [[1.0]]}] * 2])
def test_answers_that_are_none_are_faults(answer: object) -> None:
    with pytest.raises(ValueError, match="the answer holds"):
        Answers(None).read(2, answer)


def test_within_an_event_loop_it_works_as_well(home: Home) -> None:
    import asyncio  # noqa: PLC0415

    async def asks() -> np.ndarray:
        return home.embedder().embed(TEXTS[:3])

    np.testing.assert_allclose(asyncio.run(asks()), expected(TEXTS[:3]), atol=1e-6)
