"""Decide whether an order may be sent, and say by which rule, limit and figure.

Stage 80, trading. Pure, and fails closed: a figure that is missing or no number, a limit that is
missing, a quote that is old, refuse the order. Every rule is asked, so that the row of a verdict
shows how far the others were from their limits.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeGuard

import msgspec

from thor.domain.instrument import Instrument
from thor.domain.orders import OrderRequest

# The rows of trade.limits, and their units.
LIMITS: dict[str, str] = {
    "max_contracts": "contracts of a symbol",
    "max_group_contracts": "contracts of a correlation group",
    "gross_exposure": "account currency",
    "net_exposure": "account currency",
    "group_exposure": "account currency",
    "daily_loss": "account currency",
    "drawdown": "account currency",
    "margin_pct": "per cent of the account's value",
    "price_band_pct": "per cent of the market's price",
    "orders_per_minute": "orders",
    "duplicate_s": "seconds",
    "stale_quote_s": "seconds",
    "days_to_notice": "business days",
    "no_open_before_close_minutes": "minutes",
    "flat_by_close": "minutes, 0 for never",
}


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A position with the orders that work for it, in contracts.

    `group` is its correlation group; `price`, in points, what it is marked at, null where unknown;
    `buying` and `selling` are the contracts that working orders may still add on each side.
    """

    series: str
    root: str
    group: str
    multiplier: Decimal
    quantity: int = 0
    buying: int = 0
    selling: int = 0
    price: Decimal | None = None


class RiskContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at, as of one moment; null is unknown, and refuses.

    Money is in account currency. `margin` is that of one contract now, `margin_used` of all that is
    held and working. `session_minutes` are those to the close, null where the session is closed.
    `days_to_leave` are business days to first notice or last trade, null where `needs_month` is
    false. `duplicate_age_s` is the age of the newest equal order, null where there is none.
    """

    instrument: Instrument
    series: str
    is_tradable: bool
    is_enabled: bool
    is_latched: bool
    is_locked: bool
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quote_age_s: float | None
    session_minutes: float | None
    needs_month: bool
    days_to_leave: int | None
    held: tuple[Held, ...]
    equity: Decimal | None
    peak_equity: Decimal | None
    day_pnl: Decimal | None
    margin: Decimal | None
    margin_used: Decimal | None
    orders_last_minute: int | None
    duplicate_age_s: float | None
    limits: Mapping[str, Decimal]
    limits_version: int | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule found: its limit and its figure in the rule's unit, and why it refuses."""

    rule: str
    is_passed: bool
    limit: Decimal | None = None
    figure: Decimal | None = None
    reason: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an order may be sent; refused, by the first rule of `checks` that did not pass."""

    is_allowed: bool
    checks: tuple[Check, ...]
    rule: str | None = None
    limit: Decimal | None = None
    figure: Decimal | None = None
    reason: str | None = None
    limits_version: int | None = None


def verdict(order: OrderRequest, context: RiskContext) -> Verdict:
    """Return the verdict on an order that is well formed, by everything that is known."""
    checks = tuple(_checks(order, context))
    refusal = next((check for check in checks if not check.is_passed), None)
    if refusal is None:
        return Verdict(is_allowed=True, checks=checks, limits_version=context.limits_version)
    return Verdict(
        is_allowed=False,
        checks=checks,
        rule=refusal.rule,
        limit=refusal.limit,
        figure=refusal.figure,
        reason=refusal.reason,
        limits_version=context.limits_version,
    )


def is_reducing(order: OrderRequest, context: RiskContext) -> bool:
    """Return whether an order can only make its position smaller, with what works already."""
    own = _own(context)
    working = own.buying if order.sign > 0 else own.selling
    return own.quantity * order.sign < 0 and working + order.quantity <= abs(own.quantity)


def _checks(order: OrderRequest, context: RiskContext) -> Iterator[Check]:
    symbol = order.symbol
    yield _must(
        "tradable",
        context.is_tradable,
        f"{symbol} is not tradable: its feed has no bid and ask of a future",
    )
    if order.is_flattening:
        # Until its entry has filled, an exit has nothing to reduce.
        yield _must(
            "flattening",
            is_reducing(order, context) or order.parent_order_id is not None,
            f"the order would not only reduce the {_own(context).quantity} contracts of "
            f"{context.series} that are held",
        )
        if order.trail_by is not None:
            yield from _of_band(order, context)
        return
    yield _must(
        "kill_switch",
        not context.is_latched,
        "the kill switch is latched: only orders that flatten pass, until an ADMIN resets it",
    )
    yield _must("account", context.is_enabled, f"{order.account_id} takes no orders")
    yield _must(
        "break",
        not context.is_locked,
        f"{symbol} is locked: the broker's position differs; `thor reconcile` shows how to clear "
        "it",
    )
    yield _must("session", context.session_minutes is not None, f"{symbol} is closed now")
    yield from _of_quote(order, context)
    yield from _of_rate(context)
    # An exit waits for its entry, and fills at most what that has filled.
    if order.parent_order_id is None and not is_reducing(order, context):
        yield from _of_opening(order, context)


def _of_quote(order: OrderRequest, context: RiskContext) -> Iterator[Check]:
    age = _number(context.quote_age_s)
    side = "ask" if order.side == "BUY" else "bid"
    price = context.ask if order.side == "BUY" else context.bid
    # A quote from the future is no fresher than an old one: one of the clocks is wrong.
    yield _at_most(
        "stale_quote_s",
        context,
        None if age is None else abs(age),
        f"{order.symbol}'s quote is {_shown(age, ' s')} old",
    )
    yield _must("quote", _is_number(price), f"{order.symbol} has no {side} now")
    yield from _of_band(order, context)


def _of_band(order: OrderRequest, context: RiskContext) -> Iterator[Check]:
    price = context.ask if order.side == "BUY" else context.bid
    base = context.last if context.last is not None else price
    prices = (order.trail_by, order.limit_price, order.stop_price)
    asked = next((one for one in prices if one is not None), None)
    if asked is not None:
        away = None
        if _is_number(base) and base:
            # A stop that trails by more than the band protects nothing.
            by = asked if order.trail_by is not None else abs(asked - base)
            away = by / abs(base) * 100
        yield _at_most(
            "price_band_pct",
            context,
            away,
            f"{asked} is {_shown(away, ' %', 2)} from the market at {base}",
        )


def _of_rate(context: RiskContext) -> Iterator[Check]:
    count = _number(context.orders_last_minute)
    figure = None if count is None else count + 1
    yield _at_most(
        "orders_per_minute",
        context,
        figure,
        f"it would be order {_shown(figure)} within a minute",
    )
    limit = context.limits.get("duplicate_s")
    age = _number(context.duplicate_age_s)
    is_broken = context.duplicate_age_s is not None and age is None
    passed = _is_number(limit) and not is_broken and (age is None or age >= limit)
    yield Check(
        rule="duplicate_s",
        is_passed=passed,
        limit=limit,
        figure=age,
        reason=None
        if passed
        else _unless_missing(limit, f"the same order was placed {_shown(age, ' s', 3)} ago"),
    )


def _of_opening(order: OrderRequest, context: RiskContext) -> Iterator[Check]:
    yield from _of_calendar(order, context)
    after = [_added(one, order) if one.series == context.series else one for one in _all(context)]
    root = context.instrument.symbol
    own = [one for one in after if one.root == root]
    worst = Decimal(sum(_worst(one) for one in own))
    yield _at_most(
        "max_contracts",
        context,
        worst,
        f"{worst} contracts of {root} could be held, working orders counted",
    )
    group = _group_of(context)
    of_group = [one for one in after if one.group == group]
    worst = Decimal(sum(_worst(one) for one in of_group))
    yield _at_most(
        "max_group_contracts",
        context,
        worst,
        f"{worst} contracts of {group} could be held, working orders counted",
    )
    gross, net = _gross(after), _net(after)
    yield _at_most(
        "gross_exposure", context, gross, f"gross exposure could be {_shown(gross, '', 2)}"
    )
    yield _at_most("net_exposure", context, net, f"net exposure could be {_shown(net, '', 2)}")
    together = _net(of_group)
    yield _at_most(
        "group_exposure",
        context,
        together,
        f"exposure to {group} could be {_shown(together, '', 2)}",
    )
    yield from _of_money(order, context)


def _of_calendar(order: OrderRequest, context: RiskContext) -> Iterator[Check]:
    minutes = _number(context.session_minutes)
    yield _at_least(
        "no_open_before_close_minutes",
        context,
        minutes,
        f"{order.symbol} closes in {_shown(minutes, ' minutes')}: nothing is opened into the close",
    )
    yield _at_least(
        "flat_by_close",
        context,
        minutes,
        f"{order.symbol} closes in {_shown(minutes, ' minutes')}, and positions are flattened",
    )
    if context.needs_month:
        days = _number(context.days_to_leave)
        yield _at_least(
            "days_to_notice",
            context,
            days,
            f"{context.series} has {_shown(days, ' business days')} until first notice or last "
            "trade",
        )


def _of_money(order: OrderRequest, context: RiskContext) -> Iterator[Check]:
    equity, peak = _number(context.equity), _number(context.peak_equity)
    pnl, used = _number(context.day_pnl), _number(context.margin_used)
    margin = _number(context.margin)
    loss = None if pnl is None else max(-pnl, Decimal(0))
    yield _below(
        "daily_loss",
        context,
        loss,
        f"the trade date's loss is {_shown(loss, '', 2)}, open included",
    )
    fall = None if equity is None or peak is None else max(peak - equity, Decimal(0))
    yield _below(
        "drawdown", context, fall, f"the account is {_shown(fall, '', 2)} below its highest value"
    )
    share = None
    if equity is not None and used is not None and margin is not None and equity > 0:
        share = (used + margin * order.quantity) / equity * 100
    elif equity is not None and equity <= 0:
        share = Decimal("Infinity")
    yield _at_most(
        "margin_pct",
        context,
        share if share is None or share.is_finite() else None,
        f"margin would be {_shown(share, ' %', 1)} of the account's {_shown(equity, '', 2)}",
    )


def _own(context: RiskContext) -> Held:
    for one in context.held:
        if one.series == context.series:
            return one
    instrument = context.instrument
    return Held(
        series=context.series,
        root=instrument.symbol,
        group=instrument.asset_class,
        multiplier=instrument.multiplier,
        price=_middle(context),
    )


def _all(context: RiskContext) -> list[Held]:
    others = [one for one in context.held if one.series != context.series]
    return [*others, _own(context)]


def _group_of(context: RiskContext) -> str:
    return _own(context).group


def _added(one: Held, order: OrderRequest) -> Held:
    if order.side == "BUY":
        return msgspec.structs.replace(one, buying=one.buying + order.quantity)
    return msgspec.structs.replace(one, selling=one.selling + order.quantity)


def _worst(one: Held) -> int:
    return max(abs(one.quantity + one.buying), abs(one.quantity - one.selling), abs(one.quantity))


def _value(one: Held, quantity: int) -> Decimal | None:
    if not quantity:
        return Decimal(0)
    return None if not _is_number(one.price) else one.price * one.multiplier * quantity


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _gross(held: Iterable[Held]) -> Decimal | None:
    # A price may be below 0, and sets nothing off against another contract.
    values = [_value(one, _worst(one)) for one in held]
    return _sum(None if value is None else abs(value) for value in values)


def _net(held: list[Held]) -> Decimal | None:
    long = _sum(_value(one, one.quantity + one.buying) for one in held)
    short = _sum(_value(one, one.quantity - one.selling) for one in held)
    return None if long is None or short is None else max(abs(long), abs(short))


def _middle(context: RiskContext) -> Decimal | None:
    if context.last is not None:
        return context.last
    if context.bid is not None and context.ask is not None:
        return (context.bid + context.ask) / 2
    return context.ask if context.ask is not None else context.bid


def _must(rule: str, is_passed: bool, reason: str) -> Check:
    return Check(rule=rule, is_passed=is_passed, reason=None if is_passed else reason)


def _at_most(rule: str, context: RiskContext, figure: Decimal | None, reason: str) -> Check:
    return _compared(rule, context, figure, reason, lambda found, limit: found <= limit)


def _at_least(rule: str, context: RiskContext, figure: Decimal | None, reason: str) -> Check:
    return _compared(rule, context, figure, reason, lambda found, limit: found >= limit)


def _below(rule: str, context: RiskContext, figure: Decimal | None, reason: str) -> Check:
    return _compared(rule, context, figure, reason, lambda found, limit: found < limit)


def _compared(
    rule: str, context: RiskContext, figure: Decimal | None, reason: str, passes: Any
) -> Check:
    limit = context.limits.get(rule)
    known = figure if _is_number(figure) else None
    if not _is_number(limit) or known is None:
        text = _unless_missing(limit, f"its figure is not known: {reason}")
        return Check(rule=rule, is_passed=False, limit=limit, figure=known, reason=text)
    if passes(known, limit):
        return Check(rule=rule, is_passed=True, limit=limit, figure=known)
    text = f"{reason}; the limit is {limit:f}"
    return Check(rule=rule, is_passed=False, limit=limit, figure=known, reason=text)


def _unless_missing(limit: Decimal | None, reason: str) -> str:
    return reason if _is_number(limit) else "the rule has no limit: set one in trade.limits"


def _is_number(value: Decimal | None) -> TypeGuard[Decimal]:
    return value is not None and value.is_finite()


def _number(value: float | Decimal | None) -> Decimal | None:
    """Return a figure as a decimal; null where it is missing or no number."""
    if value is None:
        return None
    found = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    return found if found.is_finite() else None


def _shown(value: Decimal | None, unit: str = "", places: int = 1) -> str:
    if value is None:
        return "unknown"
    text = (
        f"{value:.{places}f}" if value != value.to_integral_value() or places == 2 else f"{value:f}"
    )
    return f"{text}{unit}"
