"""Instruments, their series, and the sources that publish them.

Stage 10, reference. Pure: rows of `reference.*` arrive as arguments.
"""

import re
from decimal import Decimal

import msgspec

from thor.domain.series import bare, parse_month_code
from thor.errors import NotFound, Rejected

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9._$]{0,15}")
# The digits of numeric(18,8) and numeric(18,2) before the point, and after it.
_PRICE_DIGITS = 10
_MARGIN_DIGITS = 16
_DECIMALS_MAX = 8
_FINEST = Decimal("0.00000001")
_FEWEST_PARTS = 32


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A tradable root: its grid, its money and its calendar.

    Where `is_negative_legal` is false prices are above 0, and a feed's 0 says that it has none.

    `tick_size` is the exchange's smallest move and `multiplier` the money a
    full point is worth, in `currency`; `quote_increment` is the grid of the
    feed, which may be finer. `margin` is per contract, in `currency`.
    """

    symbol: str
    name: str
    exchange: str
    asset_class: str
    calendar: str
    currency: str = "USD"
    tick_size: Decimal
    quote_increment: Decimal
    multiplier: Decimal
    display_precision: int
    margin: Decimal | None = None
    is_negative_legal: bool = False
    sort_order: int = 1000
    aliases: tuple[str, ...] = ()
    version: int = 1

    @property
    def is_quoted_in_32nds(self) -> bool:
        """Whether prices are whole parts of a 32nd, as a bond's are."""
        parts = 1 / self.quote_increment
        if parts != parts.to_integral_value() or parts < _FEWEST_PARTS:
            return False
        whole = int(parts)
        return whole & (whole - 1) == 0

    def price_text(self, price: Decimal) -> str:
        """Return a price as a trader writes it: `118'10` and `118'10+` in 32nds, else decimals."""
        if not price.is_finite():
            return str(price)
        halves = abs(price) * 64
        if not self.is_quoted_in_32nds or halves != halves.to_integral_value():
            return f"{price:.{max(self.display_precision, precision_of(price))}f}"
        whole, rest = divmod(int(halves), 64)
        sign = "-" if price < 0 else ""
        return f"{sign}{whole}'{rest // 2:02}{'+' if rest % 2 else ''}"

    def price_fault(self, price: Decimal) -> str | None:
        """Return why a price cannot be this instrument's, or None."""
        # The quick check: almost every price passes it. The reasons below are for the others.
        is_plain = price.is_finite() and -_DECIMALS_MAX <= price.adjusted() < _PRICE_DIGITS
        if is_plain and not price % self.quote_increment and (price > 0 or self.is_negative_legal):
            return None
        return self._fault(price)

    def _fault(self, price: Decimal) -> str | None:
        if not price.is_finite():
            return "is not a finite number"
        # Compare the exponent of the first digit: decimal arithmetic has limits of its own.
        if price and price.adjusted() >= _PRICE_DIGITS:
            return "does not fit numeric(18,8)"
        if price and (price.adjusted() < -_DECIMALS_MAX or price % self.quote_increment):
            return f"is not on {self.symbol}'s grid of {self.quote_increment:f}"
        if price < 0 and not self.is_negative_legal:
            return f"is negative, which {self.symbol} does not allow"
        if not price and not self.is_negative_legal:
            return f"is no price of {self.symbol}, whose prices are above 0"
        return None


class Listing:
    """The instruments, series and sources that the database lists now.

    Immutable in meaning: a change of reference data makes a new listing.
    """

    def __init__(
        self,
        instruments: dict[str, Instrument],
        series: dict[str, str],
        sources: frozenset[str],
    ) -> None:
        """Take instruments by root, the root of each series, and the source ids."""
        self.instruments = instruments
        self.series = series
        self.sources = sources
        self._by_symbol = {
            symbol: instruments[root] for symbol, root in series.items() if root in instruments
        }
        self._by_symbol.update(instruments)
        self._aliases = {
            alias: root for root, instrument in instruments.items() for alias in instrument.aliases
        }

    def instrument(self, symbol: str) -> Instrument | None:
        """Return the instrument behind a root or a month code, or None."""
        return self._by_symbol.get(symbol)

    def knows_source(self, source: str) -> bool:
        """Return whether the source is in `reference.sources`."""
        return source in self.sources

    def symbol_of(self, name: str) -> str | None:
        """Return the listed symbol of a feed's or a person's name, or None.

        Takes roots, aliases (`$DXY`), months in every spelling (`ESH24`, `ESH2024`, and `ESH4`
        where one such month is listed), a leading slash and an exchange (`/ES:XCME`). Raises
        `Rejected` where one digit of a year leaves several months.
        """
        known = bare(name).upper()
        if known in self._by_symbol:
            return known
        if known in self._aliases:
            return self._aliases[known]
        return self._month(known)

    def listed(self, name: str) -> tuple[str, Instrument]:
        """Return the listed symbol of a name, and its instrument; raises `NotFound`."""
        symbol = self.symbol_of(name)
        instrument = None if symbol is None else self.instrument(symbol)
        if symbol is None or instrument is None:
            raise NotFound(f"symbol: {name[:40]!r} is not listed; see `thor instruments list`")
        return symbol, instrument

    def _month(self, name: str) -> str | None:
        code = parse_month_code(name)
        if code is None or code.root not in self.instruments:
            return None
        digits = code.year[-2:]
        found = [
            symbol
            for symbol, root in self.series.items()
            if root == code.root
            and symbol.startswith(f"{code.root}{code.letter}")
            and symbol.endswith(digits)
            and len(symbol) == len(code.root) + 3
        ]
        if len(found) > 1:
            raise Rejected(f"symbol: {name} is {' and '.join(sorted(found))}: write its year")
        return found[0] if found else None


def precision_of(increment: Decimal) -> int:
    """Return the decimals that show a price of this grid whole: 2 for 0.25, 6 for 0.015625."""
    return max(-int(increment.normalize().as_tuple().exponent), 0)


def checked(instrument: Instrument) -> Instrument:
    """Return the instrument, or raise `Rejected` naming the field and the fix."""
    if not _SYMBOL.fullmatch(instrument.symbol):
        raise Rejected(
            f"symbol: {instrument.symbol!r} may hold A-Z, 0-9, '.', '_' and '$' only, "
            "16 characters at most"
        )
    for field in ("tick_size", "quote_increment", "multiplier"):
        value: Decimal = getattr(instrument, field)
        if not value.is_finite() or value <= 0:
            raise Rejected(f"{field}: {value} has to be a number above 0")
        if value.adjusted() >= _PRICE_DIGITS:
            raise Rejected(f"{field}: {value} has to be below 10^{_PRICE_DIGITS}")
        if value % _FINEST:
            raise Rejected(f"{field}: {value} has more than 8 decimal places")
    if instrument.tick_size % instrument.quote_increment:
        raise Rejected(
            f"quote_increment: {instrument.quote_increment} does not divide "
            f"tick_size {instrument.tick_size}"
        )
    margin = instrument.margin
    if margin is not None and not (margin.is_finite() and margin >= 0):
        raise Rejected(f"margin: {margin} has to be 0 or more")
    if margin is not None and margin.adjusted() >= _MARGIN_DIGITS:
        raise Rejected(f"margin: {margin} has to be below 10^{_MARGIN_DIGITS}")
    if not 0 <= instrument.display_precision <= _DECIMALS_MAX:
        shown = instrument.display_precision
        raise Rejected(f"display_precision: {shown} has to be 0 to {_DECIMALS_MAX}")
    return instrument
