"""Reference data on a real database: the listing, claims, tapes, sessions, and refusals."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from ticks_made import rows, value

from thor.database import edition
from thor.domain.instrument import Instrument
from thor.domain.sessions import Session
from thor.errors import NotFound, Refused, Rejected, Unavailable
from thor.reference import instruments

Link = psycopg.Connection[Any]

BAC = Instrument(
    symbol="BAC", name="Bank of America", exchange="NYSE", asset_class="equity",
    calendar="CME_EQUITY", tick_size=Decimal("0.01"), quote_increment=Decimal("0.01"),
    multiplier=Decimal(1), display_precision=2, aliases=("BAC.N",),
)  # fmt: skip


def test_the_eleven_instruments_are_listed_with_the_exchanges_figures(connection: Link) -> None:
    found: dict[str, tuple[Any, ...]] = {
        one.symbol: (one.exchange, str(one.tick_size), str(one.multiplier), one.margin)
        for one in instruments.instruments(connection).values()
    }
    # Tick size and money a point, from the exchanges' contract specifications.
    assert found == {
        "YM": ("CBOT", "1", "5", 17_000),
        "ES": ("CME", "0.25", "50", 13_000),
        "NQ": ("CME", "0.25", "20", 16_000),
        "RTY": ("CME", "0.1", "50", 7_500),
        "CL": ("NYMEX", "0.01", "1000", 8_000),
        "SI": ("COMEX", "0.005", "5000", 14_000),
        "HG": ("COMEX", "0.0005", "25000", 4_000),
        "GC": ("COMEX", "0.1", "100", 11_000),
        "VX": ("CFE", "0.05", "1000", 6_000),
        "DX": ("ICE", "0.005", "1000", 2_500),
        "ZB": ("CBOT", "0.03125", "1000", 5_000),
    }
    assert list(found) == ["YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB"]


def test_the_feeds_grid_is_finer_than_the_tick_where_the_feed_is(connection: Link) -> None:
    finer = {
        one.symbol: one.quote_increment
        for one in instruments.instruments(connection).values()
        if one.quote_increment != one.tick_size
    }
    assert finer == {"DX": Decimal("0.001"), "ZB": Decimal("0.015625")}
    legal = [i.symbol for i in instruments.instruments(connection).values() if i.is_negative_legal]
    assert legal == ["CL"]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("$DXY", "DX"), ("RT", "RTY"), ("/RTY:XCME", "RTY"), ("30yr T-Bond", "ZB"), ("VIX", "VX")],
)
def test_what_feeds_call_an_instrument_is_known(connection: Link, name: str, symbol: str) -> None:
    assert instruments.listing(connection).symbol_of(name) == symbol


def test_an_instrument_that_is_added_is_listed_with_its_series(connection: Link) -> None:
    before = instruments.listing(connection)
    instruments.add_instrument(connection, BAC)
    listing = instruments.listing(connection)
    assert before.instrument("BAC") is None
    assert listing.instrument("BAC") == BAC
    assert listing.series["BAC"] == "BAC"
    assert listing.symbol_of("bac.n") == "BAC"


def test_an_instrument_that_is_changed_keeps_its_past(connection: Link) -> None:
    instruments.add_instrument(connection, BAC)
    finer = msgspec.structs.replace(BAC, quote_increment=Decimal("0.0001"))
    instruments.add_instrument(connection, finer)
    instruments.add_instrument(connection, finer)
    changed = instruments.listing(connection).instruments["BAC"]
    assert (changed.quote_increment, changed.version) == (Decimal("0.0001"), 2)
    past = rows(connection, "select * from reference.versions where key = 'BAC'")
    assert [(one["relation"], one["version"]) for one in past] == [("instruments", 1)]
    assert Decimal(str(past[0]["content"]["quote_increment"])) == Decimal("0.01")


@pytest.mark.parametrize(
    ("changed", "error", "reported"),
    [
        ({"symbol": "B'A"}, Rejected, "symbol"),
        ({"tick_size": Decimal(0)}, Rejected, "tick_size"),
        ({"tick_size": Decimal("1E+12")}, Rejected, "tick_size"),
        ({"multiplier": Decimal("1E+40")}, Rejected, "multiplier"),
        ({"margin": Decimal("1E+30")}, Rejected, "margin"),
        ({"display_precision": 70_000}, Rejected, "display_precision"),
        ({"calendar": "NYSE"}, NotFound, "calendar: 'NYSE' is none of CME_EQUITY"),
    ],
)
def test_an_instrument_that_cannot_be_is_not_listed(
    connection: Link, changed: dict[str, Any], error: type[Exception], reported: str
) -> None:
    with pytest.raises(error, match=reported):
        instruments.add_instrument(connection, msgspec.structs.replace(BAC, **changed))
    assert len(instruments.instruments(connection)) == 11


def test_an_instrument_cannot_take_the_name_of_anothers_month(connection: Link) -> None:
    instruments.add_months(connection, [("ESU24", "ES")])
    with pytest.raises(Refused, match="ESU24"):
        instruments.add_instrument(connection, msgspec.structs.replace(BAC, symbol="ESU24"))
    listing = instruments.listing(connection)
    assert listing.instrument("ESU24") is listing.instrument("ES")


def test_months_are_listed_under_their_root_once(connection: Link) -> None:
    instruments.add_months(connection, [("ESU24", "ES"), ("ESZ24", "ES")])
    instruments.add_months(connection, [("ESU24", "ES")])
    listing = instruments.listing(connection)
    assert listing.instrument("ESZ24") == listing.instruments["ES"]
    assert len(listing.series) == 13
    with pytest.raises(Refused, match="'ESX' is no month of ES, as ESH27 is"):
        instruments.add_months(connection, [("ESX", "ES")])


def test_each_source_has_its_claim_on_each_symbol(connection: Link) -> None:
    claims = {name: instruments.claims(connection, name) for name in ("SCHWAB", "EXCEL", "SIM")}
    assert [claims[name]["ES"] for name in claims] == [(10, 10_000), (20, 10_000), (90, 5_000)]
    assert all(len(found) == 11 for found in claims.values())
    assert instruments.claims(connection, "NOBODY") == {}


def test_a_preference_is_of_one_symbol_and_of_its_months(connection: Link) -> None:
    instruments.add_months(connection, [("ESU24", "ES")])
    connection.execute("insert into reference.source_preferences values ('ES', 'EXCEL', 5)")
    claims = instruments.claims(connection, "EXCEL")
    assert [claims[name][0] for name in ("ES", "ESU24", "NQ")] == [5, 5, 20]
    assert instruments.claims(connection, "SCHWAB")["ES"][0] == 10


def tape(sha256: str, name: str) -> dict[str, Any]:
    ts = datetime(2024, 7, 1, tzinfo=UTC)
    return {
        "source": f"TAPE:{sha256[:8]}", "sha256": sha256, "description": name, "file_name": name,
        "format": "parquet", "vendor": None, "records": 1, "symbols": ["ES"], "first_ts": ts,
        "last_ts": ts,
    }  # fmt: skip


def test_a_tape_is_known_by_its_content(connection: Link) -> None:
    assert instruments.add_tape(connection, tape("01234567" + "a" * 56, "monday.parquet")) is True
    assert instruments.add_tape(connection, tape("01234567" + "a" * 56, "copy.parquet")) is False
    assert instruments.listing(connection).knows_source("TAPE:01234567")
    with pytest.raises(Refused, match=r"TAPE:01234567 already stands for monday\.parquet"):
        instruments.add_tape(connection, tape("01234567" + "b" * 56, "tuesday.parquet"))
    names = "select file_name from reference.tapes"
    assert rows(connection, names) == [{"file_name": "monday.parquet"}]


def test_a_database_says_what_it_was_made_for(connection: Link) -> None:
    assert edition.read(connection).nature == "simulated"
    connection.execute("delete from ops.edition")
    with pytest.raises(NotFound, match="thor db up"):
        edition.read(connection)


MONDAY, CHRISTMAS = date(2026, 11, 23), date(2026, 12, 25)


def session(connection: Link, day: date, of_calendar: str = "CME_EQUITY") -> Session | None:
    noon = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
    found = instruments.sessions(connection, noon - timedelta(days=3), noon + timedelta(days=3))
    mine = [one for one in found if (one.calendar, one.trade_date) == (of_calendar, day)]
    return mine[0] if mine else None


def test_sessions_are_computed_ahead_once_and_again_when_forced(connection: Link) -> None:
    kept = instruments.renew_sessions(connection, MONDAY)
    assert kept == value(connection, "select count(*) from reference.sessions")
    assert value(connection, "select max(trade_date) from reference.sessions") >= date(2029, 12, 28)
    assert instruments.renew_sessions(connection, MONDAY) == 0
    monday = session(connection, MONDAY)
    assert monday is not None
    assert session(connection, CHRISTMAS) is None
    # 17:00 on Sunday to 16:00 on Monday in Chicago, in winter.
    assert monday.open_at == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert monday.close_at == datetime(2026, 11, 23, 22, tzinfo=UTC)

    # Sessions of a span are those that touch it, of every calendar.
    moment = datetime(2026, 11, 23, 18, tzinfo=UTC)
    found = instruments.sessions(connection, moment, moment + timedelta(seconds=1))
    assert {one.calendar for one in found} >= {"CME_EQUITY", "CME_ENERGY", "CFE", "ICE"}
    assert {one.trade_date for one in found} == {MONDAY}

    # What a person knows better: one day closed, and Christmas open.
    connection.execute(
        "insert into reference.session_overrides (calendar, trade_date, is_closed, note)"
        " values ('CME_EQUITY', '2026-11-23', true, 'a day of mourning')"
    )
    connection.execute(
        "insert into reference.session_overrides (calendar, trade_date, open_at, close_at, note)"
        " values ('CME_EQUITY', '2026-12-25', '2026-12-25 15:00Z', '2026-12-25 18:00Z', 'a test')"
    )
    assert instruments.renew_sessions(connection, MONDAY, force=True) == kept
    assert session(connection, MONDAY) is None
    christmas = session(connection, CHRISTMAS)
    assert christmas is not None
    assert christmas.open_at == datetime(2026, 12, 25, 15, tzinfo=UTC)

    # And not so after all: the sessions are as they were.
    connection.execute("delete from reference.session_overrides")
    assert instruments.renew_sessions(connection, MONDAY, force=True) == kept
    assert session(connection, MONDAY) == monday
    assert session(connection, CHRISTMAS) is None


def test_a_market_that_ignores_hours_has_a_stand_in_session_every_day(connection: Link) -> None:
    saturday = date(2026, 11, 21)
    assert instruments.renew_sessions(connection, MONDAY)
    assert session(connection, saturday) is None
    # Changing the setting changes the sessions, without being forced; again it changes nothing.
    assert instruments.renew_sessions(connection, MONDAY, ignores_hours=True)
    assert instruments.renew_sessions(connection, MONDAY, ignores_hours=True) == 0
    found = session(connection, saturday)
    assert found is not None
    # 17:00 to 17:00 in Chicago, in winter; regular hours from 08:30 to 15:00 as on any day.
    assert (found.open_at, found.close_at) == (
        datetime(2026, 11, 20, 23, tzinfo=UTC), datetime(2026, 11, 21, 23, tzinfo=UTC),
    )  # fmt: skip
    assert (found.regular_open_at, found.regular_close_at) == (
        datetime(2026, 11, 21, 14, 30, tzinfo=UTC), datetime(2026, 11, 21, 21, tzinfo=UTC),
    )  # fmt: skip
    assert found.note == "simulated: this market never closes"
    monday = session(connection, MONDAY)
    assert monday is not None
    # The day before has the number before.
    assert monday.session_number == found.session_number + 2
    assert instruments.renew_sessions(connection, MONDAY)
    assert session(connection, saturday) is None


@pytest.mark.parametrize("nature", ["live", "recorded"])
def test_no_other_than_a_simulated_database_has_a_stand_in_session(
    connection: Link, nature: str
) -> None:
    connection.execute("update ops.edition set nature = %s", (nature,))
    instruments.renew_sessions(connection, MONDAY, ignores_hours=True)
    assert value(connection, "select count(note) filter (where note like 'simulated%%')"
                 " from reference.sessions") == 0  # fmt: skip


def test_a_server_that_went_away_is_unavailable_to_every_question(
    connection: Link, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        pid = connection.info.backend_pid
        assert value(other, "select pg_terminate_backend(%s, 5000)", pid)
    for ask in (
        lambda: instruments.listing(connection),
        lambda: instruments.add_instrument(connection, BAC),
        lambda: instruments.add_tape(connection, tape("0" * 64, "t")),
        lambda: instruments.claims(connection, "SIM"),
        lambda: instruments.renew_sessions(connection, MONDAY),
    ):
        with pytest.raises(Unavailable, match="PostgreSQL"):
            ask()
