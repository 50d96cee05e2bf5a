"""The desk's signals and the TOTAL, by vectors worked out from its own records."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from ticks_made import rows, tick

from thor.errors import NotFound, Rejected
from thor.market.studies import desk
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter

Link = psycopg.Connection[Any]

# Tokyo's opening of 29 October 2025, in the evening of Chicago's day before.
AT = datetime(2025, 10, 29, 2, 23, 55, tzinfo=UTC)
DAY = date(2025, 10, 29)
CLOSES = {
    "YM": "47396", "ES": "6827", "NQ": "25509.25", "RTY": "2523.7", "CL": "61.50",
    "SI": "48.585", "HG": "5.1225", "GC": "4137.8", "VX": "18.65", "DX": "98.950",
    "ZB": "118.59375",
}  # fmt: skip
JAPAN = {
    "YM": "-74", "ES": "10.75", "NQ": "78.75", "RTY": "-2.1", "CL": "-0.05", "SI": "0.13",
    "HG": "-0.0125", "GC": "-4.8", "VX": "-0.13", "DX": "0.11", "ZB": "0",
}  # fmt: skip
CHINA = JAPAN | {"CL": "0.17", "GC": "0.9", "RTY": "-2.6", "HG": "0"}


def given(connection: Link, changes: dict[str, str], ts: datetime = AT) -> None:
    """Write a quote of each symbol, so much away from EXCEL's previous close."""
    ticks = []
    for seq, (symbol, change) in enumerate(changes.items(), 1):
        connection.execute(
            "insert into market.mark_versions (symbol, trade_date, source, prev_close, received_at)"
            " values (%s, %s, 'EXCEL', %s, %s)"
            " on conflict do nothing",
            (symbol, DAY, CLOSES[symbol], ts),
        )
        last = Decimal(CLOSES[symbol]) + Decimal(change)
        ticks.append(
            tick(
                symbol=symbol, seq=seq + int(ts.timestamp()), ts=ts, received_at=ts,
                source="EXCEL", last=last, last_size=None, is_trade=False,
            )
        )  # fmt: skip
    first = int(ts.timestamp()) * 1000
    TickWriter(connection, "ingest-1").write(
        [EntryTicks(f"{first}-0", first, len(ticks), ticks, [])]
    )


def total(connection: Link, as_of: datetime = AT, of_set: str = "desk") -> dict[str, Any]:
    (found,) = rows(connection, "select * from studies.total_at(%s, %s)", as_of, of_set)
    return found


def signals(connection: Link, as_of: datetime = AT, of_set: str = "desk") -> dict[str, Any]:
    found = rows(connection, "select * from studies.signals_at(%s, %s)", as_of, of_set)
    return {row["symbol"]: row for row in found}


@pytest.mark.parametrize(
    ("changes", "summed", "averaged", "weights", "composite"),
    [
        (JAPAN, "-3051.026544", "-18.416066", 6, "BUY"),
        (CHINA, "-3074.5114", "-18.557821", 5, "BUY"),
    ],
)
def test_the_total_of_the_desk_s_records(
    connection: Link,
    changes: dict[str, str],
    summed: str,
    averaged: str,
    weights: int,
    composite: str,
) -> None:
    given(connection, changes)
    found = total(connection)
    assert found["sum_weighted"] == Decimal(summed)
    assert found["denominator"] == Decimal("165.672")
    assert round(found["avg_weighted"], 6) == Decimal(averaged)
    assert (found["count"], found["missing"], found["as_of"]) == (11, [], AT)
    assert (found["signal_weight_sum"], found["composite_signal"]) == (weights, composite)
    assert found["composite_signal_weight"] == 1


def test_each_symbol_has_its_change_its_threshold_and_its_weights(connection: Link) -> None:
    given(connection, JAPAN)
    found = signals(connection)
    assert list(found) == ["YM", "ES", "NQ", "RTY", "CL", "SI", "HG", "GC", "VX", "DX", "ZB"]
    assert {symbol: row["signal"] for symbol, row in found.items()} == {
        "YM": "STRONG_SELL", "ES": "STRONG_BUY", "NQ": "STRONG_BUY", "RTY": "HOLD", "CL": "HOLD",
        "SI": "STRONG_BUY", "HG": "STRONG_SELL", "GC": "STRONG_SELL", "VX": "STRONG_SELL",
        "DX": "HOLD", "ZB": "HOLD",
    }  # fmt: skip
    gold = found["GC"]
    assert (gold["change"], gold["stat_value"], gold["contract_weight"]) == (
        Decimal("-4.8"), Decimal(-3), Decimal(4),
    )  # fmt: skip
    # A fall of gold counts for shares.
    assert (gold["signal_weight"], gold["score"]) == (2, 1)
    assert (gold["basis_kind"], gold["basis_source"]) == ("prev_close", "EXCEL")
    # -2.1 of 15.
    assert round(found["RTY"]["score"], 8) == Decimal("-0.14")


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        ("6.25", "STRONG_BUY"), ("6", "BUY"), ("1.25", "BUY"), ("1", "HOLD"), ("0", "HOLD"),
        ("-1", "HOLD"), ("-1.25", "SELL"), ("-5.75", "SELL"), ("-6", "STRONG_SELL"),
        ("-6.25", "STRONG_SELL"),
    ],
)  # fmt: skip
def test_a_change_at_a_threshold_is_below_it_but_at_sell(
    connection: Link, change: str, signal: str
) -> None:
    given(connection, {"ES": change})
    assert signals(connection)["ES"]["signal"] == signal


def test_without_a_live_quote_or_a_previous_close_there_is_a_reason_and_no_signal(
    connection: Link,
) -> None:
    given(connection, JAPAN)
    connection.execute("delete from market.mark_versions where symbol = 'NQ'")
    later = AT + timedelta(seconds=40)
    given(connection, {symbol: JAPAN[symbol] for symbol in ("YM", "NQ")}, later)
    found = signals(connection, later)
    assert found["ES"]["reason"] == "the quote is DEAD"
    assert (found["ES"]["signal"], found["ES"]["stat_value"], found["ES"]["score"]) == (
        None, None, None,
    )  # fmt: skip
    assert found["YM"]["signal"] == "STRONG_SELL"
    whole = total(connection, later)
    assert whole["count"] + len(whole["missing"]) == 11
    assert "ES" in whole["missing"]


def test_an_empty_board_has_no_total(connection: Link) -> None:
    found = total(connection)
    assert (found["count"], found["sum_weighted"], found["composite_signal"]) == (0, None, None)
    assert len(found["missing"]) == 11
    assert signals(connection)["ZB"]["reason"] == "no quote"


def test_the_reachable_set_gives_bonds_and_the_dollar_a_signal(connection: Link) -> None:
    given(connection, JAPAN | {"ZB": "-0.1875"})
    found = signals(connection, of_set="reachable")
    # 0.11 is above 0.05, -6/32 below -5/32.
    assert (found["DX"]["signal"], found["ZB"]["signal"]) == ("BUY", "SELL")
    assert (found["DX"]["signal_weight"], found["ZB"]["signal_weight"]) == (-1, 1)
    assert signals(connection)["ZB"]["signal"] == "HOLD"


def test_a_changed_weight_counts_at_once_and_its_old_version_is_kept(connection: Link) -> None:
    given(connection, JAPAN)
    connection.execute(
        "update studies.contract_weights set weight = 5, changed_by = 'me', reason = 'tame YM'"
        " where set = 'desk' and symbol = 'YM'"
    )
    # The Dow's share was -60 x 55 and is -60 x 5.
    assert total(connection)["sum_weighted"] == Decimal("-51.026544")
    (kept,) = rows(
        connection,
        "select * from reference.versions where relation = 'contract_weights' and key = 'desk/YM'",
    )
    assert (kept["version"], kept["content"]["weight"]) == (1, 55)


def test_weights_that_are_all_zero_and_thresholds_out_of_order_are_refused(
    connection: Link,
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="all weights of the set desk are 0"):
        connection.execute("update studies.contract_weights set weight = 0 where set = 'desk'")
    with pytest.raises(psycopg.errors.CheckViolation, match="thresholds_in_order"):
        connection.execute("update studies.thresholds set buy = 7 where symbol = 'ES'")


def test_the_history_of_the_total_has_a_row_a_step(connection: Link) -> None:
    given(connection, JAPAN)
    found = rows(
        connection,
        "select * from studies.total_between(%s, %s, '10 seconds')",
        AT - timedelta(seconds=10),
        AT + timedelta(seconds=10),
    )
    assert [row["count"] for row in found] == [0, 11, 11]
    assert [row["composite_signal"] for row in found] == [None, "BUY", "BUY"]


def test_what_was_live_at_each_moment_of_a_day_is_what_its_replay_gives(connection: Link) -> None:
    changes = [
        JAPAN, {"YM": "12", "CL": "0.3"}, {"ES": "6"}, {"HG": "0.0125", "VX": "0.2"},
        # Most quotes are STALE after these 12 s, and DEAD after 40 more.
        {"NQ": "-3"}, {"RTY": "2.6"}, {"GC": "3.1"}, CHINA,
    ]  # fmt: skip
    seconds = (0, 1, 2, 3, 12, 13, 52, 53)
    live = []
    for after_s, change in zip(seconds, changes, strict=True):
        moment = AT + timedelta(seconds=after_s)
        given(connection, change, moment)
        live.append((moment, total(connection, moment), signals(connection, moment)))
    found = {symbol: row["state"] for symbol, row in live[4][2].items()}
    assert found == dict.fromkeys(JAPAN, "STALE") | {"NQ": "FRESH"}
    assert live[4][1]["count"] == 11
    assert (live[6][1]["count"], live[6][2]["NQ"]["reason"]) == (1, "the quote is DEAD")
    for moment, was_total, were_signals in live:
        assert total(connection, moment) == was_total
        assert signals(connection, moment) == were_signals
    history = rows(
        connection, "select * from studies.total_between(%s, %s, '1 second')", AT, live[-1][0]
    )
    of_moment = {row["moment"]: row["score"] for row in history}
    assert [of_moment[moment] for moment, _, _ in live] == [one["score"] for _, one, _ in live]


def test_a_change_keeps_who_and_why_and_can_be_undone(connection: Link) -> None:
    changed = desk.change(
        connection, "desk", "ES", {"buy": Decimal("1.5")}, changed_by="ann", reason="too many"
    )
    assert (changed["buy"], changed["changed_by"], changed["reason"]) == (
        Decimal("1.5"), "ann", "too many",
    )  # fmt: skip
    assert changed["thresholds_version"] == 2
    assert changed["weight_version"] == 1
    back = desk.undo(connection, "desk", "ES", "thresholds", 1, changed_by="bob")
    assert (back["buy"], back["thresholds_version"], back["changed_by"]) == (1, 3, "bob")
    assert [row["version"] for row in desk.versions(connection, "desk", "ES")] == [2, 1]
    again = desk.undo(connection, "desk", "ES", "thresholds", 2, changed_by="cem")
    assert (again["buy"], again["thresholds_version"], again["reason"]) == (
        Decimal("1.5"), 4, "version 2 again",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("of_set", "symbol", "given", "reason", "error", "text"),
    [
        ("none", "ES", {"buy": 2}, "why", NotFound, "set: 'none' is none of desk, reachable"),
        ("desk", "ZN", {"buy": 2}, "why", NotFound, "symbol: 'ZN' is none of YM, ES"),
        ("desk", "ES", {"bye": 2}, "why", Rejected, "bye: is none of strong_buy"),
        ("desk", "ES", {"buy": 2}, " ", Rejected, "reason: is missing"),
        ("desk", "ES", {"buy": 7}, "why", Rejected, "thresholds: are out of order"),
        ("desk", "ES", {"weight": "NaN"}, "why", Rejected, "weight: NaN is no number"),
        ("desk", "ES", {"strong_sell": 0, "sell": "0.5"}, "why", Rejected, "strong_buy: 6 has"),
    ],
)
def test_an_impossible_change_names_the_field_and_the_reason(
    connection: Link,
    of_set: str,
    symbol: str,
    given: dict[str, Any],
    reason: str,
    error: type[Exception],
    text: str,
) -> None:
    values = {field: Decimal(value) for field, value in given.items()}
    with pytest.raises(error, match=text):
        desk.change(connection, of_set, symbol, values, changed_by="ann", reason=reason)


def test_the_last_weight_that_counts_cannot_be_set_to_zero(connection: Link) -> None:
    connection.execute(
        "update studies.contract_weights set weight = 0 where set = 'desk' and symbol <> 'ES'"
    )
    with pytest.raises(Rejected, match="all weights of the set desk would be 0"):
        desk.change(
            connection, "desk", "ES", {"weight": Decimal(0)}, changed_by="ann", reason="why"
        )
