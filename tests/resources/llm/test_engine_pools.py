import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Request
from evergrow.resources.llm.addresses import Address
from evergrow.resources.llm.pool import EndpointPlace, Pool
from evergrow.resources.llm.transport import Transport
from evergrow.resources.llm.upstream import Server, Size
from evergrow.resources.settings import Settings, SettingsError, load_settings
from evergrow.resources.settings.endpoints import Endpoint
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import SCHEMA, ask, question, requests

Start = Callable[..., FakeEndpoint]


def pool(**endpoints: dict[str, Any]) -> Settings:
    quick = {name: {"timeout_s": 5.0, **fields} for name, fields in endpoints.items()}
    roles = {role: {"endpoint": list(quick)} for role in ("generator", "judge")}
    return load_settings({"model": "model-1", "endpoints": {"default": {}, **quick}, "roles": roles})


def test_a_pool_shares_requests_by_weight_while_all_have_room(ledger: Ledger) -> None:
    servers = [
        Server(Transport(name, Endpoint(weight=weight), Address("http://127.0.0.1:9/v1", "key")), ledger)
        for name, weight in (("a", 3.0), ("b", 1.0))
    ]
    chosen, taken = Pool(servers), list[str]()

    for _ in range(400):
        place = chosen.admit(Size(100, 100), now=0.0)
        assert isinstance(place, EndpointPlace)
        taken.append(place.server.name)
        place.server.admission.leave()

    assert taken.count("a") == 300
    assert max(map(len, "".join(taken).split("b"))) <= 4


def test_a_full_endpoint_leaves_its_share_to_the_others(start_endpoint: Start, ledger: Ledger) -> None:
    one, two = start_endpoint(latency=0.02), start_endpoint(latency=0.02)
    narrow = {"base_url": one.url, "weight": 100, "concurrency": 1}

    asked = ask(pool(a=narrow, b={"base_url": two.url}), ledger, requests(400))

    assert len(asked.of(Answered)) == 400
    assert one.stats()["peak"] == 1
    assert two.stats()["requests"] > 300
    assert ledger.costs.grouped(["endpoint"])["calls"].sum() == 400


def test_traffic_moves_away_from_a_sick_endpoint_and_back(start_endpoint: Start, ledger: Ledger) -> None:
    sick, well = start_endpoint(latency=0.02, share={"500": 1.0}), start_endpoint(latency=0.02)
    chosen = pool(a={"base_url": sick.url, "concurrency": 16}, b={"base_url": well.url, "concurrency": 16})

    def heal() -> None:
        while sick.stats()["requests"] < 10:
            time.sleep(0.02)
        sick.control(share={})

    healer = threading.Thread(target=heal)
    healer.start()
    asked = ask(chosen, ledger, requests(2000))
    healer.join()

    assert len(asked.of(Answered)) == 2000
    assert sick.stats()["outcomes"]["500"] < 60
    assert sick.stats()["outcomes"]["ok"] > 100


def test_an_endpoint_that_loses_its_rights_is_left_out_and_the_run_goes_on(
    start_endpoint: Start, ledger: Ledger
) -> None:
    barred, well = start_endpoint(latency=0.02, share={"403": 1.0}), start_endpoint(latency=0.02)

    asked = ask(pool(a={"base_url": barred.url}, b={"base_url": well.url}), ledger, requests(200))

    assert asked.error is None
    assert len(asked.of(Answered)) == 200
    assert barred.stats()["requests"] <= 16


def test_a_pool_starts_without_a_member_that_is_down_but_not_with_a_wrong_key(
    start_endpoint: Start, ledger: Ledger
) -> None:
    well, strict = start_endpoint(), start_endpoint(key="secret")

    down = ask(pool(a={"base_url": "http://127.0.0.1:9/v1"}, b={"base_url": well.url}), ledger, requests(20))
    wrong = ask(pool(a={"base_url": strict.url}, b={"base_url": well.url}), ledger, requests(20, system="other"))

    assert len(down.of(Answered)) == 20
    assert "endpoint 'a'" in str(wrong.error)
    assert "401" in str(wrong.error)


def test_azure_is_asked_by_deployment_and_with_its_own_key(
    start_endpoint: Start, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure = start_endpoint(key="azure-key", models=["deployment-7"])
    monkeypatch.setenv("AZURE_KEY", "azure-key")
    fields = {"kind": "azure", "base_url": azure.root, "api_key_env": "AZURE_KEY", "model": "deployment-7"}

    asked = ask(pool(a=fields), ledger, requests(20))

    assert len(asked.of(Answered)) == 20
    assert ledger.costs.grouped(["model", "endpoint"]).rows()[0][:2] == ("model-1", "a")


def test_azure_without_url_or_key_says_which_setting_is_missing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "endpoints.a.base_url" in str(ask(pool(a={"kind": "azure"}), ledger, requests(1)).error)

    fields = {"kind": "azure", "base_url": "http://127.0.0.1:9", "api_key_env": "AZURE_KEY"}
    assert "AZURE_KEY" in str(ask(pool(a=fields), ledger, requests(1)).error)


def test_an_embedded_endpoint_is_looked_up_only_when_it_is_needed(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    class Addresses(dict[str, tuple[str, str]]):
        looked_up = 0

        def __getitem__(self, name: str) -> tuple[str, str]:
            Addresses.looked_up += 1
            return super().__getitem__(name)

    addresses = Addresses(small=(fake_endpoint.url, "key"))
    chosen = pool(small={"kind": "embedded"})

    ask(chosen, ledger, requests(20), addresses=addresses)
    ask(chosen, ledger, requests(20), addresses=addresses)

    assert Addresses.looked_up == 1


def test_roles_of_different_models_share_one_endpoint(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = load_settings({"roles": {"generator": {"model": "writer"}, "judge": {"model": "judge"}}})
    wanted = [Request(f"r{i}", ("generator", "judge")[i % 2], "s", f"p {i}", SCHEMA) for i in range(40)]

    asked = ask(chosen, ledger, wanted, question)

    assert {(a.request.role, a.model) for a in asked.of(Answered)} == {
        ("generator", "writer-fake"),
        ("judge", "judge-fake"),
    }


def test_a_pool_is_named_in_the_environment_too_and_its_faults_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints = {"a": {"base_url": "http://127.0.0.1:1/v1"}, "b": {"base_url": "http://127.0.0.1:2/v1"}}
    monkeypatch.setenv("EVERGROW_ROLES__GENERATOR__ENDPOINT", '["a", "b"]')
    monkeypatch.setenv("EVERGROW_ROLES__JUDGE__ENDPOINT", "b")
    loaded = load_settings({"endpoints": endpoints})
    assert (list(loaded.pool("generator")), list(loaded.pool("judge"))) == (["a", "b"], ["b"])

    monkeypatch.setenv("EVERGROW_ROLES__GENERATOR__ENDPOINT", '["a", "a"]')
    monkeypatch.setenv("EVERGROW_ROLES__JUDGE__ENDPOINT", "c")
    with pytest.raises(SettingsError) as error:
        load_settings({"endpoints": endpoints})
    assert "roles.generator.endpoint: names no endpoint, or one twice" in str(error.value)
    assert "roles.judge.endpoint: 'c' is not among endpoints (a, b)" in str(error.value)
