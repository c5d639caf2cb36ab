"""A PostgreSQL server that is restarted, as its clients see it: every connection ends."""

import pytest
import sqlalchemy as sa

from evergrow.resources.ledger import Ledger
from evergrow.resources.ledger.database import LedgerError, connect, writing
from evergrow.resources.ledger.schema import calls
from tests.resources.ledger.support import reply


def end_connections(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(sa.text(f"{others} AND backend_type = 'client backend'"))
    engine.dispose()


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_ledger_goes_on_after_its_database_was_restarted(ledger_url: str) -> None:
    ledger = Ledger.open(ledger_url)
    ledger.record([reply(1)])

    end_connections(ledger_url)

    ledger.record([reply(2)])
    assert ledger.costs.spent().calls == 2
    ledger.close()


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_restart_amid_a_write_is_one_error_with_the_remedy_and_leaves_nothing_half_written(ledger_url: str) -> None:
    engine = connect(ledger_url)
    Ledger(engine).record([reply(1)])

    def write() -> None:
        with writing(engine) as connection:
            connection.execute(sa.delete(calls))
            end_connections(ledger_url)
            connection.execute(sa.delete(calls))

    with pytest.raises(LedgerError, match="run again: what is saved is not asked twice"):
        write()

    assert Ledger(engine).costs.spent().calls == 1
    engine.dispose()
