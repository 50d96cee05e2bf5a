"""The jobs of the lake: what is missing is exported, what is proven may go, bars stay."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lake_database import AFTER, MONDAY, TUESDAY, WEDNESDAY, WIDTHS, everything, fill, one_tick, out
from ticks_made import settings, tick

from jobs import drop_old_ticks, export_trade_date
from thor import clock, database
from thor.errors import Broken, Unavailable
from thor.flow.drop_ticks import drop_old
from thor.lake import manifest
from thor.lake.export import coverage
from thor.lake.export.verify import verify
from thor.lake.store import Store
from thor.learning import feature_store
from thor.market.bars import refresh
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter
from thor.runtime import Stop

# Written on 5 July 2024: of a week later both dates are older than a day.
DAY = timedelta(days=1)


class Log:
    """A log that keeps its events."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def info(self, what: str, **more: Any) -> None:
        self.said.append((what, more))

    error = info


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


@pytest.fixture
def run(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[tuple[str, dict[str, Any]]]]:
    """Runs a job once, at a time long after, and returns its log."""
    monkeypatch.setattr(clock, "now", lambda: AFTER)

    def once(job: Any, **given: Any) -> list[tuple[str, dict[str, Any]]]:
        log = Log()
        asked = settings(database_url=database_url, lake_url=store.url, **given)
        job.main(asked, Stop(), log)
        return log.said

    return once


def all_bars(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {w: everything(url, f"market.bars_{w}", "symbol, bar_start") for w in WIDTHS}


def ticks_left(url: str) -> set[Any]:
    return {row[-1] for row in everything(url, "market.ticks", "1")}


def missing(url: str, store: Store, now: datetime = AFTER) -> list[Any]:
    with database.connect(url, "test") as connection:
        return coverage.missing(connection, store, now)


def test_the_check_names_closed_dates_that_the_lake_lacks(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY, TUESDAY, WEDNESDAY)
    assert missing(database_url, store) == [MONDAY, TUESDAY, WEDNESDAY]
    # Wednesday is open until a second after 17:00 in Chicago.
    close = datetime(2024, 7, 3, 22, tzinfo=UTC)
    assert missing(database_url, store, close) == [MONDAY, TUESDAY]
    out(database_url, store, MONDAY, TUESDAY)
    out(database_url, store, WEDNESDAY, symbols=("ES",))
    assert missing(database_url, store) == [WEDNESDAY]
    out(database_url, store, WEDNESDAY)
    assert missing(database_url, store) == []
    one_tick(database_url, datetime(2024, 7, 1, 15, tzinfo=UTC))
    assert missing(database_url, store) == [MONDAY]


def test_a_date_that_was_exported_open_is_missing_once_it_is_closed(
    database_url: str, store: Store
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY, now=datetime(2024, 7, 1, 21, tzinfo=UTC), allow_open=True)
    assert missing(database_url, store) == [MONDAY]


def test_the_export_job_leaves_nothing_missing_and_does_nothing_twice(
    database_url: str, store: Store, run: Callable[..., Any]
) -> None:
    fill(database_url, MONDAY, TUESDAY)
    said = run(export_trade_date)
    assert [more["trade_date"] for what, more in said] == ["2024-07-01", "2024-07-02", "None"]
    assert missing(database_url, store) == []
    assert run(export_trade_date) == []


def test_a_date_whose_bars_wait_for_late_ticks_is_missing_until_they_are_there(
    database_url: str, store: Store, run: Callable[..., Any]
) -> None:
    fill(database_url, MONDAY, TUESDAY)
    ts = datetime(2024, 7, 1, 15, tzinfo=UTC)
    with database.connect(database_url, "test") as connection:
        database.rows(connection, "mark_stale", {"ts_from": ts, "ts_to": ts + DAY / 24})
        [monday, tuesday] = out(database_url, store, MONDAY, TUESDAY)
        assert ["2024-07-01: bars wait" in why for why in monday.failed] == [True]
        assert (monday.exit_code, tuesday.failed) == (Unavailable.exit_code, [])
        # The counts agree, and yet: what is written may be of bars without the late ones.
        assert missing(database_url, store) == [MONDAY]
        with pytest.raises(Broken, match="The lake still lacks 2024-07-01"):
            run(export_trade_date)
        refresh.catch_up(connection)
        feature_store.catch_up(connection)
    # A part of what was written then does not make up for the rest.
    for part in ({"what": ("ticks",)}, {"symbols": ("ES",)}):
        [some] = out(database_url, store, MONDAY, **part)
        assert some.failed == []
        assert missing(database_url, store) == [MONDAY]
    run(export_trade_date)
    assert missing(database_url, store) == []


def test_nothing_is_dropped_without_the_setting(
    database_url: str, store: Store, run: Callable[..., Any]
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    [(said, _)] = run(drop_old_ticks)
    assert "THOR_TICKS_KEEP_DAYS is not set" in said
    assert ticks_left(database_url) == {MONDAY}


def test_proven_ticks_go_and_their_bars_stay(
    database_url: str, store: Store, run: Callable[..., Any]
) -> None:
    fill(database_url, MONDAY, TUESDAY, WEDNESDAY)
    out(database_url, store, MONDAY, TUESDAY, WEDNESDAY)
    before = all_bars(database_url)
    said = run(drop_old_ticks, ticks_keep_days=1)
    assert [more for _, more in said] == [
        {"trade_date": f"2024-07-0{n}", "ticks": 960} for n in (1, 2, 3)
    ]
    assert ticks_left(database_url) == set()
    assert all_bars(database_url) == before
    dropped = everything(database_url, "market.dropped_ranges", "trade_date")
    assert [row[0] for row in dropped] == [MONDAY, TUESDAY, WEDNESDAY]
    assert dropped[0][3] == 960
    assert str(store.url) in dropped[0][4]
    # Nothing that keeps bars right touches them, and the lake keeps what it has.
    with database.connect(database_url, "test") as connection:
        database.rows(connection, "mark_stale", {"ts_from": dropped[0][1], "ts_to": dropped[2][2]})
        refresh.catch_up(connection)
        feature_store.catch_up(connection)
        states = {one.state for one in verify(connection, store, MONDAY, kinds=("ticks", "bars"))}
    assert all_bars(database_url) == before
    assert states == {"kept", "equal"}
    assert [one.failed for one in out(database_url, store, MONDAY)] == [[]]
    assert sum(part.rows for part in manifest.known(store, MONDAY).of("ticks").values()) == 960
    assert missing(database_url, store) == []
    assert run(drop_old_ticks, ticks_keep_days=1) == []


@pytest.mark.editions("timescale")
def test_chunks_of_dropped_dates_go_whole(
    database_url: str, store: Store, run: Callable[..., Any]
) -> None:
    fill(database_url, MONDAY, TUESDAY, WEDNESDAY)
    out(database_url, store, MONDAY, TUESDAY, WEDNESDAY)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for (chunk,) in connection.execute("select show_chunks('market.ticks')::text").fetchall():
            connection.execute(f"call public.convert_to_columnstore('{chunk}')".encode())
    before = all_bars(database_url)
    run(drop_old_ticks, ticks_keep_days=1)
    assert ticks_left(database_url) == set()
    assert all_bars(database_url) == before
    with psycopg.connect(database_url) as connection:
        [(left,)] = connection.execute(
            "select count(*) from timescaledb_information.chunks where hypertable_name = 'ticks'"
        ).fetchall()
    assert left == 0


def test_a_tick_of_a_dropped_date_is_refused(
    database_url: str, store: Store, run: Callable[..., Any]
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    run(drop_old_ticks, ticks_keep_days=1)
    late = tick(ts=datetime(2024, 7, 1, 15, tzinfo=UTC))
    with database.connect(database_url, "test") as connection:
        account = TickWriter(connection, "test").write([EntryTicks("1-0", 1, 1, [late], [])])
    assert (account.inserted, account.rejected) == (0, 1)


def test_what_the_lake_does_not_prove_stays(
    database_url: str, store: Store, run: Callable[..., Any]
) -> None:
    fill(database_url, MONDAY, TUESDAY, WEDNESDAY)
    out(database_url, store, MONDAY, TUESDAY)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "update market.ticks set bid_size = 4 where symbol = 'CL' and seq = 1001"
            " and trade_date = '2024-07-01'"
        )
    with pytest.raises(Broken) as raised:
        run(drop_old_ticks, ticks_keep_days=1)
    assert f"{MONDAY} (ticks/date=2024-07-01/symbol=CL/ticks.parquet differs" in str(raised.value)
    assert "has no manifest of 2024-07-03" in str(raised.value)
    assert ticks_left(database_url) == {MONDAY, WEDNESDAY}


def test_what_was_received_since_stays(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    with database.connect(database_url, "test") as connection:
        # Its ticks were written on the 5th, whatever day they are of.
        soon = datetime(2024, 7, 6, tzinfo=UTC)
        assert list(drop_old(connection, store, DAY, soon)) == []
        late = soon + timedelta(minutes=1)
        assert [one.ticks for one in drop_old(connection, store, DAY, late)] == [960]


def test_a_late_tick_between_proof_and_drop_keeps_the_date(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)

    def proven(*given: Any, **more: Any) -> Any:
        yield from verify(*given, **more)
        one_tick(database_url, datetime(2024, 7, 1, 15, tzinfo=UTC))

    monkeypatch.setattr("thor.flow.drop_ticks.verify", proven)
    with database.connect(database_url, "test") as connection:
        [done] = drop_old(connection, store, DAY, AFTER)
    assert "came while they were verified" in done.why
    assert len(everything(database_url, "market.ticks", "1")) == 961
    assert everything(database_url, "market.dropped_ranges", "1") == []
