"""A database is brought to today's schema with all that it holds, or refused in one sentence."""

import logging
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from evergrow.resources.ledger import Ledger, LedgerError, registry_schema, submission_schema
from evergrow.resources.ledger.database import connect
from evergrow.resources.ledger.migrations import HEAD
from evergrow.resources.ledger.schema import metadata
from tests.resources.ledger.support import reply

OPEN = "import sys; from evergrow.resources.ledger import Ledger; Ledger.open(sys.argv[1]).close()"
ROWS = 2500
assert registry_schema
assert submission_schema


def config(connection: sa.Connection | None = None) -> Config:
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", "evergrow.resources.ledger:migrations")
    return made


@pytest.fixture
def engine(ledger_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(ledger_url)
    yield engine
    engine.dispose()


@pytest.fixture
def old(engine: sa.Engine) -> sa.Engine:
    """A database of revision 1 that holds replies, one of them without a text, and a registered tree."""
    columns = [column.name for column in metadata.tables["calls"].columns if column.name != "checksum"]
    marks = ", ".join(f":{name}" for name in columns)
    with engine.begin() as connection:
        command.upgrade(config(connection), "0001")
        rows = [{name: getattr(reply(n), name) for name in columns} for n in range(ROWS)]
        rows[0] |= {"reply": None, "error_class": "timeout"}
        quoted = ", ".join(f'"{name}"' for name in columns)
        connection.execute(sa.text(f"INSERT INTO calls ({quoted}) VALUES ({marks})"), rows)
        connection.execute(sa.text("INSERT INTO trees (name, spec) VALUES ('t', '{}')"))
    return engine


def revision(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one())


def test_the_last_revision_is_the_one_that_is_asked_for() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [HEAD]


def test_an_empty_database_becomes_what_the_tables_declare(ledger_url: str) -> None:
    made = connect(ledger_url)
    with made.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    made.dispose()


def test_rows_of_revision_1_stay_and_their_replies_are_reused(old: sa.Engine, ledger_url: str) -> None:
    with closing(Ledger.open(ledger_url)) as ledger:
        assert ledger.costs.spent().calls == ROWS
        keys = [reply(n).request_key for n in range(ROWS)]
        held = ledger.replies(keys[1:])
        assert {key: [stored.reply for stored in stored] for key, stored in held.items()} == {
            reply(n).request_key: [reply(n).reply] for n in range(1, ROWS)
        }
    assert revision(old) == HEAD
    with old.connect() as connection:
        assert connection.execute(sa.text("SELECT name FROM trees")).scalar_one() == "t"
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_sqlite_database_is_backed_up_before_it_is_changed(old: sa.Engine, ledger_url: str, tmp_path: Path) -> None:
    Ledger.open(ledger_url).close()
    backups = list(tmp_path.glob("ledger.sqlite.before-*"))
    if old.dialect.name != "sqlite":
        assert backups == []
        return
    assert [path.name for path in backups] == [f"ledger.sqlite.before-{HEAD}"]
    with closing(sqlite3.connect(backups[0])) as backup:
        assert backup.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert backup.execute("SELECT count(*) FROM calls").fetchone() == (ROWS,)


def test_a_migration_that_is_killed_leaves_the_revision_that_was(old: sa.Engine, ledger_url: str) -> None:
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", OPEN, ledger_url])
        with old.connect() as connection:
            while revision(old) == "0001" and process.poll() is None:
                waiting = connection.execute(sa.text("SELECT count(*) FROM calls")).scalar_one()
                assert waiting == ROWS
                process.send_signal(signal.SIGKILL)
        process.wait()
    assert revision(old) in {"0001", HEAD}
    Ledger.open(ledger_url).close()
    assert revision(old) == HEAD


def test_processes_that_open_an_old_database_together_migrate_it_once(old: sa.Engine, ledger_url: str) -> None:
    opening = [subprocess.Popen([sys.executable, "-c", OPEN, ledger_url]) for _ in range(3)]
    assert [process.wait() for process in opening] == [0, 0, 0]
    assert revision(old) == HEAD


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", r"newer evergrow.*9999.*do not delete"),
        ("DROP TABLE alembic_version", r"before its schema had versions.*EVERGROW_HOME.*keep this one"),
    ],
)
def test_another_version_is_refused_in_one_sentence_and_not_touched(
    old: sa.Engine, ledger_url: str, before: str, words: str
) -> None:
    with old.begin() as connection:
        connection.execute(sa.text(before))
    tables = sa.inspect(old).get_table_names()

    with pytest.raises(LedgerError, match=words) as caught:
        Ledger.open(ledger_url)

    assert "\n" not in str(caught.value)
    assert sa.inspect(old).get_table_names() == tables
    assert "checksum" not in {column["name"] for column in sa.inspect(old).get_columns("calls")}


def test_a_reply_that_was_damaged_counts_as_not_there_and_is_said(
    engine: sa.Engine, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.record([reply(1), reply(2)])
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE calls SET reply = replace(reply, '8', '9') || ' ' WHERE call_id = :id"),
            {"id": reply(1).call_id},
        )
    keys = [reply(1).request_key, reply(2).request_key]

    with caplog.at_level(logging.WARNING):
        held = ledger.replies(keys)

    assert set(held) == {reply(2).request_key}
    assert f"the reply of call {reply(1).call_id} was damaged" in caplog.text
    assert ledger.draws(keys) == dict.fromkeys(keys, 1)
