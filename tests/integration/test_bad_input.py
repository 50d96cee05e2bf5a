"""Bad input: refused by field and value, kept in the quarantine, and the next good tick goes in."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from ticks_made import (
    TS,
    account,
    inject,
    many,
    records,
    rejected,
    rows,
    stored,
    take_in,
    tape_file,
    tick,
    value,
    written,
)

from thor.domain.tick import Tick
from thor.errors import NotFound, Refused, Rejected
from thor.flow.publish import Publisher
from thor.flow.replay import admit, replay
from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import STREAM, Published
from thor.reference import instruments
from thor.runtime import Stop

Link = psycopg.Connection[Any]
# Good ticks: before and after the bad one in its entry, and in the entry that follows.
BEFORE, AFTER, NEXT = tick(seq=1), tick(seq=3), tick(seq=4)


@pytest.fixture
def database_url(kept_url: str) -> str:
    """That database without a tick and without a tape."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        for table in ("ticks", "last_values", "rejected_ticks", "ingest_batches"):
            link.execute(f"delete from market.{table}".encode())
        link.execute("delete from reference.tapes")
        link.execute("delete from reference.series where kind = 'month'")
        link.execute("delete from market.source_clocks")
        link.execute("delete from reference.sources where kind = 'tape'")
    return kept_url


class Way:
    """The ingest from the bus into the database, and its results."""

    def __init__(
        self, client: "redis.Redis", link: Link, redis_url: str, database_url: str
    ) -> None:
        self.client, self.link = client, link
        self.urls = redis_url, database_url

    def raw(self, bad: dict[str, Any] | str) -> dict[str, Any]:
        """Send one bad tick among good ones, as bytes no collector would write; give its row."""
        item = json.dumps(bad) if isinstance(bad, dict) else bad
        good = [json.dumps(written(one)) for one in (BEFORE, AFTER)]
        inject(self.client, f"[{good[0]},{item},{good[1]}]".encode(), 3)
        return self.through()

    def through(self, received: int = 4) -> dict[str, Any]:
        """Send the next good tick, take all in, and give the row of the only one refused."""
        inject(self.client, wire.encode([NEXT]), 1)
        take_in(*self.urls)
        assert [one.seq for one in stored(self.link)] == [1, 3, 4]
        assert account(self.link) == (received, 3, 0, received - 3)
        (kept,) = rejected(self.link)
        assert kept["ticks"] == received - 3
        return kept


@pytest.fixture
def way(client: "redis.Redis", redis_url: str, database_url: str, connection: Link) -> Way:
    """The ingest from the bus into the database."""
    return Way(client, connection, redis_url, database_url)


def bad(**changed: Any) -> dict[str, Any]:
    return written(tick(seq=2), **changed)


# One bad tick


@pytest.mark.parametrize(
    ("changed", "field", "shown", "reason"),
    [
        ({"last": "NaN"}, "last", "NaN", "NaN is not a finite number"),
        ({"bid": "Infinity"}, "bid", "Infinity", "Infinity is not a finite number"),
        ({"ask": "-Infinity"}, "ask", "-Infinity", "-Infinity is not a finite number"),
        ({"last": "five thousand"}, "last", "five thousand", "Invalid decimal string"),
        ({"last_size": "three"}, "last_size", "three", "Expected `int | null`, got `str`"),
        ({"symbol": None}, "symbol", "None", "is missing"),
        ({"symbol": "BAC"}, "symbol", "BAC", "BAC is not listed"),
        ({"last": "5000.3"}, "last", "5000.3", "5000.3 is not on ES's grid of 0.25"),
        ({"last": "-1.25"}, "last", "-1.25", "is negative, which ES does not allow"),
        ({"ts": "2024-07-01T14:30:00"}, "ts", "2024-07-01T14:30:00", "with a timezone"),
        ({"source": "NOBODY"}, "source", "NOBODY", "NOBODY is not in reference.sources"),
        ({"symbol": "ES';drop table ticks;--"}, "symbol", "ES';drop table ticks;--", "not listed"),
        ({"symbol": 'E"S'}, "symbol", 'E"S', 'E"S is not listed'),
        ({"symbol": "E\x00S"}, "symbol", r"E\x00S", r"E\x00S is not listed"),
        ({"source": "SI\x00M"}, "source", r"SI\x00M", "is not in reference.sources"),
        ({"contract": "ES\nU4"}, "contract", r"'ES\nU4'", "is no contract's code"),
        ({"contract": "\x07"}, "contract", r"'\x07'", "is no contract's code"),
        ({"seq": 2**63}, "seq", str(2**63), "is outside 0 … 2^63-1"),
        ({"seq": -(2**70)}, "seq", str(-(2**70)), "is outside 0 … 2^63-1"),
        ({"volume": 2**64}, "volume", str(2**64), "is outside 0 … 2^63-1"),
        ({"last_size": 10**300}, "last_size", "1" + "0" * 199 + "…", ""),
        ({"last": "1E+1000000"}, "last", "1E+1000000", "does not fit numeric(18,8)"),
        ({"last": "1E-1000000"}, "last", "1E-1000000", ""),
        ({"seq": True}, "seq", "True", "Expected `int`, got `bool`"),
        ({"refused": "\x00: \x00"}, r"\x00", "", r"\x00"),
        ({"side": "BUY"}, "side", "BUY", "Invalid enum value 'BUY'"),
        ({"received_at": None}, "received_at", "None", "is missing"),
        ({"ts": "0001-01-01T00:00:00+05:00"}, "ts", "0001-01-01T00:00:00+05:00", "before 1980"),
        ({"last": None}, "last", "", "is missing on a trade"),
        ({"last": [[[]]]}, "last", "[[[]]]", "Expected"),
    ],
)
def test_a_bad_tick_is_refused_by_field_and_value_and_the_next_good_one_goes_in(
    way: Way, changed: dict[str, Any], field: str, shown: str, reason: str
) -> None:
    kept = way.raw(bad(**changed))
    assert (kept["field"], kept["value"]) == (field, shown)
    assert reason in kept["reason"]
    assert kept["entry_id"] != ""
    assert "\x00" not in kept["payload"]
    payload = json.loads(kept["payload"])
    assert payload["received_at" if "ts" in changed else "ts"] == "2024-07-01T14:30:00.123456Z"
    # What is known of it is in columns, so that it can be found.
    if not {"symbol", "seq"} & changed.keys():
        assert (kept["symbol"], kept["seq"]) == ("ES", 2)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e-999"])
def test_a_bare_number_that_is_no_price_is_refused(way: Way, number: str) -> None:
    kept = way.raw(json.dumps(bad(last="PRICE")).replace('"PRICE"', number))
    assert kept["field"] == "last"
    assert Decimal(kept["value"]).compare_total(Decimal(number)) == 0


@pytest.mark.parametrize("field", ["symbol", "source", "contract", "ts", "last", "refused", "side"])
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(way: Way, field: str) -> None:
    kept = way.raw(json.dumps(bad(**{field: "\ud800: x"})))
    assert r"\ud800" in kept["reason"] + kept["field"]
    assert "ud800" in kept["payload"]
    assert kept["field"] == (r"\ud800" if field == "refused" else field)


def test_a_tick_an_hour_ahead_of_its_own_source_is_refused(way: Way) -> None:
    kept = way.raw(bad(ts="2024-07-01T15:30:00.123456Z"))
    assert (kept["field"], kept["value"]) == ("ts", "2024-07-01T15:30:00.123456+00:00")
    assert "is 3600 s ahead of received_at 2024-07-01T14:30:00.123456+00:00" in kept["reason"]


def test_a_tick_that_is_late_by_years_is_loaded(
    way: Way, redis_url: str, database_url: str, connection: Link, client: "redis.Redis"
) -> None:
    inject(client, wire.encode([tick(ts=TS - timedelta(days=4000))]), 1)
    take_in(redis_url, database_url)
    assert account(connection) == (1, 1, 0, 0)


def test_a_negative_price_is_loaded_where_it_is_legal(
    redis_url: str, database_url: str, connection: Link, bus: Bus
) -> None:
    # 20 April 2020: the May contract settled there.
    crude = tick(symbol="CL", contract="CLK20", last=Decimal("-37.63"))
    bus.publish([crude, tick(seq=2, last=Decimal("-37.75"))])
    take_in(redis_url, database_url)
    assert [(one.symbol, one.last) for one in stored(connection)] == [("CL", Decimal("-37.63"))]
    assert [row["symbol"] for row in rejected(connection)] == ["ES"]


@pytest.mark.parametrize(
    "depth",
    [100, 900, 960, 970, 980, 990, 1000, 100_000],
)
def test_deep_nesting_is_refused_and_the_next_entry_goes_in(
    redis_url: str, database_url: str, connection: Link, client: "redis.Redis", depth: int
) -> None:
    item = json.dumps(bad(bid="DEEP")).replace('"DEEP"', "[" * depth + "]" * depth)
    inject(client, f"[{item}]".encode(), 1)
    inject(client, item.replace("bid", "x").join("[]").encode(), 1)
    inject(client, wire.encode([NEXT]), 1)
    take_in(redis_url, database_url)
    received, inserted, _, refused = account(connection)
    assert (received, inserted + refused) == (3, 3)
    assert NEXT in stored(connection)
    assert rejected(connection)[0]["field"] in ("bid", "entry")


# Bad entries


@pytest.mark.parametrize(
    ("payload", "field", "reason"),
    [
        (b"", "entry", "is not JSON"),
        (b"not JSON \x00\xff", "entry", "is not JSON"),
        (b"[" * 1000, "entry", "is not JSON"),
        (b'{"symbol":"ES"}', "entry", "is dict, not an array of ticks"),
        (wire.encode(many(2, 50)), "n", "says 7, the entry holds 2 ticks"),
        (wire.encode(many(9, 50)), "n", "says 7, the entry holds 9 ticks"),
        (wire.encode(many(7, 50))[:-40], "entry", "is not JSON"),
        (b'[{"seq":' + b"9" * 5000 + b"}]", "entry", "is not JSON"),
    ],
)
def test_a_malformed_entry_is_kept_as_it_came_and_all_its_ticks_are_counted(
    way: Way, payload: bytes, field: str, reason: str
) -> None:
    inject(way.client, wire.encode([BEFORE, AFTER]), 2)
    inject(way.client, payload, 7)
    kept = way.through(received=10)
    assert kept["field"] == field
    assert reason in kept["reason"]
    assert kept["payload"] == payload.decode("utf-8", "backslashreplace").replace("\x00", r"\x00")


def test_an_entry_of_ten_megabytes_is_refused_and_the_next_goes_in(way: Way, bus: Bus) -> None:
    giant = tick(seq=2, contract="X" * 10_000_000)
    # The collector's entry is split until only the giant stands alone.
    assert bus.publish([BEFORE, giant, AFTER]).ticks == 3
    kept = way.through()
    assert kept["field"] == "entry"
    assert "bytes, at most 256000 are taken" in kept["reason"]
    assert json.loads(kept["payload"])[0]["contract"] == "X" * 10_000_000


def test_an_entry_that_is_not_thors_is_acknowledged_and_kept_and_not_counted(
    way: Way, bus: Bus
) -> None:
    way.client.xadd(STREAM, {"hello": "w\x00rld"})
    way.client.xadd(STREAM, {"first": "5", "n": "00001999999999999", "ticks": "[]"})
    inject(way.client, wire.encode([BEFORE, AFTER, NEXT]), 3)
    take_in(*way.urls)
    assert account(way.link) == (3, 3, 0, 0)
    assert [(row["field"], row["ticks"]) for row in rejected(way.link)] == [("entry", 0)] * 2
    assert rejected(way.link)[0]["payload"] == r"hello=w\x00rld"
    state = bus.state()
    assert (state.pending_entries, state.lag_entries) == (0, 0)


def test_everything_bad_at_once_leaves_every_good_tick(
    redis_url: str, database_url: str, connection: Link, client: "redis.Redis"
) -> None:
    values: list[Any] = [
        None, True, -1, 2**70, "", "x", "NaN", "\x00", "\ud800", [], {}, 1.5, "9" * 300,
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "1E+1000000", "1E-1000000",
        "2024-07-01T14:30:00+00:00:00.000001",
    ]  # fmt: skip
    sent = 0
    for field in Tick.__struct_fields__:
        for number, item in enumerate(values):
            sent += 1
            content = bad(**{"seq": 10_000 + sent, field: item})
            # Far from any other, so that none is another's duplicate.
            good = written(tick(seq=sent, ts=TS + timedelta(seconds=number)))
            inject(client, [good, content], 2)
    take_in(redis_url, database_url)
    received, inserted, duplicate, refused = account(connection)
    assert received == 2 * sent
    assert inserted + duplicate + refused == received
    good_rows = "select count(*) from market.ticks where seq between 1 and %s"
    assert value(connection, good_rows, sent) == sent
    # Whatever is kept can be read again.
    assert sum(row["ticks"] for row in rejected(connection)) == refused
    assert len(stored(connection)) == inserted


# At the edge, where the collector publishes


def edge(bus: Bus, connection: Link) -> Publisher:
    return Publisher(bus, instruments.listing(connection), Stop())


def test_a_collectors_seq_that_goes_backwards_is_refused_and_the_next_good_one_is_not(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    duck = edge(bus, connection)
    duck.publish([tick(seq=7), tick(seq=6), tick(seq=7, last=Decimal(5001)), tick(seq=8)])
    duck.publish([tick(seq=3), tick(seq=9), tick(seq=1, source="EXCEL")])
    take_in(redis_url, database_url)
    assert account(connection) == (7, 4, 0, 3)
    kept = [(row["field"], row["value"], row["reason"]) for row in rejected(connection)]
    assert kept == [
        ("seq", "6", "6 comes after 7"),
        ("seq", "7", "7 comes after 7"),
        ("seq", "3", "3 comes after 8"),
    ]


def test_a_number_that_is_refused_does_not_make_those_after_it_go_backwards(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    edge(bus, connection).publish([tick(seq=1), tick(seq=2**63), tick(seq=2)])
    take_in(redis_url, database_url)
    assert [one.seq for one in stored(connection)] == [1, 2]
    assert [row["value"] for row in rejected(connection)] == [str(2**63)]


def test_what_the_edge_refuses_travels_marked_and_never_looks_live(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    duck = edge(bus, connection)
    done = duck.publish([tick(seq=1), tick(seq=2, last=Decimal("6000.1")), tick(seq=3, symbol="?")])
    assert (done.ticks, done.shadowed) == (3, 0)
    assert bus.latest(["ES", "?"])["ES"]["last"] == "5000.25"
    assert "?" not in bus.latest(["ES", "?"])
    take_in(redis_url, database_url)
    assert account(connection) == (3, 1, 0, 2)
    assert [row["reason"] for row in rejected(connection)] == [
        "6000.1 is not on ES's grid of 0.25",
        "? is not listed; `thor instruments add` lists one",
    ]
    payload = json.loads(rejected(connection)[0]["payload"])
    assert payload["refused"] == "last: 6000.1 is not on ES's grid of 0.25"


def test_texts_that_no_wire_can_carry_pass_the_edge_as_refused(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    ticks = [
        tick(seq=1),
        tick(seq=2, symbol="E\ud800S"),
        tick(seq=3, contract="\udfff"),
        tick(seq=4, symbol="E\x00S"),
        tick(seq=5, last=Decimal("1E+1000000")),
        tick(seq=6),
    ]
    assert edge(bus, connection).publish(ticks).ticks == 6
    take_in(redis_url, database_url)
    assert [one.seq for one in stored(connection)] == [1, 6]
    kept = [(row["field"], row["seq"]) for row in rejected(connection)]
    assert kept == [("symbol", 2), ("contract", 3), ("symbol", 4), ("last", 5)]


def test_the_edge_and_the_ingestor_allow_the_same_skew(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    ahead = tick(ts=TS + timedelta(seconds=8), received_at=TS)
    known = instruments.listing(connection)
    Publisher(bus, known, Stop(), skew_max=timedelta(seconds=10)).publish([ahead])
    take_in(redis_url, database_url, skew_max_s=10)
    assert account(connection) == (1, 1, 0, 0)


# Files


@pytest.mark.parametrize("form", ["parquet", "csv", "dbn", "dbn.zst"])
@pytest.mark.parametrize("kept", [0.0, 0.31, 0.62, 0.999])
def test_a_truncated_tape_is_refused_and_nothing_of_it_is_published(
    tmp_path: Path, bus: Bus, connection: Link, form: str, kept: float
) -> None:
    path = tape_file(tmp_path / f"t.{form}", records(2000))
    whole = path.read_bytes()
    # A CSV cut between two rows is a shorter CSV: cut it within one.
    short = whole[: int(len(whole) * kept)].rstrip(b"\n")
    short = short[: short.rfind(b",")] if form == "csv" and short else short
    path.write_bytes(short)
    with pytest.raises(Rejected) as refused:
        admit(connection, path, as_root=None, overlap=False)
    assert str(path) in str(refused.value)
    assert rows(connection, "select * from reference.tapes") == []
    assert rows(connection, "select * from reference.sources where kind = 'tape'") == []
    assert bus.state().received == 0
    path.write_bytes(whole)
    tape, is_new = admit(connection, path, as_root=None, overlap=False)
    assert (tape.records, is_new) == (2000, True)


def test_a_truncated_recording_of_a_vendor_is_refused(
    data: Path, connection: Link, tmp_path: Path
) -> None:
    whole = (data / "raw/esu4-glbx-mdp3-20240701T2358.mbp-1.dbn.zst").read_bytes()
    for at in (10, 100, len(whole) // 2, len(whole) - 1):
        short = tmp_path / f"{at}.dbn.zst"
        short.write_bytes(whole[:at])
        with pytest.raises(Rejected):
            admit(connection, short, as_root=None, overlap=False)


def play(connection: Link, bus: Bus, path: Path, **given: Any) -> Published:
    tape, _ = admit(connection, path, **{"as_root": None, "overlap": False, **given})
    return Published(replay(tape, bus, connection, None, Stop()), 0)


def test_a_tape_that_overlaps_is_refused_until_it_is_asked_for(
    bus: Bus, redis_url: str, database_url: str, connection: Link, tmp_path: Path
) -> None:
    reported = records(11)
    first = tape_file(tmp_path / "first.csv", [reported[0], reported[9]])
    second = tape_file(tmp_path / "second.csv", [reported[5]])
    after = tape_file(tmp_path / "after.csv", [reported[10]])
    play(connection, bus, first)
    # Refused by its neighbour's span before a tick of that is stored, and by the ticks after.
    with pytest.raises(Refused, match=r"second\.csv: overlaps first\.csv"):
        admit(connection, second, as_root=None, overlap=False)
    take_in(redis_url, database_url)
    with pytest.raises(Refused, match="--overlap files it beside"):
        admit(connection, second, as_root=None, overlap=False)
    assert len(rows(connection, "select * from reference.tapes")) == 1
    play(connection, bus, after)
    play(connection, bus, first)
    play(connection, bus, second, overlap=True)
    take_in(redis_url, database_url)
    assert account(connection) == (6, 4, 2, 0)


def test_a_tape_that_overlaps_a_feed_is_refused_by_the_feeds_tick(
    bus: Bus, redis_url: str, database_url: str, connection: Link, tmp_path: Path
) -> None:
    bus.publish([tick(ts=TS.replace(second=5, microsecond=0), source="EXCEL")])
    take_in(redis_url, database_url)
    path = tape_file(tmp_path / "t.csv", records(10, contract=None))
    with pytest.raises(Refused) as refused:
        admit(connection, path, as_root=None, overlap=False)
    assert "t.csv: ES has ticks of EXCEL at 2024-07-01T14:30:05+00:00" in str(refused.value)
    # Filed under its month it is another series, and overlaps nothing.
    month = tape_file(tmp_path / "m.csv", records(10))
    assert admit(connection, month, as_root=None, overlap=False)[1] is True


def test_a_tape_of_an_unlisted_symbol_names_the_command_that_lists_it(
    connection: Link, tmp_path: Path
) -> None:
    path = tape_file(tmp_path / "t.csv", records(1, symbol="BAC", contract=None))
    with pytest.raises(NotFound, match="thor instruments add BAC"):
        admit(connection, path, as_root=None, overlap=False)
    with pytest.raises(NotFound, match=r"none\.csv"):
        admit(connection, tmp_path / "none.csv", as_root=None, overlap=False)


def test_a_bad_record_of_a_tape_is_kept_aside_and_its_neighbours_go_in(
    bus: Bus, redis_url: str, database_url: str, connection: Link, tmp_path: Path
) -> None:
    texts = records(5, last="5528.75")
    texts[1]["last"] = "cheap"
    texts[2]["last"] = "NaN"
    texts[3]["last"] = "5528.80"
    path = tape_file(tmp_path / "t.csv", texts)
    assert play(connection, bus, path).ticks == 5
    take_in(redis_url, database_url)
    assert account(connection) == (5, 2, 0, 3)
    assert [one.seq for one in stored(connection)] == [0, 4]
    kept = [(row["field"], row["value"], row["seq"]) for row in rejected(connection)]
    assert [(field, seq) for field, _, seq in kept] == [("last", 1), ("last", 2), ("last", 3)]
    for shown, row_ in zip(("cheap", "NaN", "5528.8"), rejected(connection), strict=True):
        assert shown in row_["reason"]
