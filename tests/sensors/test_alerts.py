"""Alerts, sent to a real HTTP server on loopback: off by default, one a cause, without keys."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dagster as dg
import pytest

from evergrow.assets.names import BATCHES_NAME, RELEASES_NAME, TREES_NAME, shard_partition
from evergrow.flows.workspace import Workspace
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources import alerts as sending
from evergrow.resources.alerts import Alert, AlertError, send
from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG
from evergrow.resources.registry.batches import staged_batches, take_as_is
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.recipes import Recipe, record
from evergrow.resources.registry.releases import wish
from evergrow.resources.registry.trees import register
from evergrow.resources.settings import load_settings
from evergrow.resources.settings.recipe import recipe_of
from evergrow.sensors import alerts as sensing
from tests.conftest import FakeEndpoint
from tests.platform import Platform
from tests.sensors.conftest import EVOLUTION, look

KEY = "sk-test-0123456789"
REDIRECTS = (301, 302, 303, 307, 308)
ALL = ["failed_run", "closed_gate", "reached_budget", "stalled"]


class Webhook:
    """A server that keeps what it is sent; it answers with the `codes` in turn, then with 200."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.codes: list[int | str] = []  # a text is sent as the first line of an answer that is none
        self.read: list[str] = []  # paths that were asked for by GET
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                code = webhook.codes.pop(0) if webhook.codes else 200
                if isinstance(code, str):
                    self.wfile.write(code.encode())
                    self.close_connection = True
                    return
                self.send_response(code)
                if code in REDIRECTS:
                    self.send_header("Location", "/login")
                self.end_headers()

            def do_GET(self) -> None:
                webhook.read.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/T0SECRET"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    found = Webhook()
    monkeypatch.setenv("ALERTS_WEBHOOK", found.url)
    monkeypatch.setattr(sending, "PAUSE_S", 0.0)
    yield found
    found.server.shutdown()
    found.server.server_close()


def failed(platform: Platform, job: str) -> None:
    """Have the sensor look at the latest run of a job, which failed."""
    run = platform.instance.get_runs(dg.RunsFilter(job_name=job), limit=1)[0]
    event = next(
        record.dagster_event
        for record in platform.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_FAILURE)
    )
    assert event is not None
    definition = platform.definitions.resolve_sensor_def("alerts")
    with dg.build_run_status_sensor_context(
        "alerts", dagster_event=event, dagster_instance=platform.instance, dagster_run=run
    ) as context:
        definition(context)


def test_nothing_is_sent_and_no_sensor_is_there_unless_it_is_asked_for(platform: Platform) -> None:
    assert {sensor.name for sensor in platform.definitions.sensors or ()} == {"inbox", "advance", "offline_batches"}


def test_each_failed_run_is_told_by_its_cause(
    platform: Platform, webhook: Webhook, fake_endpoint: FakeEndpoint
) -> None:
    watched = platform.but(alerts={"events": ALL})
    watched.register("b", 3)
    assert watched.run("seeds", "b") == ""
    strict = watched.but(gates={"complexity": {"min_mean": 9.9}})
    assert "min_mean" in strict.run("round_01", "b")
    failed(strict, "round_01")
    poor = watched.but(budget={"max_tokens": 1}, evolution={**EVOLUTION, "children": 3})
    assert poor.run("round_01", "b")
    failed(poor, "round_01")
    watched.register("nothing", 1)
    assert watched.run("round_01", "nothing")
    failed(watched, "round_01")

    gate, budget, other = webhook.bodies
    assert (gate["kind"], gate["owner"], gate["job"]) == ("closed_gate", "batch b", "round_01")
    assert "quality gate evolution/round_01/complexity" in gate["words"]
    assert budget["kind"] == "reached_budget"
    assert "budget" in budget["words"]
    assert (other["kind"], other["owner"]) == ("failed_run", "batch nothing")


def test_what_the_setting_does_not_name_is_not_told(platform: Platform, webhook: Webhook) -> None:
    watched = platform.but(alerts={"events": ["closed_gate"]})
    watched.register("nothing", 1)
    assert watched.run("round_01", "nothing")
    failed(watched, "round_01")

    assert webhook.bodies == []


def test_a_standstill_is_told_once(platform: Platform, webhook: Webhook) -> None:
    watched = platform.but(alerts={"events": ["stalled"], "stalled_h": 1e-9})
    watched.register("b", 2)
    look(watched, "stalled")
    assert webhook.bodies == []  # nobody has it automated

    record(watched.registry, "batch", "b", recipe_of(watched.settings, "rounds"), "a test")
    look(watched, "stalled")
    look(watched, "stalled")

    assert [body["owner"] for body in webhook.bodies] == ["batch b"]
    assert "seeds is due" in webhook.bodies[0]["words"]
    assert watched.instance.get_runs_count() == 0


def test_a_batch_that_a_command_holds_between_two_runs_does_not_stand_still(
    platform: Platform, webhook: Webhook
) -> None:
    watched = platform.but(alerts={"events": ["stalled"], "stalled_h": 1e-9})
    watched.register("b", 2)
    record(watched.registry, "batch", "b", recipe_of(watched.settings, "rounds"), "a test")

    with lease(watched.registry, "b"):
        look(watched, "stalled")
    assert webhook.bodies == []

    look(watched, "stalled")
    assert [body["owner"] for body in webhook.bodies] == ["batch b"]


def test_each_sensor_says_of_which_causes_it_tells(platform: Platform) -> None:
    watched = platform.but(alerts={"events": ALL}).definitions

    said = watched.resolve_sensor_def("alerts").description or ""

    assert "failed_run, closed_gate, reached_budget. Starts" in said


def test_no_key_and_no_address_leaves_in_a_message_or_an_error(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = load_settings({"alerts": {"events": ALL}})
    alert = Alert("failed_run", "b", f"the endpoint said: bad key {KEY}; told {webhook.url}", "round_01", "r")
    webhook.codes = [500, 503]
    send(settings, alert)
    assert len(webhook.bodies) == 3
    assert KEY not in json.dumps(webhook.bodies)
    assert "T0SECRET" not in json.dumps(webhook.bodies)

    webhook.codes = [500] * 3
    with pytest.raises(AlertError, match=r"127\.0\.0\.1 in 3 attempts \(HTTP 500\)") as told:
        send(settings, alert)
    assert "T0SECRET" not in str(told.value)


def test_slack_gets_text_alone_and_a_missing_address_is_named(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"alerts": {"events": ALL, "form": "slack"}})
    send(settings, Alert("stalled", "tree t", "it waits"))
    assert webhook.bodies == [{"text": "evergrow: stalled, tree t: it waits"}]

    for address, why in (("", "ALERTS_WEBHOOK holds no address"), ("ftp://x", "no http or https")):
        monkeypatch.setenv("ALERTS_WEBHOOK", address)
        with pytest.raises(AlertError, match=why):
            send(settings, Alert("stalled", "tree t", "it waits"))


def test_a_run_that_waits_for_a_batch_api_has_not_failed(platform: Platform, webhook: Webhook) -> None:
    watched = platform.but(alerts={"events": ALL})
    watched.register("nothing", 1)
    assert watched.run("round_01", "nothing", tags={"evergrow/awaits": "s", PARTITION_NAME_TAG: "nothing"})
    failed(watched, "round_01")

    assert webhook.bodies == []


@pytest.mark.parametrize("address", [
    "http://127.0.0.1:9/a b/T0SECRET", "http://127.0.0.1:port/T0SECRET", "http://127.0.0.1:99999/T0SECRET",
    "http://[::1/T0SECRET", "http://127.0.0.1/T0SECRET\n", "http://127.0.0.1/T0SECRET\x7f",
    "http://127.0.0.1/T0SECRET-\u00e9", "https://user:T0SECRET@127.0.0.1/x", "https:///T0SECRET", "T0SECRET",
])  # fmt: skip
def test_an_address_that_is_none_is_named_by_its_variable_and_not_shown(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS_WEBHOOK", address)
    with pytest.raises(AlertError, match=r"variable ALERTS_WEBHOOK .* holds no http or https address") as told:
        send(load_settings({"alerts": {"events": ALL}}), Alert("stalled", "tree t", "it waits"))
    assert "T0SECRET" not in str(told.value)


@pytest.mark.parametrize("answer", [
    "nonsense T0SECRET\r\n\r\n", "", "HTTP/1.1 200" + " x" * 70_000, "HTTP/1.1 two OK\r\n\r\n",
])  # fmt: skip
def test_an_answer_that_is_none_is_told_by_its_kind_alone(webhook: Webhook, answer: str) -> None:
    webhook.codes = [answer] * sending.ATTEMPTS
    with pytest.raises(AlertError, match=r"in 3 attempts \(\w+\); it said") as told:
        send(load_settings({"alerts": {"events": ALL}}), Alert("stalled", "tree t", "it waits"))
    assert "T0SECRET" not in str(told.value)


@pytest.mark.parametrize("code", REDIRECTS)
def test_a_redirect_is_not_a_delivery_and_is_not_followed(webhook: Webhook, code: int) -> None:
    webhook.codes = [code] * sending.ATTEMPTS
    with pytest.raises(AlertError, match=f"HTTP {code}"):
        send(load_settings({"alerts": {"events": ALL}}), Alert("stalled", "tree t", "it waits"))
    assert webhook.read == []


def test_one_odd_answer_keeps_nobody_else_from_being_told(platform: Platform, webhook: Webhook) -> None:
    watched = platform.but(alerts={"events": ["stalled"], "stalled_h": 1e-9})
    for batch in ("a", "b", "c"):
        watched.register(batch, 2)
        record(watched.registry, "batch", batch, recipe_of(watched.settings, "rounds"), "a test")
    webhook.codes = [200, *["nonsense\r\n\r\n"] * sending.ATTEMPTS]
    look(watched, "stalled")
    look(watched, "stalled")

    tries = [body["owner"] for body in webhook.bodies]
    assert sorted(tries) == ["batch a", *["batch b"] * 4, "batch c"]  # b: three odd answers, then one that is none


def test_a_look_that_takes_too_long_is_gone_on_with_and_nobody_is_told_twice(
    platform: Platform, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = platform.but(alerts={"events": ["stalled"], "stalled_h": 1e-9})
    for batch in ("a", "b", "c"):
        watched.register(batch, 2)
        record(watched.registry, "batch", batch, recipe_of(watched.settings, "rounds"), "a test")
    monkeypatch.setattr(sensing, "TELLING_S", -1.0)

    told = []
    for _ in range(4):
        look(watched, "stalled")
        told.append([body["owner"] for body in webhook.bodies])

    assert told == [["batch a"], ["batch a", "batch b"], *[["batch a", "batch b", "batch c"]] * 2]


def test_a_look_for_standstills_registers_nothing(platform: Platform, webhook: Webhook) -> None:
    watched = platform.but(
        alerts={"events": ["stalled"], "stalled_h": 1e-9},
        treesynth={"max_depth": 2, "shards": 1, "adherence_rows": 0},
    )
    register(watched.registry, TreeSpec("t", "customer_support", 1, 20, 42))
    watched.instance.add_dynamic_partitions(TREES_NAME, ["t"])
    shard = str(shard_partition("t", "s00"))
    for job, partition in (("tree_level_0", "t"), ("tree_level_1", "t"), ("tree_samples", shard)):
        assert watched.run(job, partition) == ""
    record(watched.registry, "tree", "t", recipe_of(watched.settings, "release"), "a test")

    look(watched, "stalled")

    assert [body["owner"] for body in webhook.bodies] == ["tree t"]
    assert "seeds is due" in webhook.bodies[0]["words"]
    assert (staged_batches(watched.registry), wish(watched.registry, "t")) == ([], None)
    assert watched.instance.get_dynamic_partitions(BATCHES_NAME) == []
    assert watched.instance.get_dynamic_partitions(RELEASES_NAME) == []


def test_what_is_done_is_looked_at_again_only_when_it_changes(
    platform: Platform, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = platform.but(alerts={"events": ["stalled"], "stalled_h": 1e-9})
    watched.register("b", 2)
    take_as_is(watched.registry, "b")
    assert watched.run("seeds", "b") == ""
    record(watched.registry, "batch", "b", recipe_of(watched.settings, "rounds"), "a test")
    looked: list[str] = []
    told = sensing.standstill

    def counted(at: Workspace, recipe: Recipe) -> tuple[float, str] | None:
        looked.append(recipe.name)
        return told(at, recipe)

    monkeypatch.setattr(sensing, "standstill", counted)

    look(watched, "stalled")
    look(watched, "stalled")
    assert looked == ["b"]

    watched.run("seeds", "b")
    look(watched, "stalled")
    assert looked == ["b", "b"]

    record(watched.registry, "batch", "b", recipe_of(watched.settings, "release"), "a test")
    look(watched, "stalled")
    look(watched, "stalled")
    assert looked == ["b"] * 4  # responses is due now: what waits is looked at each time
    assert [body["owner"] for body in webhook.bodies] == ["batch b"]


def test_a_server_that_never_ends_its_answer_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PAUSE_S", 0.0)
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("ALERTS_WEBHOOK", f"http://127.0.0.1:{server.getsockname()[1]}/")
        over = threading.Event()

        def drip() -> None:
            taken = [server.accept()[0] for _ in range(sending.ATTEMPTS)]
            for _ in range(400):  # 20 s, in which each byte comes sooner than the socket gives up
                if over.wait(0.05):
                    break
                for one in taken:
                    with suppress(OSError):
                        one.send(b"H")
            for one in taken:
                one.close()

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        with pytest.raises(AlertError, match="in 3 attempts \\(TimeoutError\\)"):
            send(load_settings(), Alert("stalled", "batch b", "words"))
        took = time.monotonic() - began
        over.set()
        dripping.join()

    assert took < 10
