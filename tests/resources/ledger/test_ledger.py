import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger, LedgerError, ReplyNote
from tests.resources.ledger.support import failure, reply


def test_a_call_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    call = reply(
        request='{"text": "ünïcödé \\u0000 \\ud800"}', model_returned="m", finish_reason="stop", tokens_cached=3
    )

    assert ledger.record([call]) == [call]

    assert ledger.call(call.call_id) == call
    assert ledger.call("nowhere") is None
    assert ledger.calls([call.call_id, "nowhere"]) == {call.call_id: call}


def test_a_failed_row_gives_way_to_a_reply_and_keeps_count_of_attempts(ledger: Ledger) -> None:
    ledger.record([failure(attempts=3)])
    ledger.record([failure(attempts=2)])
    ledger.record([reply(attempts=1)])

    call = ledger.call("key-0-0")
    assert call is not None
    assert (call.attempts, call.error_class, call.error_message) == (6, None, None)
    assert ledger.costs.spent().calls == 1


def test_a_paid_reply_is_never_overwritten_and_a_second_one_keeps_its_own_row(ledger: Ledger) -> None:
    first, other, second = reply(0), reply(1), reply(0, run_id="run-2", reply='{"n": 2}')
    ledger.record([first])

    written = ledger.record([other, second, failure(0, run_id="run-3")])

    assert written[0] == other
    assert written[1].call_id.startswith("key-0-0-")
    assert ledger.call("key-0-0") == first
    assert ledger.call(written[1].call_id) == replace(second, call_id=written[1].call_id)
    assert ledger.costs.spent().usd == pytest.approx(0.75)


def test_replies_come_latest_first_and_failures_are_none(ledger: Ledger) -> None:
    old, now = time.time() - 100, time.time()
    rows = [
        reply(0, call_id="a", draw=0, answered_at=old),
        reply(0, call_id="b", draw=0, turn=1, answered_at=old),
        reply(0, call_id="c", draw=1, answered_at=now),
        failure(0, call_id="d", draw=2),
        failure(1, call_id="e"),
    ]
    ledger.record(rows)

    assert [r.call_id for r in ledger.replies(["key-0", "key-1", "key-2"])["key-0"]] == ["c", "b", "a"]
    assert [r.call_id for r in ledger.replies(["key-0"], not_before=now - 1)["key-0"]] == ["c"]
    assert ledger.draws(["key-0", "key-1"]) == {"key-0": 2}


def test_a_verdict_changes_what_is_counted_as_answered(ledger: Ledger) -> None:
    ledger.record([reply(0), reply(1)])

    ledger.annotate([ReplyNote("key-0-0", "invalid", "no JSON")])
    assert ledger.costs.grouped()["answered"].to_list() == [1]
    ledger.annotate([ReplyNote("key-0-0", None, None)])

    assert ledger.costs.grouped()["answered"].to_list() == [2]


def test_a_reply_that_is_asked_for_again_is_not_held(ledger: Ledger) -> None:
    cut, refused = (reply(n, error_class=why) for n, why in ((1, "invalid"), (2, "refused")))
    ledger.record([reply(0), cut, refused, failure(3)])

    assert [ledger.held([f"key-{n}"]) for n in range(4)] == [1, 0, 1, 0]


def test_the_way_of_structured_answers_is_remembered(ledger: Ledger) -> None:
    assert ledger.capabilities("http://x", "m") is None

    ledger.remember_capabilities("http://x", "m", "json_object")
    ledger.remember_capabilities("http://x", "m", "text")

    assert ledger.capabilities("http://x", "m") == "text"


WRITER = """
import sys
from evergrow.resources.ledger import Ledger
from tests.resources.ledger.support import reply
ledger, name = Ledger.open(sys.argv[1]), sys.argv[2]
for group in range(40):
    ledger.record([reply(group * 5 + i, run_id=name) for i in range(5)])
"""


def test_two_processes_may_write_at_once_and_no_row_is_lost_or_doubled(ledger_url: str) -> None:
    command = [sys.executable, "-c", WRITER, ledger_url]
    processes = [
        subprocess.Popen([*command, name], env={**os.environ, "PYTHONPATH": "."}) for name in ("run-a", "run-b")
    ]

    assert [process.wait() for process in processes] == [0, 0]

    ledger = Ledger.open(ledger_url)
    assert {run: ledger.costs.spent(run_id=run).calls for run in ("run-a", "run-b")} == {"run-a": 200, "run-b": 200}
    assert ledger.costs.spent().usd == pytest.approx(400 * 0.25)
    ledger.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "set ledger_url to"),
        ("mysql://root@localhost/x", "neither sqlite"),
        ("oracle://x", "neither sqlite"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/x?connect_timeout=1", "cannot be opened"),
        ("sqlite:////proc/nowhere/ledger.sqlite", "cannot be opened"),
    ],
)
def test_a_ledger_that_cannot_be_opened_is_one_clear_error_without_its_password(url: str, words: str) -> None:
    with pytest.raises(LedgerError, match=words) as error:
        Ledger.open(url)
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("these are notes\n" * 100)

    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
