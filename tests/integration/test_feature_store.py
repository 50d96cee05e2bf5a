"""Stored features: made as bars close, right after any change, and after a kill at any step."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import psycopg
import pytest
from features_made import (
    WIDTHS,
    differences,
    fill_store,
    into_duckdb,
    made_bars,
    out_of_step,
    put_bars,
    put_market,
    put_sessions,
    put_ticks,
)
from ticks_made import value

from thor import database
from thor.flow import build_features
from thor.learning import feature_store
from thor.market.bars import refresh

# Where triggers, late ticks and aggregates matter; all else is the same text on both.
BOTH = pytest.mark.editions("plain", "timescale")
Link = psycopg.Connection[Any]
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
SYMBOLS = ("ES", "NQ", "GC")
BARS = 700
Copied = Callable[[str], AbstractContextManager[str]]
EVERY = 10**12
MINUTE = timedelta(minutes=1)


def renew_late(link: Link, ts_from: datetime, ts_to: datetime) -> None:
    """Bring the bars of late ticks in step; on timescale their writer records the range."""
    link.execute(
        "insert into market.bars_to_refresh (ts_from, ts_to)"
        " select %s, %s from ops.edition where edition = 'timescale'",
        [ts_from, ts_to],
    )
    refresh.catch_up(link)


def waiting(link: Link) -> int:
    """Return how many ranges are to be made."""
    return int(value(link, "select count(*) from store.features_to_refresh"))


def build_all(link: Link, rows_max: int = 1000) -> list[build_features.Slice]:
    """Build all that is long, then make what is short."""
    done = [*build_features.build(link, rows_max=rows_max)]
    feature_store.catch_up(link, rows_max=EVERY)
    return done


@pytest.fixture(scope="module")
def bare(kept_url: str) -> str:
    """A database with bars of three series at three widths, nothing made of them."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        put_sessions(link, ("CME_EQUITY", "CME_METALS"))
        for width in WIDTHS:
            for symbol in SYMBOLS:
                put_bars(link, made_bars(5, symbol, width, BARS))
    return kept_url


@pytest.fixture(scope="module")
def filled(bare: str, copied: Copied) -> Iterator[str]:
    """The same, with every row made."""
    with copied(bare) as url:
        with psycopg.connect(url, autocommit=True) as link:
            fill_store(link)
        yield url


@pytest.fixture
def url(filled: str, copied: Copied) -> Iterator[str]:
    """A copy of the filled one for one test."""
    with copied(filled) as found:
        yield found


@pytest.fixture
def link(url: str) -> Iterator[Link]:
    """A connection to it in autocommit."""
    with psycopg.connect(url, autocommit=True) as found:
        yield found


@BOTH
def test_what_is_stored_is_what_the_families_compute(database_url: str, copied: Copied) -> None:
    with psycopg.connect(database_url, autocommit=True) as link:
        put_market(link, 400)
        refresh.catch_up(link)
        assert waiting(link) > 0
    with copied(database_url) as other, duckdb.connect() as lake:
        for url in (database_url, other):
            with psycopg.connect(url, autocommit=True) as link:
                fill_store(link) if url == database_url else build_all(link, rows_max=2000)
                assert waiting(link) == 0
                for width in WIDTHS:
                    if url == database_url:
                        whole = f"select * from feat.matrix('{width}', null, null, null)"
                        into_duckdb(link, lake, whole, f"computed_{width}")
                    count = f"select count(*) from market.bars_{width} where close is not null"
                    rows = f"select count(*) from feat.matrix_{width}"
                    assert value(link, rows) == value(link, count) > 400
                    into_duckdb(link, lake, f"select * from feat.matrix_{width}", "stored")
                    assert differences(lake, f"computed_{width}", "stored", 2e-9) == []


CHANGES = {
    "changed": (
        "update market.bars_imported set close = close * 1.01, high = high * 1.02,"
        " volume = coalesce(volume, 0) + 1000 where symbol = %s and width = %s and bar_start = %s"
    ),
    "gone": "delete from market.bars_imported where symbol = %s and width = %s and bar_start = %s",
}


@pytest.mark.parametrize("seed", range(3))
def test_a_bar_that_changes_makes_all_right_that_looks_back_on_it(link: Link, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        width, symbol = chance.choice([*WIDTHS]), chance.choice(SYMBOLS)
        # Old enough for all that looks back on it to be more than is made at once.
        query = (
            f"select bar_start from market.bars_{width} where symbol = %s "
            "order by bar_start offset %s limit 1"
        )
        bar_start = value(link, query, symbol, chance.randrange(100, 650))
        how = chance.choice([*CHANGES])
        link.execute(CHANGES[how].encode(), (symbol, width, bar_start))
        done = feature_store.catch_up(link)
        assert done.changed > 20, (symbol, width, bar_start, how)
        assert waiting(link) == 0
        assert out_of_step(link, FIRST, LAST) == {}, (symbol, width, bar_start, how)


def test_a_bar_that_comes_between_others_changes_those_after_it(link: Link) -> None:
    hole = "select bar_start from market.bars_1m where symbol = 'ES' order by 1 offset 500 limit 1"
    at = value(link, hole)
    row = link.execute(
        "delete from market.bars_imported where symbol = 'ES' and width = '1m' and bar_start = %s"
        " returning *",
        [at],
    ).fetchone()
    fill_store(link)
    link.execute(
        f"insert into market.bars_imported values ({', '.join(['%s'] * len(row or ()))})", row
    )
    assert feature_store.catch_up(link).added == 1
    assert out_of_step(link, FIRST, LAST) == {}


@BOTH
def test_a_session_that_changes_changes_its_context_alone(link: Link) -> None:
    link.execute(
        "update reference.sessions set close_at = close_at - interval '1 hour' where calendar ="
        " 'CME_EQUITY' and trade_date = '2024-03-06'"
    )
    assert waiting(link) > 0
    done = feature_store.catch_up(link, rows_max=EVERY)
    assert done.changed > 100
    assert done.added == done.removed == 0
    assert out_of_step(link, FIRST, LAST) == {}


def test_a_file_of_long_history_is_built_and_right_all_over(link: Link) -> None:
    put_bars(link, made_bars(9, "ZB", "1m", 1500))
    put_bars(link, made_bars(9, "HG", "1m", 1500))
    link.execute("delete from market.bars_imported where symbol = 'ES' and width = '1m'")
    put_bars(link, made_bars(8, "ES", "1m", 900))
    done = build_all(link)
    assert sum(one.kept.added for one in done) >= 3000
    assert waiting(link) == 0
    assert out_of_step(link, FIRST, LAST) == {}


def test_a_build_again_changes_nothing_to_the_digit(link: Link) -> None:
    sums = "select sum(hashtextextended(f::text, 0)::numeric) from store.features_1m as f"
    before = value(link, sums)
    build_features.ask(link, [*WIDTHS], FIRST, LAST)
    done = build_all(link)
    assert {one.width for one in done} == set(WIDTHS)
    assert [one.kept.changed + one.kept.added + one.kept.removed for one in done] == [0] * len(done)
    assert value(link, sums) == before


def now_ticks(link: Link, start: datetime, seq: int, price: int) -> list[tuple[Any, ...]]:
    """Return twenty ticks of ES in the seconds after an instant."""
    return [
        (
            *(start + timedelta(seconds=number), "ES", seq + number, "SIM", price + number),
            *(price - 1, price + 1, 5, 6, "B", 2, True, False),
            start + timedelta(seconds=number),
        )
        for number in range(20)
    ]


@BOTH
def test_what_was_usable_and_changed_is_kept_as_it_was(link: Link) -> None:
    minute = value(link, "select date_trunc('minute', now()) - interval '3 minutes'")
    for number in range(3):
        put_ticks(link, now_ticks(link, minute - (2 - number) * MINUTE, number * 100, 5000))
    renew_late(link, minute - 2 * MINUTE, minute + MINUTE)
    fill_store(link)
    shown = "select return_1 from feat.matrix_1m where symbol = 'ES' and bar_start = %s"
    first = value(link, shown, minute)
    seen_at = value(link, "select clock_timestamp()")
    put_ticks(link, now_ticks(link, minute + timedelta(seconds=30), 900, 5100))
    renew_late(link, minute, minute + MINUTE)
    assert feature_store.catch_up(link, rows_max=EVERY).changed >= 1
    second = value(link, shown, minute)
    assert second != first
    before = "select count(*) from store.features_1m_before where symbol = 'ES' and return_1 = %s"
    assert value(link, before, first) == 1
    as_of = (
        "select return_1, is_rebuilt from feat.matrix_as_of('1m', array['ES'], %s, %s, %s)"
        " where bar_start = %s"
    )
    for moment, expected in (
        (seen_at, (first, False)),
        (value(link, "select clock_timestamp()"), (second, False)),
        (minute + timedelta(seconds=62), (first, True)),
    ):
        found = link.execute(as_of.encode(), (minute, minute + MINUTE, moment, minute)).fetchall()
        assert found == [expected], moment
    early = (minute, minute + MINUTE, minute + timedelta(seconds=60), minute)
    assert link.execute(as_of.encode(), early).fetchall() == []


@BOTH
def test_a_clock_that_passes_a_bar_s_end_closes_it(connection: Link) -> None:
    minute = value(connection, "select date_trunc('minute', now()) + interval '1 minute'")
    clock = (
        "insert into market.source_clocks (source, ts) values ('SIM', %s)"
        " on conflict (source) do update set ts = excluded.ts, changed_at = now()"
    )
    connection.execute(clock.encode(), [minute + timedelta(seconds=30)])
    put_ticks(connection, now_ticks(connection, minute, 0, 5000))
    assert feature_store.catch_up(connection).added == 0
    assert value(connection, "select count(*) from store.features_1m") == 0
    # Its end is not its known_at.
    connection.execute(clock.encode(), [minute + timedelta(seconds=60.5)])
    assert feature_store.catch_up(connection).added == 0
    connection.execute(clock.encode(), [minute + timedelta(seconds=61)])
    assert waiting(connection) >= 1
    # The minute may be the last of five, or of an hour.
    assert feature_store.catch_up(connection).added >= 1
    assert value(connection, "select count(*) from store.features_1m") == 1
    assert waiting(connection) == 0
    latest = "select count(*) from feat.latest('1m', %s, array['ES'])"
    assert value(connection, latest, minute + timedelta(seconds=60.9)) == 0
    assert value(connection, latest, minute + timedelta(seconds=61)) == 1
    assert value(connection, "select count(*) from feat.latest('1m', 'infinity', '{}')") == 0


@BOTH
def test_ticks_of_a_transaction_under_way_at_the_close_are_found_by_the_sweep(
    database_url: str, connection: Link
) -> None:
    minute = value(connection, "select date_trunc('minute', now()) - interval '2 minutes'")
    put_ticks(connection, now_ticks(connection, minute, 0, 5000))
    renew_late(connection, minute, minute + MINUTE)
    fill_store(connection)
    connection.execute(
        "insert into market.source_clocks (source, ts) values ('SIM', %s)",
        [minute + timedelta(seconds=90)],
    )
    fill_store(connection)
    with psycopg.connect(database_url) as other:
        put_ticks(other, now_ticks(other, minute + timedelta(seconds=25), 500, 5050))
        # As if its range were lost: what the sweep goes by is the count of ticks.
        other.execute("delete from store.features_to_refresh")
        feature_store.catch_up(connection)
        other.commit()
    renew_late(connection, minute, minute + MINUTE)
    connection.execute("delete from store.features_to_refresh")
    # That of five minutes too where it has closed meanwhile.
    assert feature_store.sweep(connection).changed >= 1
    assert feature_store.sweep(connection).changed == 0


class Killed(BaseException):
    """The process ended here, and with it its connection."""


STEPS = (
    "lock_features", "small_feature_ranges", "feature_rows_after", "keep_features",
    "forget_feature_ranges", "large_feature_ranges", "join_feature_ranges", "features_reached",
    "add_feature_range", "feature_range_reached", "begin_feature_build", "merge_feature_build",
    "end_feature_build", "cut_feature_range",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_keeper_killed_at_any_step_leaves_it_to_the_next(
    url: str, link: Link, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Something to keep, and something to build.
    link.execute(
        "update market.bars_imported set close = low where symbol = 'GC' and width = '5m'"
        " and bar_start = (select bar_start from market.bars_5m where symbol = 'GC'"
        " order by 1 offset 600 limit 1)"
    )
    for symbol in ("NQ", "ES"):
        link.execute(
            "update market.bars_imported set close = low where symbol = %s and width = '1m'"
            " and bar_start < '2024-03-08'", [symbol],
        )  # fmt: skip
    rows = database.rows
    hits = 0

    def killing(connection: Any, name: str, values: Any = None) -> Any:
        nonlocal hits
        found = rows(connection, name, values)
        if name == step:
            hits += 1
            connection.close()
            raise Killed
        return found

    for work in (
        lambda own: feature_store.catch_up(own, rows_max=400),
        lambda own: [*build_features.build(own, rows_max=400)],
    ):
        with psycopg.connect(url, autocommit=True) as own, monkeypatch.context() as patch:
            patch.setattr(database, "rows", killing)
            patch.setattr(database.connection, "rows", killing)
            try:
                work(own)
            except Killed:
                assert own.closed
    assert hits, f"nothing asks {step}"
    build_all(link, rows_max=400)
    assert waiting(link) == 0
    assert out_of_step(link, FIRST, LAST) == {}


@BOTH
def test_two_keepers_at_once_do_the_work_once(bare: str, copied: Copied) -> None:
    begin = threading.Barrier(2)

    with copied(bare) as url, psycopg.connect(url, autocommit=True) as link:

        def keep(_: int) -> feature_store.Kept:
            with psycopg.connect(url, autocommit=True) as own:
                begin.wait(60)
                return feature_store.catch_up(own, rows_max=EVERY)

        with ThreadPoolExecutor(2) as pool:
            done = [*pool.map(keep, range(2))]
        bars = sum(value(link, f"select count(*) from market.bars_{width}") for width in WIDTHS)
        assert sum(one.added for one in done) == bars
        assert waiting(link) == 0
        assert out_of_step(link, FIRST, LAST) == {}


def test_new_sql_of_a_family_is_noted_and_a_new_comment_is_not() -> None:
    from thor.database.schema import SqlFile, family_texts

    def texts(body: str) -> dict[str, str]:
        return family_texts([
            SqlFile("50_features/503_bars.sql", "-- a\nselect 1;", {}),
            SqlFile("50_features/510_returns.sql", body, {}),
        ])  # fmt: skip

    before = texts("-- words\nselect\n    2;\ncomment on function f is\n    'a';")
    assert set(before) == {"returns"}
    assert texts("-- other words\nselect 2;\ncomment on function f is\n    'b';") == before
    assert texts("select 3;") != before
