"""A query of a few instants reads the chunks of their ticks and bars, not every chunk."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from bars_written import Stream, caught_up, in_columns, run_policies, write
from ticks_made import account, tick

from thor import database
from thor.domain.tick import Tick
from thor.market.ticks.batch import COLUMN_TYPES, EntryTicks, columns
from thor.market.ticks.writer import TickWriter

Link = psycopg.Connection[Any]

DAYS = 6
FIRST = datetime(2023, 7, 10, 0, 0, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
# An hour of one of the days in between, in which it has ticks.
# And a tick in each of the months long before.
MONTHS = [FIRST - timedelta(days=1000 + 30 * n) for n in range(8)]
START, END = FIRST + 3 * DAY + HOUR, FIRST + 3 * DAY + 2 * HOUR
SPAN = {"ts_from": START, "ts_to": END}
ENDS = {"first": START, "last": END}
WANTED = {"symbols": ["ES"], "first_ts": [START], "last_ts": [END]}
STATEMENTS: dict[str, dict[str, Any]] = {
    "merge_stage": {**ENDS, "symbols": ["CL", "ES", "NQ"]},
    "conflicting_stage": {**ENDS, "symbols": ["CL", "ES", "NQ"]},
    "source_counts": {**ENDS, "symbols": ["ES", "NQ"], "source": "SIM"},
    "overlapping_ticks": {**WANTED, "source": "EXCEL"},
    "bars_without_ticks": SPAN,
    "lake_ticks": {**SPAN, "symbols": None},
    "delete_ticks": SPAN,
}


def known(day: int) -> list[Tick]:
    """Return the ticks of an hour of a day."""
    return [
        tick(
            symbol=("ES", "NQ", "CL")[n % 3], ts=FIRST + day * DAY + HOUR + n * 9 * SECOND, seq=n,
            last=Decimal(20_000 + n % 37) / 4, volume_delta=1,
        )
        for n in range(300)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def six_days(kept_url: str) -> Iterator[Link]:
    """Six days of ticks, in columns, without statistics as they are just after a replay."""
    stream = Stream()
    with psycopg.connect(kept_url, autocommit=True) as link:
        for day in range(DAYS):
            write(kept_url, [[stream.entry(known(day))]])
        write(kept_url, [[stream.entry([tick(ts=ts, seq=n) for n, ts in enumerate(MONTHS)])]])
        caught_up(link)
        run_policies(link, "compression", ["ticks"])
        assert in_columns(link) == DAYS + len(MONTHS)
        yield link


def chunks_read(link: Link, name: str, values: Mapping[str, Any]) -> set[str]:
    """Return the chunks of the ticks that a statement reads when it runs."""
    text = f"explain (analyze, costs off, format json) {database.statement(name)}"
    with link.cursor() as cursor:
        found = cursor.execute(text.encode(), values).fetchone()
    assert found is not None
    read, nodes = set(), [one["Plan"] for one in found[0]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        relation = str(node.get("Relation Name", ""))
        if relation.startswith("_hyper_1_") and node.get("Actual Loops", 0):
            read.add(relation.removesuffix("_compressed"))
    return read


@pytest.mark.editions("timescale")
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_about_an_hour_reads_the_chunk_of_that_hour_only(
    six_days: Link, name: str
) -> None:
    with six_days.transaction(force_rollback=True):
        six_days.execute(database.statement("create_stage").encode())
        with (
            six_days.cursor() as cursor,
            cursor.copy(database.statement("copy_stage").encode()) as copy,
        ):
            copy.set_types(COLUMN_TYPES)
            for one in known(3):
                copy.write_row(columns(one))
        assert len(chunks_read(six_days, name, STATEMENTS[name])) == 1


@pytest.mark.editions("timescale")
@pytest.mark.parametrize("width", ["1m", "5m", "1h"])
def test_features_of_a_minute_read_no_chunk_of_years_before(six_days: Link, width: str) -> None:
    asked = "select count(*) from feat.matrix(%s::text, array['ES'], %s, %s)"
    # What this transaction has scanned, once what came before it is counted elsewhere.
    six_days.execute("select pg_stat_force_next_flush()")
    scanned = (
        "select count(*)"
        " from pg_stat_xact_all_tables as t inner join timescaledb_information.chunks as c"
        " on t.relid = format('%%I.%%I', c.chunk_schema, c.chunk_name)::regclass"
        " where coalesce(t.seq_scan, 0) + coalesce(t.idx_scan, 0) > 0 and c.range_end < %s"
    )
    with six_days.transaction():
        found = six_days.execute(asked, (width, START, END)).fetchone()
        old = six_days.execute(scanned, (MONTHS[0] + 60 * DAY,)).fetchone()
    assert (found is not None and found[0] > 0, old) == (True, (0,))


def pairs(link: Link, name: str, values: Mapping[str, Any]) -> int:
    """Return how many pairs of rows a statement's joins throw away when it runs."""
    text = f"explain (analyze, format json) {database.statement(name)}"
    with link.cursor() as cursor:
        found = cursor.execute(text.encode(), values).fetchone()
    assert found is not None
    thrown, nodes = 0, [one["Plan"] for one in found[0]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        thrown += node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"]
    return int(thrown)


@pytest.mark.editions("plain", "timescale")
def test_known_ticks_are_not_compared_with_every_other_before_statistics_exist(
    database_url: str, connection: Link, edition: str
) -> None:
    count = 2000
    ticks = [tick(ts=FIRST + n * SECOND / 1000, seq=n) for n in range(count)]
    write(database_url, [[Stream().entry(ticks)]])
    values = {"first": ticks[0].ts, "last": ticks[-1].ts, "symbols": ["ES"]}
    compared = []
    with connection.transaction(force_rollback=True):
        connection.execute(database.statement("create_stage").encode())
        with (
            connection.cursor() as cursor,
            cursor.copy(database.statement("copy_stage").encode()) as copy,
        ):
            copy.set_types(COLUMN_TYPES)
            for one in ticks:
                copy.write_row(columns(one))
        compared.append(pairs(connection, "merge_stage", values))
        if edition == "timescale":
            connection.execute(database.statement("avoid_nested_loops").encode())
            compared.append(pairs(connection, "conflicting_stage", values))
        else:
            compared.append(pairs(connection, "conflicting_rows", values))
    assert max(compared) <= count
    again = TickWriter(connection, "ingest").write([EntryTicks("9-0", 10**6, count, ticks, [])])
    assert (again.inserted, again.duplicate) == (0, count)


def test_a_batch_of_distant_instants_is_compared_with_stored_ticks(
    database_url: str, connection: Link
) -> None:
    # One tick a month of 30 years: more parts than one looks for, and each was there before.
    months = [
        tick(ts=datetime(1990 + n // 12, n % 12 + 1, 1, 12, tzinfo=UTC), seq=n) for n in range(360)
    ]
    stream = Stream()
    write(database_url, [[stream.entry(months)]])
    again = [*months[:-1], tick(ts=months[-1].ts, seq=359, last=Decimal("1.25")), tick(seq=999)]
    store = TickWriter(connection, "ingest")
    written = store.write([stream.entry(again)])
    assert (written.inserted, written.duplicate, written.rejected) == (1, 359, 1)
    assert account(connection)[1:] == (361, 359, 1)
