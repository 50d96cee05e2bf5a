"""A vendor's bars in the database: every value, all of a file or nothing, and only once."""

import io
import json
import shutil
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
import pytest
import redis
from bars_made import START, bars_file, ohlcv, ohlcv_head, row, rows, write_dbn
from command import Command, Result
from ticks_made import inject, many, take_in, tick, value, written
from ticks_made import rows as selected

from thor.domain.instrument import Instrument
from thor.errors import NotFound, Refused, Rejected, ThorError
from thor.flow.import_bars import Imported, import_bars
from thor.flow.replay import admit, replay
from thor.market.bus.client import Bus
from thor.market.collect.files.bar_tape import open_bars
from thor.reference import instruments
from thor.runtime import Stop

# Where computed bars or locks matter; imported ones are ordinary tables on both.
BOTH = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]

# Rows as the folder's own README counts them.
FILES = {
    "es_5m_2015_2023": 627_831,
    "daily_2010_2020_es_nq_6e_gc_zc_cl": 15_124,
    "es_gc_1m_201310_lean": 11_578,
    "6e_6eh4_1m_202401": 29_996,
}
STANDING = """
select
    width, symbol, bar_start, open, high, low, close, volume, volume_buy, volume_sell, trades,
    open_interest, file, imported_at
from market.bars_imported order by symbol, width, bar_start
"""


def instrument(symbol: str, tick_size: str, increment: str | None = None) -> Instrument:
    return Instrument(
        symbol=symbol, name=symbol, exchange="CME", asset_class="currency",
        calendar="CME_EQUITY", tick_size=Decimal(tick_size),
        quote_increment=Decimal(increment or tick_size), multiplier=Decimal(1),
        display_precision=5,
    )  # fmt: skip


def take(link: Link, path: Path, *, as_root: str | None = None, **options: Any) -> Imported:
    return import_bars(link, open_bars(path, as_root=as_root), **options)


def state(link: Link) -> list[list[dict[str, Any]]]:
    """Return everything that an import may change."""
    files = "select * from market.bar_files order by file"
    series = "select symbol, root from reference.series order by symbol"
    return [selected(link, query) for query in (STANDING, files, series)]


def refused(link: Link, error: type[ThorError], path: Path, **options: Any) -> str:
    """Return why a file is refused, having seen that the database is as it was."""
    before = state(link)
    with pytest.raises(error) as reported:
        take(link, path, **options)
    assert state(link) == before
    return str(reported.value)


# --- real data -----------------------------------------------------------------------------


def stored(link: Link, symbols: list[str], width: str) -> pa.Table:
    """Return the stored bars of the symbols, prices as nearest doubles."""
    query = """
        copy (
            select
                symbol,
                (extract(epoch from
                    case width
                        when '1d' then reference.trade_date(bar_start)::timestamp at time zone 'UTC'
                        else bar_start
                    end
                ))::bigint as ts,
                open::float8, high::float8, low::float8, close::float8,
                volume, volume_sell, volume_buy, trades, open_interest
            from market.bars_imported
            where width = %s and symbol = any (%s)
        ) to stdout (format csv, header)
    """
    with link.cursor() as cursor, cursor.copy(query.encode(), (width, symbols)) as copy:
        text = b"".join(copy)
    counts = ("volume", "volume_sell", "volume_buy", "trades", "open_interest")
    kinds = {"symbol": pa.string(), "ts": pa.int64(), **dict.fromkeys(counts, pa.int64())}
    prices = dict.fromkeys(("open", "high", "low", "close"), pa.float64())
    options = pa_csv.ConvertOptions(column_types={**kinds, **prices}, strings_can_be_null=True)
    table = pa_csv.read_csv(io.BytesIO(text), convert_options=options)
    return table.sort_by([("symbol", "ascending"), ("ts", "ascending")])


def keyed(contract: str | None, root: str, ts: datetime) -> str:
    """Return a row's series: here every contract ends within ten years of its bars."""
    if contract is None:
        return root
    year = ts.year + (int(contract[-1]) - ts.year) % 10
    return f"{contract[:-1]}{year % 100:02}"


def reported(path: Path) -> pa.Table:
    """Return the rows of a file of bars, in the same columns."""
    table = pa_parquet.read_table(path)
    columns: dict[str, Any] = {
        "symbol": pa.array(
            map(keyed, *(table[n].to_pylist() for n in ("contract", "symbol", "ts")))
        ),
        "ts": pa.compute.divide(table["ts"].cast(pa.int64()), 1_000_000),
    }
    for field in ("open", "high", "low", "close"):
        # The finest of these grids is 0.00005; some doubles are sums that miss it by a bit.
        columns[field] = pa.array([round(price, 5) for price in table[field].to_pylist()])
    columns["volume"] = table["volume"]
    columns["volume_sell"] = table["bid_volume"]
    columns["volume_buy"] = table["ask_volume"]
    columns["trades"] = table["n_trades"]
    columns["open_interest"] = table["open_interest"]
    return pa.table(columns).sort_by([("symbol", "ascending"), ("ts", "ascending")])


def test_every_real_file_is_imported_value_for_value(connection: Link, data: Path) -> None:
    instruments.add_instrument(connection, instrument("6E", "0.00005"))
    instruments.add_instrument(connection, instrument("ZC", "0.25"))
    # One close of this file is on no grid of ES: the vendor's slip, left out by name.
    skipped = {"daily_2010_2020_es_nq_6e_gc_zc_cl": ("row 799: close: 1767.4 is not on ES's grid",)}
    for name, count in FILES.items():
        path = data / "bars" / f"{name}.parquet"
        out = skipped.get(name, ())
        done: list[int] = []
        result = take(connection, path, skip_refused=bool(out), on_progress=done.append)
        expected = count - len(out)
        assert (result.records, result.bars, result.written) == (count, expected, expected)
        assert [
            line.startswith(start) for line, start in zip(result.refusals, out, strict=True)
        ] == [True for _ in out]
        assert (done[-1], result.is_new) == (count, True)
        said = reported(path)
        if out:
            said = said.filter(pa.compute.not_equal(said["close"], 1767.4))
        (width,) = set(pa_parquet.read_table(path, columns=["interval"])["interval"].to_pylist())
        symbols = said["symbol"].unique().to_pylist()
        assert stored(connection, symbols, width).equals(said)
    own = "select count(*) from market.bars_imported where made_of is null"
    assert value(connection, own) == sum(FILES.values()) - 1
    found = selected(connection, "select * from market.bar_files where 'ESH15' = any (symbols)")
    (es,) = found
    assert (es["file_name"], es["format"], es["records"]) == (
        "es_5m_2015_2023.parquet", "parquet", 627_831,
    )  # fmt: skip
    assert (len(es["symbols"]), es["widths"]) == (36, ["5m"])
    assert es["first_bar"] == datetime(2014, 12, 24, tzinfo=UTC)
    assert es["last_bar"] == datetime(2023, 12, 15, 14, 25, tzinfo=UTC)


def test_the_real_daily_file_is_refused_by_its_one_bad_row(connection: Link, data: Path) -> None:
    path = data / "bars" / "daily_2010_2020_es_nq_6e_gc_zc_cl.parquet"
    assert refused(connection, NotFound, path) == (
        f"symbol: 6E, ZC in {path.name} are not listed; list them first: "
        "`thor instruments add 6E --tick-size … --asset-class … --multiplier …`, or take the other "
        "series with --skip-refused"
    )
    instruments.add_instrument(connection, instrument("6E", "0.00005"))
    instruments.add_instrument(connection, instrument("ZC", "0.25"))
    assert refused(connection, Rejected, path).splitlines() == [
        f"{path.name}: 1 of 15124 bars refused, none imported",
        "  row 799: close: 1767.4 is not on ES's grid of 0.25",
        "  correct the file, or take the other bars with --skip-refused",
    ]


def test_a_grid_that_is_not_the_file_s_is_refused_with_the_one_that_is(
    connection: Link, data: Path
) -> None:
    path = data / "bars" / "6e_6eh4_1m_202401.parquet"
    instruments.add_instrument(connection, instrument("6E", "0.0001"))
    lines = refused(connection, Rejected, path).splitlines()
    assert lines[:2] == [
        f"{path.name}: 25980 of 29996 bars refused, none imported",
        "  row 1: high: 1.10785 is not on 6E's grid of 0.0001",
    ]
    assert lines[21:] == [
        "  and 25960 more",
        "  25980 of 29996 bars of 6E are off its grid of 0.0001; 0.00005 would take them: "
        "`thor instruments add 6E --quote-increment 0.00005`",
        "  correct the file, or take the other bars with --skip-refused",
    ]


@BOTH
def test_the_vendor_s_gold_of_two_days_differs_from_the_ticks_in_13_volumes(
    connection: Link, database_url: str, redis_url: str, data: Path
) -> None:
    tape, _ = admit(connection, data / "ticks/gc_20131007_08.parquet", as_root=None, overlap=False)
    bus = Bus(redis_url)
    replay(tape, bus, connection, None, Stop())
    bus.close()
    take_in(redis_url, database_url)
    take(connection, data / "bars/es_gc_1m_201310_lean.parquet")
    # As autovacuum does within a minute: without statistics PostgreSQL joins row by row.
    connection.execute(b"analyze")
    counts = """
        select
            field,
            count(*) filter (where is_equal) as equal,
            count(*) filter (where not is_equal) as different,
            count(*) filter (where is_equal is null) as unknown
        from bars_compared('1m', null, null, null) group by field
    """
    assert {one.pop("field"): tuple(one.values()) for one in selected(connection, counts)} == {
        "open": (3_037, 0, 0), "high": (3_037, 0, 0), "low": (3_037, 0, 0),
        "close": (3_037, 0, 0), "volume": (3_024, 13, 0), "trades": (0, 0, 3_037),
    }  # fmt: skip


# --- once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_same_file_again_changes_nothing_under_any_name(
    connection: Link, tmp_path: Path, form: str
) -> None:
    path = bars_file(tmp_path / f"a.{form}", rows(300))
    first = take(connection, path)
    assert (first.records, first.bars, first.written, first.is_new) == (300, 300, 300, True)
    before = state(connection)
    again = shutil.copy(path, tmp_path / "another name")
    for replace in (False, True):
        second = take(connection, Path(again), replace=replace)
        assert (second.file, second.bars, second.written, second.is_new) == (
            first.file, 300, 0, False,
        )  # fmt: skip
        assert state(connection) == before


@BOTH
def test_a_month_lists_itself_and_is_shown_by_the_public_view(
    connection: Link, tmp_path: Path
) -> None:
    take(connection, bars_file(tmp_path / "a.parquet", [row()]))
    assert value(connection, "select root from series where symbol = 'ESU24'") == "ES"
    (bar,) = selected(connection, "select * from bars_5m where symbol = 'ESU24'")
    prices = ("open", "high", "low", "close")
    assert [bar[field] for field in prices] == [
        Decimal(text) for text in ("5528.75", "5530.25", "5527", "5529.5")
    ]
    counts = ("volume", "volume_buy", "volume_sell", "trades", "ticks")
    assert [bar[field] for field in counts] == [120, 70, 50, 44, 0]
    assert (bar["bar_start"], bar["bar_end"]) == (START, START + timedelta(minutes=5))
    assert bar["known_at"] == START + timedelta(minutes=5, seconds=1)
    assert (bar["is_imported"], str(bar["trade_date"])) == (True, "2024-07-01")
    assert value(connection, "select count(*) from bars_1m") == 0


@BOTH
def test_a_day_is_shown_under_its_trade_date(connection: Link, tmp_path: Path) -> None:
    days = [datetime(2024, 3, n, tzinfo=UTC) for n in (8, 11)]
    daily = [row(ts=ts, interval="1d", contract=None) for ts in days]
    take(connection, bars_file(tmp_path / "a.parquet", daily))
    query = "select trade_date::text, bar_start, bar_end from bars_1d order by bar_start"
    assert [tuple(one.values()) for one in selected(connection, query)] == [
        (
            "2024-03-08",
            datetime(2024, 3, 7, 23, tzinfo=UTC),
            datetime(2024, 3, 8, 23, tzinfo=UTC),
        ),
        (
            "2024-03-11",
            datetime(2024, 3, 10, 22, tzinfo=UTC),
            datetime(2024, 3, 11, 22, tzinfo=UTC),
        ),
    ]


@pytest.mark.parametrize("width", ["1s", "1m", "1h", "1d"])
def test_a_databento_file_of_each_width_is_imported(
    connection: Link, tmp_path: Path, width: str
) -> None:
    midnight_ns = 1_719_792_000_000_000_000  # 2024-07-01T00:00:00Z
    path = tmp_path / "a.dbn.zst"
    write_dbn(path, ohlcv_head(width) + ohlcv(width, ts_event=midnight_ns))
    assert take(connection, path).written == 1
    start = {"1d": datetime(2024, 6, 30, 22, tzinfo=UTC)}.get(
        width, datetime(2024, 7, 1, tzinfo=UTC)
    )
    query = f"select symbol, bar_start, close, volume, trades, is_imported from bars_{width}"
    assert selected(connection, query) == [
        {
            "symbol": "ESU24", "bar_start": start, "close": Decimal("5529.5"), "volume": 120,
            "trades": None, "is_imported": True,
        }
    ]  # fmt: skip
    (file,) = selected(connection, "select format, vendor, widths from bar_files")
    assert file == {"format": "dbn", "vendor": "Databento GLBX.MDP3", "widths": [width]}


# --- overlap -------------------------------------------------------------------------------


def test_a_file_that_overlaps_another_is_refused_by_both_names_and_the_first_bar(
    connection: Link, tmp_path: Path
) -> None:
    ours = take(connection, bars_file(tmp_path / "ours.parquet", rows(10)))
    theirs = bars_file(tmp_path / "theirs.csv", rows(10, ts=START + timedelta(minutes=35)))
    assert refused(connection, Refused, theirs) == (
        f"theirs.csv: 3 of its bars overlap those of ours.parquet ({ours.file}), the first is "
        "ESU24 5m at 2024-07-01T14:05:00+00:00; --replace replaces them"
    )
    # Another symbol, another width, or the bars on either side overlap nothing.
    free = [
        row(ts=START, contract="ESZ24"),
        row(ts=START, interval="1m"),
        row(ts=START - timedelta(minutes=5)),
        row(ts=START + timedelta(minutes=50)),
    ]
    assert take(connection, bars_file(tmp_path / "free.csv", free)).written == 4


def test_a_file_that_replaces_takes_the_place_of_others_and_may_be_replaced(
    connection: Link, tmp_path: Path
) -> None:
    ours = bars_file(tmp_path / "ours.parquet", rows(10))
    first = take(connection, ours)
    reported_again = rows(5, ts=START + timedelta(minutes=40), volume=7)
    theirs = bars_file(tmp_path / "theirs.parquet", reported_again)
    second = take(connection, theirs, replace=True)
    assert (second.bars, second.written) == (5, 5)
    query = "select file, volume from bars_imported where width = '5m' order by bar_start"
    assert [tuple(one.values()) for one in selected(connection, query)] == [
        *[(first.file, 120)] * 8, *[(second.file, 7)] * 5,
    ]  # fmt: skip
    again = take(connection, ours)
    assert (again.bars, again.records, again.written) == (8, 10, 0)
    back = take(connection, ours, replace=True)
    assert (back.bars, back.written, back.is_new) == (10, 2, False)
    assert [tuple(one.values()) for one in selected(connection, query)] == [
        *[(first.file, 120)] * 10, *[(second.file, 7)] * 3,
    ]  # fmt: skip


def test_rows_of_one_file_that_overlap_refuse_it(connection: Link, tmp_path: Path) -> None:
    reported_twice = [*rows(3), row(), row(ts=START + timedelta(minutes=10), volume=1)]
    path = bars_file(tmp_path / "a.parquet", reported_twice)
    same = "of ESU24 5m overlaps row"
    assert refused(connection, Rejected, path).splitlines() == [
        "a.parquet: 2 of 5 bars refused, none imported",
        f"  row 4: bar_start: 2024-07-01T13:30:00+00:00 {same} 1, which has the same",
        f"  row 5: bar_start: 2024-07-01T13:40:00+00:00 {same} 3, which has the same",
        "  correct the file, or take the other bars with --skip-refused",
    ]
    result = take(connection, path, skip_refused=True)
    assert (result.records, result.bars, result.refused) == (5, 3, 2)
    # The first of several with one key is kept.
    query = "select array_agg(distinct volume) from bars_imported where width = '5m'"
    assert value(connection, query) == [120]


@BOTH
def test_of_two_imports_at_once_that_overlap_one_is_refused(
    database_url: str, tmp_path: Path
) -> None:
    both = threading.Barrier(2)
    outcomes: list[str] = []

    def run(name: str, volume: int) -> None:
        path = bars_file(tmp_path / name, rows(500, volume=volume))
        with psycopg.connect(database_url, autocommit=True) as link:
            tape = open_bars(path)
            both.wait()
            try:
                outcomes.append(f"{import_bars(link, tape).written} written")
            except Refused as refusal:
                outcomes.append(str(refusal).split(" (")[0])

    threads = [threading.Thread(target=run, args=each) for each in (("one.csv", 1), ("two.csv", 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = sorted(outcomes)
    assert first == "500 written"
    assert second in (
        "one.csv: 500 of its bars overlap those of two.csv",
        "two.csv: 500 of its bars overlap those of one.csv",
    )
    with psycopg.connect(database_url) as link:
        query = "select distinct volume from bars_imported where width = '5m'"
        assert len(selected(link, query)) == 1


# --- which series --------------------------------------------------------------------------


def test_a_single_month_may_be_filed_under_its_root_and_moved_there_later(
    connection: Link, tmp_path: Path
) -> None:
    path = bars_file(tmp_path / "a.parquet", rows(3))
    take(connection, path)
    assert refused(connection, Refused, path, as_root="ES") == (
        "a.parquet: was imported as ESU24, not as ES; --replace imports it again"
    )
    moved = take(connection, path, as_root="ES", replace=True)
    assert (moved.bars, moved.written, moved.is_new) == (3, 3, False)
    assert value(connection, "select array_agg(distinct symbol) from bars_imported") == ["ES"]
    assert value(connection, "select symbols from bar_files") == ["ES"]


def test_a_symbol_that_is_not_listed_refuses_the_file_by_name(
    connection: Link, tmp_path: Path
) -> None:
    reported = [row(), row(symbol="ZC", contract="ZCU4")]
    path = bars_file(tmp_path / "a.parquet", reported)
    assert refused(connection, NotFound, path) == (
        "symbol: ZC in a.parquet is not listed; list it first: "
        "`thor instruments add ZC --tick-size … --asset-class … --multiplier …`, or take the other "
        "series with --skip-refused"
    )
    result = take(connection, path, skip_refused=True)
    assert result.refusals == (
        "row 2: symbol: ZCU24 is not listed; `thor instruments add` lists one",
    )
    query = "select array_agg(symbol) from bars_imported where made_of is null"
    assert value(connection, query) == ["ESU24"]


# --- bad rows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"open": 5528.80}, "open: 5528.8 is not on ES's grid of 0.25"),
        ({"high": 5526.0}, "high: 5526 is below the low of 5527"),
        ({"open": 5526.0}, "open: 5526 is below the low of 5527"),
        ({"close": 5531.0}, "close: 5531 is above the high of 5530.25"),
        ({"close": float("nan")}, "close: NaN is not a finite number"),
        ({"close": None}, "close: is missing; a bar needs open, high, low and close"),
        ({"low": -1.0}, "low: -1 is negative, which ES does not allow"),
        ({"volume": -1}, "volume: -1 is outside 0 … 2^63-1"),
        (
            {"ts": START + timedelta(minutes=51)},
            "bar_start: 2024-07-01T14:21:00+00:00 is on no boundary of 5m; "
            "a bar is stamped with its start",
        ),
        ({"interval": "3m"}, "width: '3m' is none of 1s, 1m, 5m, 1h, 1d"),
        ({"symbol": None}, "symbol: is missing"),
        ({"ts": None}, "ts: is missing"),
    ],
)
def test_a_bad_row_refuses_its_file_and_leaves_the_database_as_it_was(
    connection: Link, tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    take(connection, bars_file(tmp_path / "before.parquet", rows(3, contract="ESZ24")))
    reported = [*rows(5), row(**{"ts": START + timedelta(minutes=50), **given})]
    path = bars_file(tmp_path / "bad.parquet", reported)
    assert refused(connection, Rejected, path).splitlines() == [
        "bad.parquet: 1 of 6 bars refused, none imported",
        f"  row 6: {said}",
        "  correct the file, or take the other bars with --skip-refused",
    ]
    result = take(connection, path, skip_refused=True)
    assert (result.bars, result.refused, result.refusals) == (5, 1, (f"row 6: {said}",))


def test_of_many_bad_rows_twenty_are_shown_and_the_others_counted(
    connection: Link, tmp_path: Path
) -> None:
    reported = rows(100)
    for bad in reported[10:35]:
        bad["high"] = 5000.0
    lines = refused(connection, Rejected, bars_file(tmp_path / "a.csv", reported)).splitlines()
    assert lines[0] == "a.csv: 25 of 100 bars refused, none imported"
    assert lines[1:21] == [
        f"  row {n}: high: 5000.0 is below the low of 5527.0" for n in range(11, 31)
    ]
    assert lines[21:] == [
        "  and 5 more",
        "  correct the file, or take the other bars with --skip-refused",
    ]


def test_a_file_of_nothing_but_bad_rows_is_refused_even_where_they_may_be_skipped(
    connection: Link, tmp_path: Path
) -> None:
    path = bars_file(tmp_path / "a.parquet", rows(2, volume=-1))
    assert refused(connection, Rejected, path, skip_refused=True).splitlines() == [
        "a.parquet: 2 of 2 bars refused, none imported",
        "  row 1: volume: -1 is outside 0 … 2^63-1",
        "  row 2: volume: -1 is outside 0 … 2^63-1",
    ]


@BOTH
def test_an_import_that_is_broken_off_leaves_the_database_as_it_was(
    connection: Link, tmp_path: Path
) -> None:
    before = state(connection)
    tape = open_bars(bars_file(tmp_path / "a.parquet", rows(40_000)))

    def stop(read: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_bars(connection, tape, on_progress=stop)
    assert state(connection) == before
    assert import_bars(connection, tape).written == 40_000


# --- against the ticks ---------------------------------------------------------------------


@pytest.fixture
def minute(connection: Link, database_url: str, redis_url: str) -> datetime:
    """A minute of ES in ticks: 5000.25, 5001, 4999.75, 5000.5, of 1, 2, 3 and 4."""
    start = datetime(2024, 7, 1, 14, 30, tzinfo=UTC)
    reported = [("5000.25", 1), ("5001", 2), ("4999.75", 3), ("5000.5", 4)]
    ticks = [
        tick(
            seq=seq, ts=start + timedelta(seconds=10 * seq), last=Decimal(price),
            last_size=size, volume_delta=size,
        )
        for seq, (price, size) in enumerate(reported)
    ]  # fmt: skip
    # A minute of quotes alone, and one of trades without sizes.
    quotes = many(
        2, 10, ts=start + timedelta(minutes=1), last=None, last_size=None, is_trade=False,
        bid=Decimal(5000),
    )  # fmt: skip
    unsized = many(1, 20, ts=start + timedelta(minutes=2), last=Decimal(5000), last_size=None)
    reported_all = [written(one) for one in (*ticks, *quotes, *unsized)]
    with redis.Redis.from_url(redis_url) as client:
        inject(client, reported_all, len(reported_all))
    take_in(redis_url, database_url)
    assert value(connection, "select count(*) from bars_1m") == 3
    return start


def vendor(minute: datetime, number: int = 0, **given: Any) -> dict[str, Any]:
    """Return the vendor's bar of a minute, which the ticks of the first one make too."""
    whole = {
        "contract": None, "ts": minute + timedelta(minutes=number), "interval": "1m",
        "open": 5000.25, "high": 5001.0, "low": 4999.75, "close": 5000.5, "volume": 10,
        "n_trades": 4,
    }  # fmt: skip
    return row(**(whole | given))


def compared(link: Link, *given: Any) -> list[tuple[Any, ...]]:
    values = [*given, *[None] * (4 - len(given))]
    query = """
        select symbol, field, imported::float8, computed::float8, is_equal
        from bars_compared(%s, %s, %s, %s) where is_equal is distinct from true
    """
    return [tuple(one.values()) for one in selected(link, query, *values)]


@BOTH
def test_equal_bars_differ_in_nothing_and_the_computed_one_is_shown(
    connection: Link, minute: datetime, tmp_path: Path
) -> None:
    take(connection, bars_file(tmp_path / "a.parquet", [vendor(minute), vendor(minute, 9)]))
    assert compared(connection) == []
    query = "select count(*) from bars_compared(null, null, null, null)"
    assert value(connection, query) == 6
    shown = "select is_imported from bars_1m where bar_start = any (%s) order by bar_start"
    starts = [minute, minute + timedelta(minutes=9)]
    assert [one["is_imported"] for one in selected(connection, shown, starts)] == [False, True]


@BOTH
def test_what_differs_is_listed_field_by_field(
    connection: Link, minute: datetime, tmp_path: Path
) -> None:
    other = vendor(minute, high=5001.25, volume=11, n_trades=None)
    take(connection, bars_file(tmp_path / "a.parquet", [other]))
    assert compared(connection, "1m", "ES") == [
        ("ES", "high", 5001.25, 5001.0, False),
        ("ES", "volume", 11.0, 10.0, False),
        ("ES", "trades", None, 4.0, None),
    ]
    assert compared(connection, "5m") == []
    assert compared(connection, None, "NQ") == []
    assert compared(connection, None, None, minute + timedelta(microseconds=1)) == []
    assert compared(connection, None, None, None, minute) == []
    until = minute + timedelta(microseconds=1)
    assert len(compared(connection, None, None, minute, until)) == 3


@BOTH
def test_quotes_alone_deny_the_vendor_s_prices_and_unsized_trades_no_volume(
    connection: Link, minute: datetime, tmp_path: Path
) -> None:
    flat = {"open": 5000.0, "high": 5000.0, "low": 5000.0, "close": 5000.0}
    reported = [vendor(minute, 1, n_trades=None), vendor(minute, 2, **flat, n_trades=1)]
    take(connection, bars_file(tmp_path / "a.parquet", reported))
    assert compared(connection) == [
        ("ES", "open", 5000.25, None, False), ("ES", "high", 5001.0, None, False),
        ("ES", "low", 4999.75, None, False), ("ES", "close", 5000.5, None, False),
        ("ES", "volume", 10.0, 0.0, False), ("ES", "trades", None, 0.0, None),
        ("ES", "volume", 10.0, None, None),
    ]  # fmt: skip


# --- the command ---------------------------------------------------------------------------


class Thor(Command):
    """The command, in a folder of its own and on the servers of the test."""

    def bars(self, *words: str) -> Result:
        """Run `thor bars` with words to its end."""
        return self.run("bars", *words)


@pytest.fixture
def thor(tmp_path: Path, database_url: str, redis_url: str) -> Thor:
    """The command on a fresh database."""
    return Thor(tmp_path, THOR_DATABASE_URL=database_url, THOR_REDIS_URL=redis_url)


def test_the_command_imports_files_and_prints_the_results(thor: Thor) -> None:
    bars_file(thor.folder / "a.csv", rows(7))
    code, out, err = thor.bars("import", "a.csv")
    assert code == 0, err
    assert "a.csv: 7 bars written as BARS:" in out
    assert "7 of its 7 stand, symbols ESU24" in out
    code, out, _ = thor.bars("import", "a.csv", "--json")
    (again,) = json.loads(out)
    assert (code, again["written"], again["bars"], again["is_new"]) == (0, 0, 7, False)
    bars_file(thor.folder / "b.csv", [row(high=1.0, contract="ESZ24"), *rows(2, volume=3)])
    code, out, err = thor.bars("import", "b.csv")
    assert (code, out) == (2, "")
    assert "thor: b.csv: 1 of 3 bars refused, none imported\n  row 1: high: 1.0 is below" in err
    code, out, err = thor.bars("import", "b.csv", "--skip-refused")
    assert code == 4
    assert "b.csv: 2 of its bars overlap those of a.csv" in err
    code, out, err = thor.bars("import", "b.csv", "--skip-refused", "--replace")
    assert code == 0, err
    assert "refused and left out: 1" in out
    assert "row 1: high: 1.0 is below the low of 5527.0" in out


def test_a_vendors_day_in_utc_is_pointed_out(thor: Thor) -> None:
    midnight_ns = 1_719_792_000_000_000_000
    write_dbn(thor.folder / "a.dbn", ohlcv_head("1d") + ohlcv("1d", ts_event=midnight_ns))
    code, out, err = thor.bars("import", "a.dbn")
    assert code == 0, err
    assert "a day of this vendor runs from midnight to midnight UTC" in out


def test_the_command_ends_with_7_exactly_where_bars_differ(
    thor: Thor, connection: Link, minute: datetime
) -> None:
    assert thor.bars("compare")[:2] == (0, "no imported bar has a computed one beside it\n")
    bars_file(thor.folder / "a.csv", [vendor(minute, volume=9), vendor(minute, 2, volume=None)])
    assert thor.bars("import", "a.csv")[0] == 0
    code, out, _ = thor.bars("compare", "--width", "1m", "--symbol", "ES", "--json")
    found = json.loads(out)
    assert code == 7
    assert {one.pop("field"): list(one.values()) for one in found["fields"]} == {
        "open": [1, 1, 0], "high": [1, 1, 0], "low": [1, 1, 0], "close": [1, 1, 0],
        "volume": [0, 1, 1], "trades": [1, 1, 0],
    }  # fmt: skip
    assert [one["field"] for one in found["differences"]] == [
        "volume", "open", "high", "low", "close", "trades",
    ]  # fmt: skip
    first = found["differences"][0]
    assert (first["imported"], first["computed"]) == ("9", "10")
    code, out, _ = thor.bars("compare", "--limit", "1")
    assert (code, "first differences" in out) == (7, True)
    assert thor.bars("compare", "--to", minute.isoformat())[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--width", "3m"), 2, "--width: '3m' is none of 1s, 1m, 5m, 1h, 1d"),
        (("--symbol", "FOO"), 3, "--symbol: 'FOO' is not listed"),
        (("--from", "2024-07-01"), 2, "--from: '2024-07-01' has no time zone"),
        (("--from", "yesterday"), 2, "--from: 'yesterday' is no ISO 8601 time"),
        (
            ("--from", "2024-07-02T00:00:00Z", "--to", "2024-07-01T00:00:00Z"),
            2,
            "--from: 2024-07-02T00:00:00+00:00 is not before --to 2024-07-01T00:00:00+00:00",
        ),
    ],
)
def test_an_invalid_option_is_named_with_the_reason(
    thor: Thor, words: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = thor.bars("compare", *words)
    assert (found, out) == (code, "")
    assert err.startswith(f"thor: {said}")
