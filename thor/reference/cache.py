"""Cache the reference data that quotes need: instruments, sources, the database's nature.

Stages: 10 reference → API. Read from the database every few seconds, so that quotes continue while
PostgreSQL is away.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from thor import clock, database
from thor.database import edition
from thor.domain.instrument import Listing
from thor.domain.nature import Nature
from thor.errors import NotFound, Unavailable
from thor.reference.instruments import listing_of

RENEW_EVERY_S = 5.0
_LOAD_MAX_S = 2.0
_ASK_AGAIN_S = 1.0
_ASKED_MAX = 1_000
# The default staleness of a source that names none of its own.
_STALE_MS = 5_000
_MS = timedelta(milliseconds=1)

Kind = Literal["feed", "simulator", "tape"]
BasisKind = Literal["prev_close", "settlement", "daily_bar"]


class Source(msgspec.Struct, frozen=True):
    """A source as shown in a quote: its kind, its priority, its staleness in ms."""

    kind: Kind | None
    priority: int | None
    stale_after_ms: int


class Basis(msgspec.Struct, frozen=True):
    """A previous close, in points, its kind and its source, as in market.basis."""

    price: Decimal | None
    kind: BasisKind | None
    source: str | None


class Catalogue(msgspec.Struct, frozen=True):
    """The listing of instruments and sources, and the nature of the database.

    With it the previous closes by symbol, and the ages in ms at which a quote is no longer fresh
    and at which it is dead.
    """

    listing: Listing
    sources: Mapping[str, Source]
    preferred: Mapping[tuple[str, str], int]
    edition: str
    nature: Nature
    basis: Mapping[str, Basis] = {}
    stale_ms: int = 5_000
    dead_ms: int = 30_000

    def market_now(self, newest: datetime | None, now: datetime) -> datetime:
        """Return the moment by which quotes age; in SQL `market.moment(now())`.

        In a recorded market that is when the newest record that was replayed was received, else
        `now`. UTC.
        """
        return newest if self.nature == "recorded" and newest is not None else now

    def source_of(self, root: str, source: str) -> Source:
        """Return a source's view of a root; an unknown source has no kind and no priority."""
        known = self.sources.get(source, _UNKNOWN)
        priority = self.preferred.get((root, source))
        if priority is None:
            return known
        return msgspec.structs.replace(known, priority=priority)


_UNKNOWN = Source(None, None, _STALE_MS)


class Reference:
    """The catalogue as last read from the database."""

    def __init__(self, pool: Any) -> None:
        """Take the pool; nothing is read yet."""
        self._pool = pool
        self._asked_s: dict[str, float] = {}
        self.known: Catalogue | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue read last; at least one must have been read."""
        assert self.known is not None
        return self.known

    async def current(self) -> Catalogue:
        """Return the catalogue; raises `Unavailable` where it cannot be read for the first time."""
        return self.known or await self.renew()

    async def symbols_of(self, names: list[str]) -> list[str]:
        """Return the listed symbols that names stand for, each once, in the given order.

        Takes roots, month codes and aliases in any case. Raises `NotFound` naming the first that is
        not listed.
        """
        catalogue = await self.current()
        found: list[str] = []
        for name in names:
            symbol = catalogue.listing.symbol_of(name)
            if symbol is None:
                catalogue = await self.renewed_for(name) or catalogue
                symbol = catalogue.listing.symbol_of(name)
            if symbol is None:
                raise NotFound(f"symbol: {name[:40]!r} is not listed; GET /api/instruments lists")
            found.append(symbol)
        return list(dict.fromkeys(found))

    async def renew(self) -> Catalogue:
        """Read the catalogue again; raises `Unavailable` after 2 s without an answer."""
        try:
            async with asyncio.timeout(_LOAD_MAX_S):
                self.known = await self._load()
        except TimeoutError as error:
            raise Unavailable(f"PostgreSQL: no answer within {_LOAD_MAX_S:g} s") from error
        return self.known

    async def renewed_for(self, name: str) -> Catalogue | None:
        """Read the catalogue again for an unknown symbol or source: it may be new.

        Returns the cached one where that was done for the same name within a second, or where
        PostgreSQL is away.
        """
        now_s = clock.monotonic_s()
        if now_s - self._asked_s.get(name, float("-inf")) < _ASK_AGAIN_S:
            return self.known
        if len(self._asked_s) >= _ASKED_MAX:
            self._asked_s.clear()
        self._asked_s[name] = now_s
        with contextlib.suppress(Unavailable):
            await self.renew()
        return self.known

    async def keep(self) -> None:
        """Read the catalogue again every few seconds, until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.renew()
            await asyncio.sleep(RENEW_EVERY_S)

    async def _load(self) -> Catalogue:
        made = await edition.fetch(self._pool)
        if made is None:
            raise Unavailable("PostgreSQL: the database has no edition yet; run `thor db up`")
        instruments = await database.fetch(self._pool, "instruments")
        series = await database.fetch(self._pool, "series")
        sources = await database.fetch(self._pool, "sources")
        preferences = await database.fetch(self._pool, "source_preferences")
        (limits,) = await database.fetch(self._pool, "quote_limits")
        basis = await database.fetch(self._pool, "basis", {"as_of": clock.now()})
        return Catalogue(
            listing_of(instruments, series, sources),
            {row["source"]: _source(row) for row in sources},
            {(row["symbol"], row["source"]): row["priority"] for row in preferences},
            made.edition,
            made.nature,
            {
                row["symbol"]: Basis(row["basis"], row["basis_kind"], row["basis_source"])
                for row in basis
            },
            limits["stale_after"] // _MS,
            limits["dead_after"] // _MS,
        )


def _source(row: Mapping[str, Any]) -> Source:
    after = row["stale_after"]
    stale_ms = _STALE_MS if after is None else after // timedelta(milliseconds=1)
    return Source(row["kind"], row["priority"], stale_ms)
