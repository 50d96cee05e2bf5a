"""The wire form: exact both ways, readable, and whatever comes is read or explained."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ticks_made import LISTING, TS, many, tick, written

from thor.domain import timestamps
from thor.domain.tick import RejectedTick, Tick
from thor.flow.validate import validate
from thor.market.bus import wire
from thor.market.bus.messages import Entry

SKEW = timedelta(seconds=5)


def decoded(
    items: list[Any] | bytes, n: int | None = None
) -> tuple[list[Tick], list[RejectedTick]]:
    payload = items if isinstance(items, bytes) else json.dumps(items).encode()
    return wire.decode(payload, len(items) if n is None else n, "7-0")


def only(items: list[Any] | bytes, n: int = 1) -> RejectedTick:
    good, refused = decoded(items, n)
    assert good == []
    assert len(refused) == 1
    return refused[0]


finite = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda units, places: Decimal(units).scaleb(-places), st.integers(-(10**17), 10**17),
    st.integers(0, 8),
)  # fmt: skip
text = st.text(st.characters(exclude_categories=["Cs"]))
count = st.none() | st.integers(0, 2**63 - 1)
utc = st.datetimes(timezones=st.just(UTC))
ticks = st.builds(
    Tick, symbol=text, ts=utc, seq=st.integers(0, 2**63 - 1), source=text, received_at=utc,
    contract=st.none() | text, last=st.none() | finite, bid=st.none() | finite,
    ask=st.none() | finite, last_size=count, bid_size=count, ask_size=count,
    side=st.sampled_from([None, "B", "S"]), volume=count, volume_delta=count,
    is_trade=st.booleans(), is_sampled=st.booleans(), refused=st.none() | text,
)  # fmt: skip


@given(sent=st.lists(ticks, min_size=1, max_size=5))
@example(sent=[tick(contract="T14:30:00Z")])
@example(sent=[tick(refused="ts: 2024-07-01T14:30:00Z")])
def test_what_is_decoded_is_what_was_encoded(sent: list[Tick]) -> None:
    received, refused = wire.decode(wire.encode(sent), len(sent), "7-0")
    assert refused == []
    assert received == sent
    for before, after in zip(sent, received, strict=True):
        for field in ("last", "bid", "ask"):
            # Equal is not enough: 1.0 == 1.00, but a price keeps its digits.
            assert repr(getattr(before, field)) == repr(getattr(after, field))


def test_an_entry_reads_in_a_terminal() -> None:
    one = tick(
        ts=datetime(2024, 7, 1, 14, 30, tzinfo=UTC), received_at=TS, contract="ESU24", side="B"
    )
    assert wire.encode([one]) == (
        b'[{"symbol":"ES","ts":"2024-07-01T14:30:00.000000Z","seq":1,"source":"SIM",'
        b'"received_at":"2024-07-01T14:30:00.123456Z","contract":"ESU24","last":"5000.25",'
        b'"last_size":1,"side":"B","is_trade":true}]'
    )


@pytest.mark.parametrize(
    ("ts", "text"),
    [
        (TS, "2024-07-01T14:30:00.123456Z"),
        (datetime(2024, 7, 1, tzinfo=UTC), "2024-07-01T00:00:00.000000Z"),
        (TS.astimezone(timezone(timedelta(hours=-5))), "2024-07-01T14:30:00.123456Z"),
        (datetime(999, 1, 2, tzinfo=UTC), "0999-01-02T00:00:00.000000Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_microseconds(ts: datetime, text: str) -> None:
    assert timestamps.format_utc(ts) == text
    encoded = wire.encode([tick(ts=ts.astimezone(UTC), received_at=TS)])
    assert f'"ts":"{text}"'.encode() in encoded


inside = st.timedeltas(timedelta(0), timedelta(days=3_650_000)).map(
    lambda since: datetime(2, 1, 1, tzinfo=UTC) + since
)
zones = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))


@given(first=inside, second=inside, zone=zones, other=zones)
def test_instants_as_texts_sort_as_instants(
    first: datetime, second: datetime, zone: timezone, other: timezone
) -> None:
    one, two = (
        timestamps.format_utc(first.astimezone(zone)),
        timestamps.format_utc(second.astimezone(other)),
    )
    assert (one < two) == (first < second)
    assert (one == two) == (first == second)
    assert datetime.fromisoformat(one) == first


@pytest.mark.parametrize(
    ("changed", "field", "value", "reason"),
    [
        ({"last": "abc"}, "last", "abc", "abc: Invalid decimal string"),
        ({"last": [1]}, "last", "[1]", "[1]: Expected"),
        ({"last": True}, "last", "True", "True: Expected"),
        ({"last_size": "7"}, "last_size", "7", "7: Expected `int | null`, got `str`"),
        ({"last_size": 7.5}, "last_size", "7.5", "7.5: Expected `int | null`"),
        ({"seq": "1"}, "seq", "1", "1: Expected `int`, got `str`"),
        ({"seq": True}, "seq", "True", "True: Expected `int`, got `bool`"),
        ({"symbol": 5}, "symbol", "5", "5: Expected `str`, got `int`"),
        ({"symbol": None}, "symbol", "None", "is missing"),
        ({"ts": None}, "ts", "None", "is missing"),
        ({"received_at": None}, "received_at", "None", "is missing"),
        ({"ts": "2024-07-01T14:30:00"}, "ts", "2024-07-01T14:30:00", "with a timezone"),
        ({"ts": "yesterday"}, "ts", "yesterday", "yesterday: Invalid RFC3339"),
        ({"ts": 1719844200}, "ts", "1719844200", "1719844200: Expected `datetime`, got `int`"),
        ({"side": "X"}, "side", "X", "X: Invalid enum value 'X'"),
        ({"is_trade": 1}, "is_trade", "1", "1: Expected `bool`, got `int`"),
    ],
)
def test_one_bad_tick_is_refused_by_field_and_value_and_no_other_with_it(
    changed: dict[str, Any], field: str, value: str, reason: str
) -> None:
    before, after = tick(seq=1), tick(seq=3)
    good, refused = decoded([written(before), written(tick(seq=2), **changed), written(after)])
    assert good == [before, after]
    assert [(one.field, one.value, one.ticks, one.entry_id) for one in refused] == [
        (field, value, 1, "7-0")
    ]
    assert reason in refused[0].reason
    kept = json.loads(refused[0].payload)
    assert all(str(kept.get(name)) == str(item) for name, item in changed.items())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_know_takes_no_neighbour_with_it(number: str) -> None:
    items = [written(tick(seq=seq)) for seq in (1, 2, 3)]
    items[1]["last"] = float(number)
    good, refused = decoded(items)
    # As a decimal it is readable; the validation refuses it as a price.
    assert refused == []
    assert [one.seq for one in good] == [1, 2, 3]
    validated = validate(Entry("7-0", 0, 3, json.dumps(items).encode()), LISTING, SKEW)
    assert [one.seq for one in validated.ticks] == [1, 3]
    assert [(one.field, one.value) for one in validated.rejected] == [("last", number)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[", "is not JSON"),
        (b"{}", "is dict, not an array of ticks"),
        (b"null", "is NoneType, not an array of ticks"),
        (b'"[]"', "is str, not an array of ticks"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "says 3, the entry holds 0 ticks"),
        (json.dumps([written(tick())] * 4).encode(), "says 3, the entry holds 4 ticks"),
        (json.dumps([written(tick(), seq="x")] * 2).encode(), "says 3, the entry holds 2 ticks"),
    ],
)
def test_a_malformed_entry_accounts_for_all_its_ticks(payload: bytes, reason: str) -> None:
    refused = only(payload, n=3)
    assert refused.ticks == 3
    assert reason in refused.reason
    assert refused.payload == wire.text_of(payload)


def test_an_entry_that_is_too_large_is_refused_unread() -> None:
    at_most = json.dumps([written(tick(), note="x" * 255_000)]).encode()
    assert len(at_most) <= wire.ENTRY_BYTES_MAX
    assert len(decoded(at_most, 1)[0]) == 1
    payload = json.dumps([written(tick(), note="x" * 10_000_000)]).encode()
    refused = only(payload)
    assert (refused.field, refused.value) == ("entry", str(len(payload)))
    assert f"{len(payload)} bytes, at most 256000 are taken" in refused.reason


def test_nesting_of_any_depth_is_refused_with_a_reason() -> None:
    item = json.dumps(written(tick(seq=2), last_size="DEEP")).encode()
    # Around the interpreter's limit one decoder gives up where another still reads.
    for depth in (*range(900, 1010), 100_000):
        for nested in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
            payload = b"[" + item.replace(b'"DEEP"', nested) + b"]"
            refused = only(payload[:250_000])
            assert refused.field in ("last_size", "entry")
            unknown = payload.replace(b'"last_size"', b'"unknown"')
            good, rest = wire.decode(unknown[:250_000], 1, "7-0")
            assert len(good) + sum(one.ticks for one in rest) == 1


def test_what_is_no_text_is_kept_escaped() -> None:
    assert wire.text_of(b"a\x00b\xffc") == r"a\x00b\xffc"
    assert wire.text_of("£5".encode()) == "£5"


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, -(2**63) - 1, 2**70, 10**4200])
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(
        [
            "ES",
            "2024-07-01T14:30:00Z",
            "2024-07-01T14:30:00",
            "1E+1000000",
            "1E-2000000",
            "NaN",
            "sNaN",
            "-Infinity",
            "5000.25",
            "\x00",
            "\ud800",
            "0001-01-01T00:00:00+05:00",
            "9999-12-31T23:59:59-05:00",
            "2024-07-01T14:30:00+00:00:00.000001",
            "seq: 1 comes after 7",
            "\x00: \ud800",
            "5000.25" + "0" * 30_000,
            "A NUMBER OF 5000 DIGITS",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
fields = st.sampled_from([*Tick.__struct_fields__, "unknown"])
mutated = st.builds(
    lambda seq, changes, gone: {
        name: item
        for name, item in {**written(tick(seq=seq, bid=Decimal(5000))), **changes}.items()
        if name not in gone
    },
    st.integers(0, 2**63 - 1),
    st.dictionaries(fields, any_json, max_size=3),
    st.sets(fields, max_size=1),
)


def dumped(value: Any) -> bytes:
    # Longer integers than Python writes are still bytes that may come.
    return json.dumps(value).encode().replace(b'"A NUMBER OF 5000 DIGITS"', b"9" * 5000)


def explained(payload: bytes, n: int) -> None:
    """Check the promises of the decoder, and of the validation behind it, for any bytes."""
    good, refused = wire.decode(payload, n, "7-0")
    assert len(good) + sum(one.ticks for one in refused) == n
    validated = validate(Entry("7-0", 5, n, payload), LISTING, SKEW)
    assert len(validated.ticks) + sum(one.ticks for one in validated.rejected) == n
    for one in (*refused, *validated.rejected):
        for name in ("field", "value", "reason", "payload", "entry_id", "symbol", "source"):
            kept = getattr(one, name)
            if kept is not None:
                # Text as PostgreSQL takes it.
                assert "\x00" not in kept
                kept.encode()
        assert one.reason or one.field == ""
        assert one.seq is None or (type(one.seq) is int and -(2**63) <= one.seq < 2**63)
        # What the driver can write and read back.
        assert one.ts is None or one.ts.astimezone(UTC) == one.ts
    for read in validated.ticks:
        assert msgspec.json.decode(wire.encode([read]), type=list[Tick]) == [read]


@given(payload=st.binary(max_size=300), n=st.integers(1, 1000))
def test_any_bytes_are_read_or_explained(payload: bytes, n: int) -> None:
    explained(payload, n)


@given(value=any_json, n=st.integers(1, 3))
def test_any_json_is_read_or_explained(value: Any, n: int) -> None:
    explained(dumped(value), n)


@settings(max_examples=400)
@given(items=st.lists(mutated | any_json, min_size=1, max_size=4))
@example(items=[written(tick(), symbol="\ud800")])
@example(items=[written(tick(), contract="\ud800")])
@example(items=[written(tick(), source="\udfff")])
@example(items=[written(tick(), refused="\ud800: \udc00")])
@example(items=[written(tick(), refused="\x00: \x00")])
@example(items=[written(tick(), seq=True)])
@example(items=[written(tick(), last="1E+1000000")])
@example(items=[written(tick(), bid="1E+999999999999")])
@example(items=[written(tick(), ts="0001-01-01T00:00:00+05:00")])
@example(items=[written(tick(), ts="0001-01-01T00:00:00+05:00", seq="x")])
@example(items=[written(tick(), ts="2024-07-01T14:30:00+00:00:00.000001")])
def test_any_tick_gone_wrong_is_read_or_explained(items: list[Any]) -> None:
    explained(dumped(items), len(items))


@settings(max_examples=300)
@given(
    at=st.integers(0, 10_000), gone=st.integers(0, 40), put=st.binary(max_size=8),
    n=st.sampled_from([3, 3, 3, 2]),
)  # fmt: skip
def test_a_real_entry_with_bytes_changed_anywhere_is_read_or_explained(
    at: int, gone: int, put: bytes, n: int
) -> None:
    payload = wire.encode(many(3, contract="ESU24", bid=Decimal(5000), side="S"))
    place = at % (len(payload) + 1)
    explained(payload[:place] + put + payload[place + gone :], n)
