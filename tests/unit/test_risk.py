"""Each rule of the risk engine: the last figure that passes, the first that does not, and unknown.

Figures are worked out by hand for ES at 5550 with a multiplier of 50: a contract is 277,500.
"""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from orders_made import ES

from thor.domain.orders import OrderRequest, check, check_stop_side
from thor.errors import Rejected
from thor.trading.risk import Held, RiskContext, Verdict, verdict

D = Decimal
LIMITS = {
    "max_contracts": D(10),
    "max_group_contracts": D(20),
    "gross_exposure": D(5_000_000),
    "net_exposure": D(3_000_000),
    "group_exposure": D(3_000_000),
    "daily_loss": D(2_500),
    "drawdown": D(10_000),
    "margin_pct": D(100),
    "price_band_pct": D(5),
    "orders_per_minute": D(60),
    "duplicate_s": D(1),
    "stale_quote_s": D(5),
    "days_to_notice": D(5),
    "no_open_before_close_minutes": D(5),
    "flat_by_close": D(0),
}
CALM = RiskContext(
    instrument=ES,
    series="ESU24",
    is_tradable=True,
    is_enabled=True,
    is_latched=False,
    is_locked=False,
    bid=D("5550.00"),
    ask=D("5550.25"),
    last=D("5550.00"),
    quote_age_s=0.2,
    session_minutes=400,
    needs_month=True,
    days_to_leave=50,
    held=(),
    equity=D(100_000),
    peak_equity=D(100_000),
    day_pnl=D(0),
    margin=D(10_000),
    margin_used=D(0),
    orders_last_minute=0,
    duplicate_age_s=None,
    limits=LIMITS,
    limits_version=7,
)


def held(quantity: int = 0, **fields: Any) -> Held:
    """Return a position in ESU24 at 5550."""
    values = {"series": "ESU24", "root": "ES", "group": "equity_index", "price": D(5550)}
    return Held(**{**values, "multiplier": D(50), "quantity": quantity, **fields})


def asked(**fields: Any) -> OrderRequest:
    """Return an order to buy 1 ES at the market."""
    values = {"account_id": "PAPER", "client_order_id": "a", "symbol": "ES", "side": "BUY"}
    return OrderRequest(**{**values, "type": "MARKET", "quantity": 1, **fields})


def of(context: dict[str, Any] | None = None, **fields: Any) -> Verdict:
    """Return the verdict on an order in a calm market but for some figures."""
    return verdict(asked(**fields), replace(CALM, **(context or {})))


def test_a_calm_order_passes_and_shows_every_rule_that_was_asked() -> None:
    found = of()
    assert found.is_allowed
    assert found.limits_version == 7
    assert [check.rule for check in found.checks] == [
        *("tradable", "kill_switch", "account", "break", "session", "stale_quote_s", "quote"),
        *("orders_per_minute", "duplicate_s", "no_open_before_close_minutes", "flat_by_close"),
        *(
            "days_to_notice",
            "max_contracts",
            "max_group_contracts",
            "gross_exposure",
            "net_exposure",
        ),
        *("group_exposure", "daily_loss", "drawdown", "margin_pct"),
    ]
    figures = {check.rule: check.figure for check in found.checks}
    assert figures["gross_exposure"] == 277_500
    assert figures["margin_pct"] == 10


YM = Held(
    series="YMU24", root="YM", group="equity_index", multiplier=D(5), quantity=-12, price=D(39_000)
)
FLAT_BY_15 = {**LIMITS, "flat_by_close": D(15)}
# The rule, what passes just, what just does not, what is asked for.
EDGES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("tradable", {}, {"is_tradable": False}, {}),
    ("kill_switch", {}, {"is_latched": True}, {}),
    ("account", {}, {"is_enabled": False}, {}),
    ("break", {}, {"is_locked": True}, {}),
    ("session", {}, {"session_minutes": None}, {}),
    ("stale_quote_s", {"quote_age_s": 5.0}, {"quote_age_s": 5.1}, {}),
    # By a clock that was put back the newest quote is of the future.
    ("stale_quote_s", {"quote_age_s": -5.0}, {"quote_age_s": -3600.0}, {}),
    ("quote", {"bid": None}, {"ask": None}, {}),
    ("orders_per_minute", {"orders_last_minute": 59}, {"orders_last_minute": 60}, {}),
    ("duplicate_s", {"duplicate_age_s": 1.0}, {"duplicate_age_s": 0.999}, {}),
    ("no_open_before_close_minutes", {"session_minutes": 5}, {"session_minutes": 4}, {}),
    ("flat_by_close", {"session_minutes": 15, "limits": FLAT_BY_15},
     {"session_minutes": 14, "limits": FLAT_BY_15}, {}),
    ("days_to_notice", {"days_to_leave": 5}, {"days_to_leave": 4}, {}),
    # 5 held, 3 that buy: 2 more make 10.
    ("max_contracts", {"held": (held(5, buying=3),)}, {"held": (held(5, buying=4),)},
     {"quantity": 2}),
    # Working sales are of no help: the worst of both sides counts.
    ("max_contracts", {"held": (held(8, selling=3),)}, {"held": (held(9, selling=3),)},
     {"quantity": 2}),
    ("max_group_contracts", {"held": (held(7), YM)}, {"held": (held(8), YM)}, {}),
    ("daily_loss", {"day_pnl": D("-2499.99")}, {"day_pnl": D(-2500)}, {}),
    ("drawdown", {"peak_equity": D("109999.99")}, {"peak_equity": D(110_000)}, {}),
    ("margin_pct", {"margin_used": D(80_000)}, {"margin_used": D(80_001)}, {"quantity": 2}),
    ("margin_pct", {}, {"equity": D(0), "peak_equity": D(0)}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "passes", "fails", "order"), EDGES)
def test_a_rule_refuses_just_beyond_its_limit(
    rule: str, passes: dict[str, Any], fails: dict[str, Any], order: dict[str, Any]
) -> None:
    assert of(passes, **order).is_allowed
    found = of(fails, **order)
    assert not found.is_allowed
    assert found.rule == rule
    assert found.reason


@pytest.mark.parametrize(
    ("rule", "most"),
    [
        ("gross_exposure", D(277_500 * 2 + 195_000 * 12)),
        ("net_exposure", D(195_000 * 12 - 277_500)),
        ("group_exposure", D(195_000 * 12 - 277_500)),
    ],
)
def test_exposure_is_what_could_be_held_at_the_price_it_is_marked_at(rule: str, most: D) -> None:
    # A YM is 5 times 39,000: 195,000. 12 of them sold, less the 1 ES that is held for certain, are
    # more than with the 2 that could be.
    context = {"held": (held(1), YM)}
    just = of({**context, "limits": {**LIMITS, rule: most}})
    assert {check.rule: check.figure for check in just.checks}[rule] == most
    assert just.is_allowed
    short = of({**context, "limits": {**LIMITS, rule: D(1)}})
    assert short.rule == rule


@pytest.mark.parametrize(
    ("price", "passes"), [("5827.50", True), ("5827.75", False), ("5272.50", True)]
)
def test_a_price_is_at_most_five_per_cent_from_the_market(price: str, passes: bool) -> None:
    # 5 % of 5550 are 277.50.
    assert of(type="LIMIT", limit_price=D(price)).is_allowed is passes


@pytest.mark.parametrize(
    "field",
    [
        *("quote_age_s", "days_to_leave", "equity", "peak_equity", "day_pnl", "margin"),
        *("margin_used", "orders_last_minute"),
    ],
)
@pytest.mark.parametrize("value", [None, float("nan"), D("NaN"), D("Infinity")])
def test_what_is_not_known_or_no_number_refuses(field: str, value: Any) -> None:
    found = of({field: value})
    assert not found.is_allowed
    assert found.figure is None


@pytest.mark.parametrize("value", [None, D("NaN")])
@pytest.mark.parametrize("rule", LIMITS)
def test_a_limit_that_is_missing_or_no_number_refuses(rule: str, value: D | None) -> None:
    limits = {name: limit for name, limit in LIMITS.items() if name != rule}
    if value is not None:
        limits[rule] = value
    found = of({"limits": limits}, type="LIMIT", limit_price=D("5550.00"))
    assert not found.is_allowed
    assert found.rule == rule


def test_a_position_without_a_price_refuses_what_would_add_to_it() -> None:
    assert of({"held": (replace(YM, price=None),)}).rule == "gross_exposure"


def test_what_only_reduces_passes_every_rule_about_opening() -> None:
    bad = {
        "held": (held(-9),),
        "session_minutes": 1,
        "days_to_leave": 0,
        "equity": None,
        "day_pnl": D(-9_999),
    }
    assert of(bad, quantity=9).is_allowed
    assert not of(bad, quantity=10).is_allowed
    # 3 that work already leave 6.
    assert not of({**bad, "held": (held(-9, buying=3),)}, quantity=7).is_allowed


def test_a_flattening_order_passes_the_switch_and_only_reduces() -> None:
    latched = {"is_latched": True, "held": (held(3),), "quote_age_s": None}
    assert of(latched, side="SELL", quantity=3, is_flattening=True).is_allowed
    assert of(latched, side="SELL", quantity=4, is_flattening=True).rule == "flattening"
    assert of(latched, side="BUY", quantity=1, is_flattening=True).rule == "flattening"
    assert of(latched, side="SELL", quantity=3).rule == "kill_switch"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantity": 0}, "quantity: 0 has to be 1"),
        ({"quantity": -2}, "quantity: -2 has to be 1"),
        ({"quantity": 1.5}, "quantity: 1.5 is no whole number"),
        ({"quantity": True}, "quantity: True is no whole number"),
        ({"side": "LONG"}, "side: 'LONG' is none of BUY, SELL"),
        ({"client_order_id": ""}, "client_order_id: has to be"),
        ({"type": "LIMIT"}, "limit_price: is missing"),
        ({"limit_price": D(1)}, "limit_price: an order of type MARKET has none"),
        (
            {"type": "LIMIT", "limit_price": D("5550.10")},
            "limit_price: 5550.10 is not on ES's grid of 0.25; 5550.00 and 5550.25 are",
        ),
        ({"type": "LIMIT", "limit_price": D("NaN")}, "limit_price: NaN is not a finite number"),
        (
            {"type": "LIMIT", "limit_price": D(-1)},
            "limit_price: -1.00 is negative, .*; 0.25 is its",
        ),
        ({"type": "TRAILING_STOP", "trail_by": D(0)}, "trail_by: 0.00 has to be above 0; 0.25 is"),
        (
            {"type": "TRAILING_STOP", "trail_by": D("9999999999.75"), "is_flattening": True},
            "trail_by: 9999999999.75 is no distance to trail by; give one below 1,000,000,000",
        ),
        ({"type": "STOP"}, "stop_price: is missing"),
        ({"group_id": "g"}, "group_kind: a group has an id and a kind"),
    ],
)
def test_a_malformed_order_is_rejected_by_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Rejected, match=message):
        check(asked(**fields), ES)


def test_a_stop_on_the_wrong_side_of_the_market_is_rejected() -> None:
    quote = D("5550.00"), D("5550.25")
    check_stop_side("BUY", D("5550.50"), *quote, ES)
    check_stop_side("SELL", D("5549.75"), *quote, ES)
    with pytest.raises(Rejected, match="not above the ask 5550.25; .* from 5550.50 on"):
        check_stop_side("BUY", D("5550.25"), *quote, ES)
    with pytest.raises(Rejected, match="not below the bid 5550.00; .* from 5549.75 down"):
        check_stop_side("SELL", D("5550.00"), *quote, ES)


def test_equal_content_has_one_digest_however_its_prices_are_written() -> None:
    one = asked(type="LIMIT", limit_price=D("5550.0"))
    assert one.content_sha256 == asked(type="LIMIT", limit_price=D("5550.00")).content_sha256
    assert one.content_sha256 != asked(type="LIMIT", limit_price=D("5550.25")).content_sha256


def test_a_stop_trails_within_the_price_band() -> None:
    stop: dict[str, Any] = {"type": "TRAILING_STOP", "side": "SELL"}
    assert of(trail_by=D("277.50"), **stop).is_allowed
    refused = of(trail_by=D("277.75"), **stop)
    assert (refused.rule, refused.limit) == ("price_band_pct", 5)


def test_a_flattening_stop_trails_within_the_price_band_too() -> None:
    stop: dict[str, Any] = {"type": "TRAILING_STOP", "side": "SELL", "is_flattening": True}
    latched = {"is_latched": True, "held": (held(3),), "quote_age_s": None}
    assert of(latched, trail_by=D("277.50"), **stop).is_allowed
    assert of(latched, trail_by=D("277.75"), **stop).rule == "price_band_pct"


def test_a_price_below_0_sets_nothing_off_in_the_gross_exposure() -> None:
    oil = held(10, series="CLK20", root="CL", group="energy", multiplier=D(1000), price=D(-37))
    gross = of({"held": (oil,)}, type="MARKET").checks
    figures = {check.rule: check.figure for check in gross}
    assert figures["gross_exposure"] == 277_500 + 370_000
