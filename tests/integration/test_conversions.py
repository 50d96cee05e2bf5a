"""Chunks go to columns and back, and a reader of a snapshot misses no row."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bars_written import in_columns, run_policies, write
from lake_database import AFTER, MONDAY, TUESDAY, everything, fill, made_databases
from ticks_made import settings, tick, value, wait_for

from thor import database
from thor.database import admin
from thor.database.dump import dump, restore
from thor.flow.copy_database.run import copy
from thor.lake.export.export import export
from thor.lake.export.trade_date import Ask
from thor.lake.export.verify import verify
from thor.lake.store import Store
from thor.market.ticks.batch import EntryTicks
from thor.services.running import Endpoints

pytestmark = pytest.mark.editions("timescale")

Link = psycopg.Connection[Any]

CONVERTED = ["ticks", "_bars_1s", "_bars_1m", "_bars_5m", "_bars_1h"]
CHUNKS = """
select format('%I.%I', c.chunk_schema, c.chunk_name), c.is_compressed
from timescaledb_information.chunks as c
"""

PARTIAL = """
select count(*)
from public.show_chunks('market.ticks') as c
where 'PARTIAL' = any(_timescaledb_functions.chunk_status_text(c))
"""


def to_columns(url: str) -> None:
    """Run the conversions for real, each on a connection as a background worker has."""
    with psycopg.connect(url, autocommit=True) as link:
        run_policies(link, "compression", CONVERTED)


def to_rows(url: str) -> None:
    """Convert everything back by hand, unless a snapshot is being read."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(b"set lock_timeout = '200ms'")
        for chunk, is_compressed in link.execute(CHUNKS.encode()).fetchall():
            with suppress(psycopg.errors.LockNotAvailable), link.transaction():
                taken = value(link, "select pg_try_advisory_xact_lock(7405113)")
                if is_compressed and taken:
                    link.execute(f"call public.convert_to_rowstore('{chunk}')".encode())


def late(url: str, seq: int) -> None:
    """Write a tick of that Monday, so that the chunk is no more in columns whole."""
    one = tick(ts=datetime(2024, 7, 1, 14, 30, tzinfo=UTC), seq=seq)
    write(url, [[EntryTicks(f"{seq}-0", 10**6 + seq, 1, [one], [])]])


class ToAndFro:
    """Tries to convert everything, to and fro, wherever it is called."""

    def __init__(self, url: str) -> None:
        self.tried = 0
        self._url = url

    def __call__(self, *_: object) -> None:
        self.tried += 1
        (to_columns, to_rows)[self.tried % 2](self._url)


@pytest.fixture
def filled(database_url: str) -> str:
    """Two trade dates, in rows."""
    fill(database_url, MONDAY, TUESDAY)
    return database_url


def count(url: str) -> int:
    with psycopg.connect(url) as link:
        found: int = value(link, "select count(*) from ticks")
        return found


def in_snapshot(url: str) -> Link:
    """Begin to read one state of the database, as anybody may, without reading a tick yet."""
    link = psycopg.connect(url)
    link.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    link.execute("select count(*) from reference.series")
    return link


def test_an_export_and_its_verification_miss_nothing_while_chunks_would_be_converted(
    filled: str, tmp_path: Path
) -> None:
    store, to_and_fro, ticks = Store(str(tmp_path / "lake")), ToAndFro(filled), count(filled)
    ask = Ask(days=(MONDAY, TUESDAY), what=("ticks", "bars"))
    done = list(export(filled, store, ask, AFTER, to_and_fro))
    assert [one.failed for one in done] == [[], []]
    assert sum(one.ticks for one in done) == ticks
    for day in (MONDAY, TUESDAY):
        with database.connect(filled, "test") as link:
            states = {one.state for one in verify(link, store, day, to_and_fro)}
        assert states == {"equal"}
    assert to_and_fro.tried > 10
    # Once no older snapshot is read, they are converted.
    to_columns(filled)
    with psycopg.connect(filled) as link:
        assert in_columns(link) == 3
    assert count(filled) == ticks


def test_a_copy_misses_nothing_while_chunks_would_be_converted(
    filled: str, endpoints: Endpoints
) -> None:
    to_and_fro = ToAndFro(filled)
    with made_databases(endpoints.database_url, "timescale") as made:
        target = made()
        copied = copy(filled, target, to_and_fro)
        assert copied.is_whole
        assert count(target) == count(filled)
        columns = "ts, symbol, seq, source, last, created_at"
        for relation, order in ((f"(select {columns} from ticks)", columns), ("bars_1s", "1, 2")):
            assert everything(target, relation, order) == everything(filled, relation, order)
    assert to_and_fro.tried > 10


def test_a_dump_misses_nothing_while_chunks_would_be_converted(
    filled: str, endpoints: Endpoints, tmp_path: Path
) -> None:
    to_and_fro = ToAndFro(filled)
    file = tmp_path / "thor.dump"
    dump(filled, file, settings(), to_and_fro)
    assert to_and_fro.tried > 0
    name = f"{database.name_of(filled)}_restored"
    target = admin.beside_url(filled, name)
    try:
        restore(file, target, settings(), lambda *_: None)
        assert count(target) == count(filled)
    finally:
        with database.connect(endpoints.database_url, "test") as server:
            admin.drop(server, name)


def test_anybody_s_snapshot_sees_the_rows_of_a_chunk_that_is_converted_meanwhile(
    filled: str,
) -> None:
    ticks = count(filled)
    with in_snapshot(filled) as reader:
        to_columns(filled)
        with psycopg.connect(filled) as link:
            assert in_columns(link) == 3
        assert value(reader, "select count(*) from ticks") == ticks
        assert value(reader, "select sum(ticks) from bars_1s") == ticks


def test_late_ticks_are_added_to_columns_once_no_older_snapshot_is_read(filled: str) -> None:
    to_columns(filled)
    late(filled, 1)
    ticks = count(filled)
    with in_snapshot(filled) as reader:
        held = "select clock_timestamp() - xact_start > interval '1 second' from pg_stat_activity"
        with psycopg.connect(filled, autocommit=True) as link:
            pid = reader.info.backend_pid
            wait_for(lambda: value(link, f"{held} where pid = %s", pid), "a second of it")
        to_columns(filled)
        assert value(reader, "select count(*) from ticks") == ticks
        with psycopg.connect(filled) as link:
            assert value(link, PARTIAL) == 1
    to_columns(filled)
    with psycopg.connect(filled) as link:
        assert value(link, PARTIAL) == 0
    assert count(filled) == ticks
