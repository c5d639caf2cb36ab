"""Who works on a batch, tree or release: one holder at a time, over all processes and machines that share a database.

A lease belongs to a process. It is renewed while the process lives, and lost when the process is known to be gone, or,
on another machine, when it was not renewed for `LOST_S` seconds by the database's clock.
"""

import json
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread, main_thread
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, delete, insert, select, update

from evergrow.resources.host.processes import Process, this_host, this_process
from evergrow.resources.ledger.database import LedgerError, clock, now
from evergrow.resources.ledger.registry_schema import leases as table
from evergrow.resources.registry.owner_names import of_lease
from evergrow.resources.registry.registry import Registry, as_text

RENEW_S = 15.0
LOST_S = 60.0

log = logging.getLogger(__name__)


class BatchBusy(Exception):  # noqa: N818 - it is a state of the batch, not a fault
    """Another run holds the batch; the message names the batch, the holder's process and run, and the remedy."""


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who holds a lease: a process, the run that it works for ("" for a command), and since when (UTC).

    `living` is whether it is still there: what a dead one holds is free to be taken.
    """

    process: Process
    run: str
    since: datetime
    living: bool

    def __str__(self) -> str:
        host = self.process.host
        where = "" if host == this_host() else f" on {host.partition(' ')[0]}"
        run = f", run {self.run}" if self.run else ""
        return f"process {self.process.pid}{where}{run}, since {self.since.isoformat(timespec='seconds')}"


@contextmanager
def lease(registry: Registry, name: str, run: str = "") -> Iterator[None]:
    """Hold `name` for this process; it is free again when the process ends, however it ends.

    Args:
        registry: where the lease is written.
        name: any text.
        run: id of the run that works on it, for the message that others get.

    Raises:
        BatchBusy: another holder, in this process or another, has it.
        KeyboardInterrupt: in the main thread, where the lease was lost to another holder meanwhile.
    """
    token = _take(registry, name, run)
    end = Event()
    renewal = Thread(target=_renew, args=(registry, name, token, end), name=f"lease {name!r}", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        end.set()
        renewal.join()
        _give_back(registry, name, token)


def held(registry: Registry, name: str) -> LeaseHolder | None:
    """Who works on `name` at this moment: a run, or a command between two of its runs."""
    found = holders(registry, name).get(name)
    return found if found and found.living else None


def holders(registry: Registry, *names: str) -> dict[str, LeaseHolder]:
    """Who holds these leases, or all that there are; dead holders too, as long as nobody has taken theirs."""
    query = select(table).where(table.c.name.in_([as_text(name) for name in names])) if names else select(table)
    time = clock(registry.engine)
    return {json.loads(row.name): _holder(row, time) for row in registry.read(query)}


def _take(registry: Registry, name: str, run: str) -> str:
    token, me, key = uuid4().hex, this_process(), as_text(name)
    with registry.alone() as connection:
        time = now(connection)
        row = connection.execute(select(table).where(table.c.name == key)).one_or_none()
        if row is not None and (holder := _holder(row, time)).living:
            what = name if " " in name else "{} {!r}".format(*of_lease(name))
            raise BatchBusy(
                f"{what} is being run by {holder}: wait until it has ended, or end it; what it has paid for is kept"
            )
        connection.execute(delete(table).where(table.c.name == key))
        who = {"host": me.host, "pid": me.pid, "started": me.started, "run": run}
        connection.execute(insert(table).values(name=key, token=token, **who, since=time, renewed_at=time))
    return token


def _give_back(registry: Registry, name: str, token: str) -> None:
    try:
        with registry.alone() as connection:
            connection.execute(delete(table).where(table.c.name == as_text(name), table.c.token == token))
    except LedgerError as error:  # what was done under it is not undone by this; it ends with the process at the latest
        log.warning("the lease on %r could not be given back: %s", name, error)


def _renew(registry: Registry, name: str, token: str, end: Event) -> None:
    while not end.wait(RENEW_S):
        try:
            with registry.alone() as connection:
                mine = (table.c.name == as_text(name), table.c.token == token)
                kept = connection.execute(update(table).where(*mine).values(renewed_at=now(connection))).rowcount
        except LedgerError as error:  # the next try may succeed; until then others see when it was renewed last
            log.warning("the lease on %r could not be renewed: %s", name, error)
            continue
        if not kept and not end.is_set():
            log.error("the lease on %r was lost: this process was silent for too long, and another works on it", name)
            # So it is for what a shell has sent to the back.
            ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.pthread_kill(main_thread().ident or 0, signal.SIGTERM if ignored else signal.SIGINT)
            return


def _holder(row: Row[Any], time: float) -> LeaseHolder:
    process = Process(row.host, row.pid, row.started)
    living = not process.gone if process.host == this_host() else bool(row.renewed_at >= time - LOST_S)
    return LeaseHolder(process, row.run, datetime.fromtimestamp(row.since, UTC), living)
