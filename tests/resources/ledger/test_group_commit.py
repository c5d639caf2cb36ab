import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from evergrow.resources.ledger import Call, GroupCommit, Ledger, ReplyNote
from tests.resources.ledger.support import reply


def test_rows_are_durable_when_the_loop_hears_of_them(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    seen: list[str] = []

    async def write() -> None:
        committer = GroupCommit(ledger, lambda error: pytest.fail(str(error)))

        def check(call: Call) -> None:
            row = ledger.call(call.call_id)
            seen.append(call.call_id if row and row.reply == call.reply else "not there")

        for number in range(50):
            committer.submit(reply(number), check)
        committer.annotate(ReplyNote("key-7-0", "invalid", "no JSON"))
        await committer.close()
        await asyncio.sleep(0)

    asyncio.run(write())

    assert seen == [f"key-{number}-0" for number in range(50)]
    assert ledger.costs.grouped()["answered"].to_list() == [49]
    ledger.close()


FULL_DISK = """
import asyncio, resource, sys
from evergrow.resources.ledger import GroupCommit, Ledger, LedgerError
from tests.resources.ledger.support import reply

async def main():
    ledger, errors, written = Ledger.open(sys.argv[1]), [], []
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    committer = GroupCommit(ledger, errors.append)
    for number in range(2000):
        committer.submit(reply(number, reply="x" * 4000), written.append)
        await asyncio.sleep(0.0005)
        if errors:
            break
    await committer.close()
    assert len(errors) == 1 and isinstance(errors[0], LedgerError), errors
    assert ledger.costs.spent().calls == len(written) > 50, (ledger.costs.spent(), len(written))
    print(errors[0])
asyncio.run(main())
"""


def test_a_full_disk_is_one_error_with_the_remedy_and_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, f"sqlite:///{tmp_path / 'ledger.sqlite'}"]
    result = subprocess.run(command, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert "ledger.sqlite cannot be written" in result.stdout
    assert "then repeat the command: what was saved stays" in result.stdout
