"""Between any two steps a process may be killed: nothing is handed in twice, nothing is lost, nothing is paid twice."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger, State
from evergrow.resources.llm import Answered, EndpointError
from tests.conftest import ROOT, FakeEndpoint
from tests.resources.llm.batch_api.support import batch_settings, goes_on, look, waits
from tests.resources.llm.support import ledger_at

PROGRAM = """
import sys
from evergrow.resources.ledger import Ledger
from tests.resources.llm.batch_api.support import batch_settings, step
print(step(batch_settings({"base_url": sys.argv[1], "timeout_s": 60}), Ledger.open(sys.argv[2]), 6))
"""


def killed_when(endpoint: FakeEndpoint, ledger: Path, seen: str) -> None:
    """Run the step in a process, and kill it once the endpoint has seen something."""
    command = [sys.executable, "-c", PROGRAM, endpoint.url, f"sqlite:///{ledger}"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not endpoint.stats()["batch"][seen]:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    ("hang", "left", "uploads"),
    [("upload", State.DRAFT, 2), ("create", State.UPLOADED, 1)],
)
def test_a_process_killed_in_the_middle_of_handing_in_hands_nothing_in_twice(
    fake_endpoint: FakeEndpoint, tmp_path: Path, hang: str, left: State, uploads: int
) -> None:
    fake_endpoint.control(batch_hang=hang, batch_page=1)
    killed_when(fake_endpoint, tmp_path / "ledger.sqlite", {"upload": "uploads", "create": "batches"}[hang])
    fake_endpoint.control(batch_hang="")
    ledger = ledger_at(tmp_path)
    assert [s.state for s in ledger.submissions.find(tuple(State))] == [left]

    chosen = batch_settings()
    waiting = waits(chosen, ledger, 6)
    assert [s.requests for s in waiting.submissions] == [6]
    look(chosen, ledger)
    assert len(goes_on(chosen, ledger, 6).of(Answered)) == 6
    stats = fake_endpoint.stats()["batch"]
    assert (stats["batches"], stats["uploads"], stats["repeated_lines"]) == (1, uploads, 0)
    ledger.close()


def test_a_batch_that_was_made_though_no_answer_came_is_found_again(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    fake_endpoint.control(batch_drop={"create": 1})
    waits(batch_settings(), ledger, 3)
    assert fake_endpoint.stats()["batch"]["batches"] == 1


def test_a_poll_finds_a_batch_whose_making_was_cut_off(fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    fake_endpoint.control(batch_hang="create")
    killed_when(fake_endpoint, tmp_path / "ledger.sqlite", "batches")
    fake_endpoint.control(batch_hang="")
    ledger = ledger_at(tmp_path)
    (seen,) = look(batch_settings(), ledger)
    assert (seen.submission.state, seen.submission.completed) == (State.FETCHED, 6)
    assert len(goes_on(batch_settings(), ledger, 6).of(Answered)) == 6
    ledger.close()


def test_an_uploaded_file_without_a_batch_is_handed_in_by_the_next_run(
    fake_endpoint: FakeEndpoint, ledger: Ledger
) -> None:
    chosen = batch_settings()
    fake_endpoint.control(batch_refuse={"create": 503})
    error = goes_on(chosen, ledger, 3).error
    assert isinstance(error, EndpointError)
    (seen,) = look(chosen, ledger)
    assert "no batch was made of it: run again" in seen.fault
    fake_endpoint.control(batch_refuse={})
    waits(chosen, ledger, 3)
    stats = fake_endpoint.stats()["batch"]
    assert (stats["uploads"], stats["batches"]) == (1, 1)


def test_fetching_again_after_a_kill_pays_nothing_twice(fake_endpoint: FakeEndpoint, ledger: Ledger) -> None:
    chosen = batch_settings()
    (submission,) = waits(chosen, ledger, 5).submissions
    lines = next(ledger.submissions.pages(submission.submission_id))
    look(chosen, ledger)
    spent = ledger.costs.spent()
    # As a kill leaves it between the replies' commit and the lines': replies are durable, lines are still open.
    ledger.submissions.discard(submission.submission_id)
    done = ledger.call(lines[0].call_id)
    assert done is not None
    ledger.submissions.begin(replace(submission, requests=0))
    ledger.submissions.add(submission.submission_id, lines)
    ledger.submissions.change(
        submission.submission_id, state=State.FINISHED, finished_at=done.answered_at, status="completed",
        output_file_id="file-out-1",
    )  # fmt: skip
    look(chosen, ledger)
    assert ledger.costs.spent() == spent
    assert len(goes_on(chosen, ledger, 5).of(Answered)) == 5
