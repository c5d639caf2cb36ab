"""How limits are divided among engines that share them, on both kinds of database."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from evergrow.resources.host.processes import Process, process_of, this_process
from evergrow.resources.ledger import NOTHING, Amount, BlockHolder, Charge, Claim, Ledger, Rows
from tests.command import until
from tests.resources.ledger.support import reply

LEASE_S = 60.0


def holder(process: Process | None = None) -> BlockHolder:
    return BlockHolder(uuid4().hex, process or this_process())


def claim(ledger: Ledger, short: int, max_tokens: int | None = 8000, max_usd: float | None = None) -> Claim:
    wanted = Amount(short, short / 1000 if max_usd else 0.0)
    return Claim("month", max_tokens, max_usd, wanted, lambda: ledger.costs.spent_on(Rows()).amount)


def test_a_block_is_an_eighth_of_what_is_left_or_what_is_short_or_all_there_is(ledger: Ledger) -> None:
    first, second, third = holder(), holder(), holder()

    taken = ledger.reservations.take(first, [claim(ledger, 10)], LEASE_S)
    large = ledger.reservations.take(second, [claim(ledger, 5000)], LEASE_S)
    rest = ledger.reservations.take(third, [claim(ledger, 5000)], LEASE_S)

    assert taken.anew
    assert [t.grants[0].added.tokens for t in (taken, large, rest)] == [1000, 5000, 2000]
    assert rest.grants[0].others.tokens == 6000
    assert ledger.reservations.held("month").tokens == 8000
    assert ledger.reservations.held("another") == NOTHING


def test_limits_in_money_and_without_tokens_are_divided_alike(ledger: Ledger) -> None:
    taken = ledger.reservations.take(holder(), [claim(ledger, 10, None, 8.0)], LEASE_S)
    rest = ledger.reservations.take(holder(), [claim(ledger, 9000, None, 8.0)], LEASE_S)

    assert taken.grants[0].added == Amount(0, 1.0)
    assert rest.grants[0].added.usd == pytest.approx(7.0)


def test_what_is_written_is_taken_off_the_block_in_the_same_moment(ledger: Ledger) -> None:
    mine = holder()
    ledger.reservations.take(mine, [claim(ledger, 100)], LEASE_S)

    ledger.record([reply(0, tokens_in=300, tokens_out=100)], Charge(mine.id, Amount(400, 0.25)))
    again = ledger.reservations.take(mine, [claim(ledger, 0)], LEASE_S)

    assert again.grants[0].spent.tokens == 400
    assert again.grants[0].block.tokens == 600 + (8000 - 1000) // 8
    assert not again.anew


def test_blocks_are_free_when_given_back_or_not_renewed(ledger: Ledger) -> None:
    released, expired, renewed = holder(), holder(), holder()
    for each in (released, expired):
        ledger.reservations.take(each, [claim(ledger, 3000)], 1.0)
    ledger.reservations.take(renewed, [claim(ledger, 1000)], 1.0)
    ledger.reservations.release(released)
    assert ledger.reservations.renew(renewed, LEASE_S)

    until(lambda: ledger.reservations.held("month").tokens == 1000, lambda: "the block never expired")

    assert ledger.reservations.take(holder(), [claim(ledger, 7000)], LEASE_S).grants[0].added.tokens == 7000
    assert not ledger.reservations.renew(expired, LEASE_S)
    assert ledger.reservations.take(expired, [claim(ledger, 10)], LEASE_S).anew


def test_blocks_of_a_dead_process_of_this_host_are_free_at_once_and_of_other_hosts_are_not(ledger: Ledger) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = process_of(child.pid)
    there = Process("elsewhere", child.pid, here.started)
    for process in (here, there):
        ledger.reservations.take(holder(process), [claim(ledger, 3000)], LEASE_S)
    assert ledger.reservations.held("month").tokens == 6000

    child.kill()

    # Until the kernel has ended it; it need not be waited for.
    until(lambda: ledger.reservations.held("month").tokens == 3000, lambda: "the dead process holds its block", 0.01)
    assert ledger.reservations.take(holder(), [claim(ledger, 8000)], LEASE_S).grants[0].added.tokens == 5000
    child.communicate()


def test_a_number_that_another_process_has_by_now_keeps_no_block(ledger: Ledger) -> None:
    me = this_process()
    ledger.reservations.take(holder(Process(me.host, me.pid, "0")), [claim(ledger, 3000)], LEASE_S)

    assert ledger.reservations.held("month") == NOTHING


def test_blocks_taken_at_the_same_moment_never_exceed_the_limit(ledger: Ledger) -> None:
    def take(number: int) -> int:
        mine = holder()
        got = 0
        for step in range(5):
            got += ledger.reservations.take(mine, [claim(ledger, 700)], LEASE_S).grants[0].added.tokens
            row = reply(10 * number + step, tokens_in=90, tokens_out=10)
            ledger.record([row], Charge(mine.id, Amount(100, 0.0)))
        return got

    with ThreadPoolExecutor(4) as pool:
        got = sum(pool.map(take, range(4)))

    spent = ledger.costs.spent().tokens
    assert spent == 2000
    assert got == spent + ledger.reservations.held("month").tokens <= 8000
    assert got > 7900
