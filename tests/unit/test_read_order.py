"""Orders as people ask for them: prices as they are typed, brackets and pairs as one request."""

from decimal import Decimal
from typing import Any

import pytest
from excel_made import INSTRUMENTS as ALL

from thor.domain.instrument import Instrument, Listing
from thor.domain.orders import OrderRequest, check, check_exits, digest_of
from thor.errors import NotFound, Rejected
from thor.flow.read_order import read_change, read_order, read_price

D = Decimal
ES, ZB, CL = ALL["ES"], ALL["ZB"], ALL["CL"]
LISTING = Listing(ALL, {root: root for root in ALL}, frozenset())


def asked(**given: Any) -> tuple[OrderRequest, ...]:
    """Return the orders that fields ask for; ES, BUY 2 at the market where they are left out."""
    fields = {"account_id": "PAPER", "client_order_id": "one", "symbol": "ES"}
    return read_order(LISTING, {**fields, "side": "BUY", "type": "MARKET", "quantity": 2, **given})


@pytest.mark.parametrize(
    ("instrument", "text", "price"),
    [
        (ES, "6873.75", "6873.75"),
        (ES, " 6,873.75 ", "6873.75"),
        (CL, "-37.63", "-37.63"),
        (CL, "\N{MINUS SIGN}0.01", "-0.01"),
        # 118 + 10/32, 118 + 10.5/32 and 118 + 10.3/32.
        (ZB, "118'10", "118.3125"),
        (ZB, "118'10+", "118.328125"),
        (ZB, "118'10.3", "118.321875"),
        (ZB, "118.3125", "118.3125"),
    ],
)
def test_a_price_is_read_as_a_trader_writes_it(
    instrument: Instrument, text: str, price: str
) -> None:
    assert read_price("limit_price", text, instrument) == D(price)


@pytest.mark.parametrize(
    ("instrument", "text", "such_as"),
    [
        *((ES, text, "6873.75") for text in ("soon", "118'10", "5%", "")),
        *((ZB, text, "118'10") for text in ("118'32", "118'32.5")),
    ],
)
def test_what_is_no_price_is_refused_with_how_to_write_one(
    instrument: Instrument, text: str, such_as: str
) -> None:
    with pytest.raises(Rejected, match=f"limit_price: .* is no price; write it as {such_as}"):
        read_price("limit_price", text, instrument)


@pytest.mark.parametrize(
    ("symbol", "text", "near"),
    [
        ("ES", "6873.80", "6873.75 and 6874.00 are"),
        ("ZB", "118'10.3", "118'10 and 118'11 are"),
        ("ZB", "118'10+", "118'10 and 118'11 are"),
        ("CL", "-37.635", "-37.64 and -37.63 are"),
        ("ES", "-1", "0.25 is its lowest"),
        ("ES", "0", "0.25 is its lowest"),
    ],
)
def test_a_refused_price_names_the_nearest_that_are_valid(
    symbol: str, text: str, near: str
) -> None:
    (order,) = asked(symbol=symbol, type="LIMIT", limit_price=text)
    with pytest.raises(Rejected, match=f"limit_price: .*{near}"):
        check(order, ALL[symbol])


def test_a_bracket_is_one_request_with_two_exits_on_the_other_side() -> None:
    entry, profit, loss = asked(take_profit="6880", stop_loss="6870.00", time_in_force="GTC")
    assert (entry.group_id, entry.group_kind, entry.client_order_id) == ("one", "BRACKET", "one")
    assert (profit.side, profit.type, profit.limit_price, profit.stop_price) == (
        *("SELL", "LIMIT", D(6880)),
        None,
    )
    assert (loss.side, loss.type, loss.stop_price, loss.quantity) == ("SELL", "STOP", D(6870), 2)
    assert {one.client_order_id for one in (profit, loss)} == {"one:take_profit", "one:stop_loss"}
    assert {one.time_in_force for one in (profit, loss)} == {"GTC"}
    assert [one.type for one in asked(stop_loss="6870")] == ["MARKET", "STOP"]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"take_profit": "6873.75"}, "take_profit: 6873.75 .* above .* 6873.75; 6874.00 is"),
        ({"stop_loss": "6873.75"}, "stop_loss: 6873.75 .* below .* 6873.75; 6873.50 is"),
        (
            {"side": "SELL", "type": "LIMIT", "limit_price": "6880", "stop_loss": "6879"},
            "stop_loss: 6879.00 is not above the entry at 6880.00; 6880.25 is",
        ),
    ],
)
def test_an_exit_on_the_wrong_side_of_its_entry_is_refused(
    given: dict[str, Any], fault: str
) -> None:
    with pytest.raises(Rejected, match=fault):
        check_exits(asked(**given), D("6873.50"), D("6873.75"), ES)


def test_a_pair_leaves_out_what_is_as_in_the_first() -> None:
    first, other = asked(
        side="SELL",
        type="LIMIT",
        limit_price="6880",
        oco={"type": "STOP", "stop_price": "6870", "limit_price": None, "side": None},
    )
    assert (first.group_kind, other.group_id, other.side) == ("OCO", "one", "SELL")
    assert (other.type, other.stop_price, other.limit_price) == ("STOP", D(6870), None)
    with pytest.raises(Rejected, match="oco: a bracket has none"):
        asked(stop_loss="6870", oco={"type": "STOP", "stop_price": "6870"})


def test_a_request_is_another_one_where_any_part_of_it_is() -> None:
    whole = digest_of(asked(take_profit="6880", stop_loss="6870"))
    assert whole == digest_of(asked(take_profit="6880.00", stop_loss="6870"))
    others = [
        asked(take_profit="6880"),
        asked(take_profit="6880", stop_loss="6869.75"),
        asked(),
    ]
    assert whole not in {digest_of(one) for one in others}


def test_a_change_reads_prices_by_the_order_s_symbol() -> None:
    change = read_change(LISTING, "ZB", {"quantity": None, "limit_price": "118'05"})
    assert (change.quantity, change.limit_price, change.stop_price) == (None, D("118.15625"), None)
    with pytest.raises(NotFound, match="symbol: 'XX' is not listed"):
        read_change(LISTING, "XX", {"limit_price": "1"})
