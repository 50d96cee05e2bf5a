"""The board is the database's own, and every event has the form that the document gives it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from served import Api, publish, serving, streaming
from ticks_made import TS, rows, take_in, tick, wait_for

from api.events import StreamEvent
from api.schemas import BoardRow
from thor.domain.mark import Mark
from thor.market.bus.client import Bus
from thor.market.bus.messages import Claim

Link = psycopg.Connection[Any]
pytestmark = pytest.mark.editions("plain")

SECOND = timedelta(seconds=1)
MOMENT = "2024-07-01T14:31:00Z"


def _same(shown: Any, stored: Any) -> bool:
    if isinstance(stored, Decimal):
        return Decimal(shown) == stored
    if hasattr(stored, "isoformat") and not isinstance(stored, date):
        return bool(shown == stored.isoformat())
    return bool(shown == stored)


def test_the_board_equals_the_select_cell_by_cell(
    api: Api, connection: Link, redis_url: str, database_url: str
) -> None:
    bus = Bus(redis_url)
    bus.publish(
        [
            tick(bid=Decimal("5000.00"), ask=Decimal("5000.25"), volume=10, volume_delta=1),
            tick(symbol="DX", seq=2, last=Decimal("105.001")),
            tick(ts=TS + 2 * SECOND, seq=3, last=Decimal("5001"), volume_delta=2),
        ]
    )
    bus.publish_marks(
        "SIM",
        [Mark(symbol="ES", trade_date=date(2024, 7, 1), received_at=TS, prev_close=Decimal(4990))],
    )
    take_in(redis_url, database_url)
    bus.close()
    found = api.get("/api/board", as_of=MOMENT)
    wanted = rows(connection, "select * from market.quote_metrics(%s)", MOMENT)
    assert [row["symbol"] for row in found] == [row["symbol"] for row in wanted]
    assert len(found) == 11
    for shown, stored in zip(found, wanted, strict=True):
        closes = shown.pop("closes")
        assert shown.keys() == stored.keys()
        for name, value in stored.items():
            text = shown[name]
            if name in ("ts", "received_at", "heard_at"):
                text = msgspec.convert(text, type(value), strict=False) if text else None
            elif isinstance(value, date):
                text = date.fromisoformat(text)
            assert _same(text, value), (stored["symbol"], name, text, value)
        traded = {"ES": ["5001.00"], "DX": ["105.001"]}
        assert closes == traded.get(shown["symbol"], [])
    es = next(row for row in found if row["symbol"] == "ES")
    # 5001 - 4990 = 11; as the instrument shows its prices.
    assert (es["last"], es["net_change"], es["basis"], es["spread_ticks"], es["margin"]) == (
        "5001.00", "11.00", "4990.00", "1", "13000.00",
    )  # fmt: skip


def test_the_forms_of_a_row_are_the_columns_of_the_select(connection: Link) -> None:
    found = connection.execute("select * from market.quote_metrics(now()) limit 0")
    columns = [column.name for column in found.description or []]
    assert [*columns, "closes"] == list(BoardRow.__struct_fields__)


@pytest.mark.parametrize(
    ("moment", "reason"), [("noon", "no time"), ("2024-07-01T14:30:00", "no time zone")]
)
def test_a_moment_that_is_none_is_refused_by_its_name(
    asked_api: Api, moment: str, reason: str
) -> None:
    found = asked_api.problem("/api/board", 422, as_of=moment)
    assert found["detail"].startswith("as_of: ")
    assert reason in found["detail"]


def test_before_the_first_tick_the_board_has_its_rows_and_no_figures(asked_api: Api) -> None:
    found = asked_api.get("/api/board")
    assert len(found) == 11
    assert {row["last"] for row in found} == {row["state"] for row in found} == {None}


def test_a_quote_carries_both_ages_its_state_and_its_basis(
    api: Api, connection: Link, redis_url: str
) -> None:
    connection.execute(
        "insert into market.mark_versions (symbol, trade_date, source, prev_close, received_at)"
        " values ('ES', '2024-07-01', 'EXCEL', 4990, %s)",
        (TS,),
    )
    connection.execute(
        "insert into market.last_values (symbol, trade_date, first_ts, ts, seq, source,"
        " received_at) values ('ES', '2024-07-01', %(ts)s, %(ts)s, 1, 'EXCEL', %(ts)s)",
        {"ts": TS},
    )
    bus = Bus(redis_url)
    bus.publish([tick(source="EXCEL")], {"ES": Claim(20, 5000)})
    # The API may have read the previous closes just before this one was written.
    wait_for(lambda: api.get("/api/quotes")[0]["basis"] is not None, "the previous close")
    (quote,) = api.get("/api/quotes")
    assert (quote["basis"], quote["basis_kind"], quote["basis_source"]) == (
        "4990.00", "prev_close", "EXCEL",
    )  # fmt: skip
    assert quote["state"] == "DEAD"
    assert quote["heard_age_ms"] == quote["age_ms"]
    assert quote["heard_at"] == quote["received_at"]
    # Years later its source looks again, without a change.
    bus.publish_clock("EXCEL", TS + 7 * SECOND, ["ES"])
    (quote,) = api.get("/api/quotes")
    assert quote["age_ms"] - quote["heard_age_ms"] == 7000
    bus.close()


def _typed(event: Any) -> None:
    whole = {"event": event.kind, "data": event.data}
    if event.kind not in ("heard", "signal", "total", "error"):
        whole["id"] = event.id
    found = msgspec.convert(whole, StreamEvent)
    named = {field.encode_name for field in msgspec.structs.fields(type(found.data))}
    assert set(event.data) <= named, event.kind


def test_every_event_has_the_form_that_the_document_gives_it(api: Api, redis_url: str) -> None:
    seen = set()
    with streaming(api, **{"from": "1-0"}) as stream:
        _typed(stream.next("hello"))
        publish(redis_url, [tick()])
        bus = Bus(redis_url)
        bus.publish_clock("SIM", TS + SECOND, ["ES"])
        bus.close()
        while not seen >= {"tick", "quote", "heard"}:
            event = stream.next()
            _typed(event)
            seen.add(event.kind)
    with streaming(api, events="signal,total") as stream:
        _typed(stream.next("signal"))
        _typed(stream.next("total"))


def test_a_source_that_looks_is_heard_on_the_stream_without_a_tick(
    api: Api, redis_url: str
) -> None:
    publish(redis_url, [tick(source="EXCEL")])
    bus = Bus(redis_url)
    with streaming(api, mode="conflated") as stream:
        assert stream.next("quote").data["symbol"] == "ES"
        bus.publish_clock("EXCEL", TS + 9 * SECOND, ["ES", "NQ"])
        heard = stream.next("heard")
        assert heard.id is None
        assert heard.data == {
            "source": "EXCEL", "ts": "2024-07-01T14:30:09.123456Z", "symbols": ["ES", "NQ"],
        }  # fmt: skip
        publish(redis_url, [tick(source="EXCEL", seq=2, ts=TS + SECOND)])
        quote = stream.next("quote").data
        assert quote["heard_at"] == "2024-07-01T14:30:09.123456Z"
    bus.close()


def test_a_recording_ages_by_its_own_clock_on_every_way_to_a_quote(
    connection: Link, redis_url: str, database_url: str
) -> None:
    connection.execute("update ops.edition set nature = 'recorded'")
    publish(
        redis_url,
        [
            tick(symbol="DX", seq=1, last=Decimal("105.001")),
            tick(symbol="NQ", seq=2, ts=TS + 30 * SECOND),
            tick(seq=3, ts=TS + 40 * SECOND),
        ],
    )
    take_in(redis_url, database_url)
    # The newest record is the recording's now: 2024, however late it is today.
    aged = {"ES": (0, "FRESH"), "NQ": (10_000, "STALE"), "DX": (40_000, "DEAD")}

    def of(found: Any) -> dict[str, tuple[int, str]]:
        return {one["symbol"]: (one["age_ms"], one["state"]) for one in found if one["source"]}

    with serving(database_url, redis_url) as api:
        assert of(api.get("/api/quotes")) == aged
        assert of([api.get("/api/quotes/NQ")]) == {"NQ": aged["NQ"]}
        assert of(api.get("/api/board")) == aged
        moment = "market.moment('2026-11-29T00:00:00Z')"
        assert of(rows(connection, f"select * from market.quotes_at({moment})")) == aged
        assert of(rows(connection, f"select * from market.quote_metrics({moment})")) == aged
        (sim,) = [one for one in api.get("/api/system")["sources"] if one["source"] == "SIM"]
        assert sim["state"] == "FRESH"
        with streaming(api, events="quote", mode="conflated") as stream:
            assert of(event.data for event in stream.take(3, "quote")) == aged
            publish(redis_url, [tick(symbol="NQ", seq=4, ts=TS + 50 * SECOND)])
            # The others, older by 50 s now, may come before it.
            while (newest := stream.next("quote").data)["symbol"] != "NQ":
                pass
            assert of([newest]) == {"NQ": (0, "FRESH")}
        assert of([api.get("/api/quotes/ES")]) == {"ES": (10_000, "STALE")}
