"""Carry ticks from collectors to readers: the only module that names Redis.

Stage 25, bus. Takes ticks and clocks; gives the latest hash, the unified stream and its consumer
group. Entries that are not acknowledged are never trimmed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from thor.domain import timestamps
from thor.domain.mark import Mark
from thor.domain.tick import SKEW_MAX, Tick
from thor.errors import Broken, Unavailable
from thor.market.bus import messages, wire
from thor.market.bus.messages import (
    AHEAD,
    CLAIM,
    CLOCKS,
    COUNTER,
    GROUP,
    HEARD,
    STREAM,
    BusState,
    Claim,
    Entry,
    Published,
)

_SCRIPTS = Path(__file__).parent / "scripts"
_SEAL = ("key", "signed_after", "next")
_JOB = "thor:job:"
# A job that stops removes its own state; this expires that of a job that was taken out of the
# system.
_JOB_TTL_S = 7 * 86_400
_LEASE = "thor:lease:"
_COLLECTOR = "thor:collector:"
_COLLECTOR_TTL_S = 60
_TAPE = "thor:tape"
_PREDICTIONS = "predictions:stream"
_PREDICTIONS_MAX = 20_000
_ROWS = "features:latest:"
# No retries here: the caller repeats a publish whose answer was lost.
_TIMEOUTS: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 5}
_DOWN = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError, OSError)
# The client strips the server's code from the message of an error that it has a class for.
_FOR_NOW = (
    redis.exceptions.ReadOnlyError,
    redis.exceptions.MasterDownError,
    redis.exceptions.TryAgainError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` where the server is away."""
    try:
        yield
    except _DOWN as error:
        raise Unavailable(f"Redis: {str(error) or type(error).__name__}") from error
    except redis.OutOfMemoryError as error:
        raise Unavailable(f"Redis is out of memory: {error}") from error
    except redis.ResponseError as error:
        is_for_now = isinstance(error, _FOR_NOW) or any(
            word in str(error) for word in messages.FOR_NOW
        )
        raise (Unavailable if is_for_now else Broken)(f"Redis: {error}") from error


def _script(*names: str) -> str:
    """Return scripts that run in the server in one atomic step, one after the other."""
    return "\n".join((_SCRIPTS / f"{name}.lua").read_text() for name in names)


class SourceClock(NamedTuple):
    """How far a source's own time has come, and the symbols that it has looked at."""

    source: str
    ts: datetime
    seen: Sequence[str] = ()


class Bus:
    """The bus as jobs use it, blocking."""

    def __init__(
        self,
        url: str,
        ticks_max: int = 2_000_000,
        keep_s: int = 600,
        skew_max: timedelta = SKEW_MAX,
    ) -> None:
        """Take the server's URL, the ticks the stream may hold, and the seconds kept for resume.

        `skew_max` is how far a feed may be ahead of the server's clock.
        """
        self._redis = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_TIMEOUTS)
        self._ticks_max = ticks_max
        self._keep_ms = keep_s * 1000
        self._skew_max = skew_max
        self._seal = messages.Seal()
        self._publish: Any = self._redis.register_script(
            _script("healed", "counted", "signed", "publish")
        )
        self._clock: Any = self._redis.register_script(
            _script("healed", "counted", "signed", "clock")
        )
        self._marks: Any = self._redis.register_script(_script("counted", "signed", "marks"))
        self._trim = self._redis.register_script(_script("signed", "trim"))
        self._lease = self._redis.register_script(_script("lease"))
        self._release = self._redis.register_script(_script("release"))
        self._reset_clock = self._redis.register_script(_script("healed", "reset_clock"))
        self._rebase = self._redis.register_script(_script("rebase"))
        self._settled = self._redis.register_script(_script("settled"))
        self._predictions = self._redis.register_script(_script("predictions"))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def publish(
        self,
        ticks: list[Tick],
        claims: Mapping[str, Claim] | None = None,
        clock: SourceClock | None = None,
    ) -> Published:
        """Publish what one source emitted together, in order.

        With claims the source is arbitrated: ticks of a symbol that a better source claims are
        counted, not published. `clock` is published before the first tick, in one round trip with
        it. Raises `BusFull`.
        """
        done = Published(0, 0)
        for part, payload in wire.parts(ticks):
            request = messages.PublishRequest(
                part, payload, claims, self._ticks_max, self._skew_max
            )
            outcome = None
            while outcome is None:
                with translated():
                    answer = self._send(request, clock)
                clock = None
                outcome = request.outcome(answer)
            done += outcome
        return done

    def _send(self, request: messages.PublishRequest, clock: SourceClock | None) -> Any:
        if clock is None:
            return self._publish(keys=request.keys, args=request.arguments)
        # One turn of the server's loop, which syncs its file once for both.
        keys, arguments = self._clock_request(clock)
        pipe: Any = self._redis.pipeline(transaction=False)
        pipe.evalsha(self._clock.sha, len(keys), *keys, *arguments)
        pipe.evalsha(self._publish.sha, len(request.keys), *request.keys, *request.arguments)
        found, answer = pipe.execute(raise_on_error=False)
        # A restarted server no longer has the scripts.
        if isinstance(found, redis.exceptions.NoScriptError):
            found = self._clock(keys=keys, args=arguments)
        if isinstance(answer, redis.exceptions.NoScriptError):
            answer = self._publish(keys=request.keys, args=request.arguments)
        for one in (found, answer):
            if isinstance(one, Exception):
                raise one
        return answer

    def publish_clock(self, source: str, ts: datetime, seen: Sequence[str] = ()) -> str | None:
        """Publish the source's clock; returns the entry's id.

        All ticks that it emitted up to then are on the stream already. `seen` are the symbols that
        the source has just looked at: this updates when their quotes were last heard and renews its
        claims on them, without a tick. Nothing is published, and None returned, where the clock is
        ahead of the server's own. Raises `BusFull`.
        """
        keys, arguments = self._clock_request(SourceClock(source, ts, seen))
        with translated():
            answer = self._clock(keys=keys, args=arguments)
        messages.refuse_full(answer)
        return str(answer[1].decode()) if answer[0] == b"ok" else None

    def _clock_request(self, clock: SourceClock) -> tuple[list[str], list[Any]]:
        source, ts, seen = clock
        claims = (CLAIM + symbol for symbol in seen)
        keys = [STREAM, COUNTER, CLOCKS, HEARD + source, AHEAD, *claims]
        skew_us = messages.skew_us(source, self._skew_max)
        head = [source, timestamps.format_utc(ts), self._ticks_max, skew_us]
        return keys, [*head, wire.encode_seen(seen), *seen]

    def publish_marks(self, source: str, marks: Sequence[Mark]) -> list[str]:
        """Publish a source's marks of the day; returns the entries' ids.

        Marks count as no ticks. Raises `BusFull`.
        """
        ids = []
        for payload in wire.encode_marks(marks):
            arguments = [source, payload, self._ticks_max]
            with translated():
                answer = self._marks(keys=[STREAM, COUNTER], args=arguments)
            messages.refuse_full(answer)
            ids.append(str(answer[1].decode()))
        return ids

    def open_group(self) -> None:
        """Create the ingest group, from the stream's beginning, where there is none."""
        with translated():
            try:
                self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
            except redis.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    def read(self, consumer: str, entries_max: int, block_ms: int) -> list[Entry]:
        """Read entries not yet delivered to any consumer; waits at most `block_ms`, 0 is none."""
        return self._read(consumer, ">", entries_max, block_ms or None)

    def after(self, entry_id: str, entries_max: int, block_ms: int) -> list[Entry]:
        """Return entries after an id, outside the group, waiting at most `block_ms` for the first.

        They are neither claimed nor acknowledged.
        """
        with translated():
            found: Any = self._redis.xread(
                {STREAM: entry_id}, count=entries_max, block=max(block_ms, 1)
            )
            return self._entries([raw for _, batch in messages.streams(found) for raw in batch])

    def last_id(self) -> str:
        """Return the newest entry's id, or `0-0` for an empty stream."""
        with translated():
            found: Any = self._redis.xrevrange(STREAM, count=1)
        return found[0][0].decode() if found else "0-0"

    def read_own(self, consumer: str, entries_max: int, after: str = "0") -> list[Entry]:
        """Read entries that this consumer received and did not acknowledge, after an id."""
        return self._read(consumer, after, entries_max, None)

    def claim(self, consumer: str, idle_ms: int, entries_max: int) -> list[Entry]:
        """Claim entries that another consumer left unacknowledged for so long."""
        with translated(), self._group_reopened():
            answer: Any = self._redis.xautoclaim(
                STREAM, GROUP, consumer, min_idle_time=idle_ms, count=entries_max
            )
            return self._entries(answer[1])
        return []

    def _read(
        self, consumer: str, after: str, entries_max: int, block_ms: int | None
    ) -> list[Entry]:
        with translated(), self._group_reopened():
            found: Any = self._redis.xreadgroup(
                GROUP, consumer, {STREAM: after}, count=entries_max, block=block_ms
            )
            raws = [raw for _, batch in messages.streams(found) for raw in batch]
            # One that was deleted since it was given out comes without its fields: there is
            # nothing to take, and the account finds its ticks missing.
            if gone := [raw[0].decode() for raw in raws if not raw[1]]:
                self.acknowledge(gone)
            return self._entries([raw for raw in raws if raw[1]])
        return []

    def _entries(self, raws: Sequence[Any]) -> list[Entry]:
        found = [messages.entry(raw, self._seal) for raw in raws]
        if self._seal.key is None or any(one.first is None for one in found):
            # The bus may have begun anew, with another key.
            answer: Any = self._redis.hmget(COUNTER, _SEAL)
            self._seal = messages.seal(answer)
            found = [messages.entry(raw, self._seal) for raw in raws]
        return found

    @contextmanager
    def _group_reopened(self) -> Iterator[None]:
        # A bus that was wiped meanwhile has no group: create it and read on.
        try:
            yield
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self.open_group()

    def acknowledge(self, entry_ids: list[str]) -> None:
        """Acknowledge committed entries; they may be trimmed from now on."""
        with translated():
            if entry_ids:
                self._redis.xack(STREAM, GROUP, *entry_ids)

    def trim(self) -> int:
        """Trim acknowledged entries past the retention; returns how many."""
        with translated():
            return int(self._trim(keys=[STREAM, COUNTER], args=[self._keep_ms, self._ticks_max]))

    def rebase(self, ordinal: int) -> bool:
        """Restart ordinals where the bus lost some that the database has."""
        with translated():
            return bool(self._rebase(keys=[COUNTER], args=[ordinal]))

    def settled(self) -> tuple[int, int]:
        """Return the first ordinal of this life of the bus, and how far nothing is left to take.

        A tick below the second was acknowledged, or its entry was deleted from the stream.
        """
        with translated():
            try:
                base, bound = self._settled(keys=[STREAM, COUNTER], args=[GROUP])
            except redis.ResponseError as error:
                if "no such key" not in str(error):
                    raise
                return 0, 0
        return int(base), int(bound)

    def state(self) -> BusState:
        """Return the bus in numbers, read in one step."""
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            messages.ask_state(pipe)
            return messages.state(pipe.execute(raise_on_error=False))

    def latest(self, symbols: list[str]) -> dict[str, dict[str, str]]:
        """Return the latest hash of each symbol that has one."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            messages.ask_latest(pipe, symbols)
            return messages.hashes(symbols, pipe.execute(raise_on_error=False))

    def reset_clock(self, source: str, symbols: list[str]) -> int:
        """Forget what a source said that is ahead of the server's clock; returns quotes deleted."""
        keys = [CLOCKS, HEARD + source, AHEAD]
        for symbol in symbols:
            keys += [messages.LATEST + symbol, CLAIM + symbol]
        with translated():
            return int(self._reset_clock(keys=keys, args=[source]))

    def forget_latest(self, symbols: list[str]) -> None:
        """Delete the latest hash of each symbol, so that older ticks may be shown again."""
        with translated():
            if symbols:
                self._redis.delete(*(messages.LATEST + symbol for symbol in symbols))

    def server(self) -> tuple[str, str]:
        """Return the server's version and its policy for full memory."""
        with translated():
            info: Any = self._redis.info("server")
            memory: Any = self._redis.info("memory")
        return str(info.get("valkey_version") or info["redis_version"]), memory["maxmemory_policy"]

    def report(self, job: str, fields: Mapping[str, Any]) -> None:
        """Store a job's state; it expires a week after the last report."""
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(_JOB + job, mapping={k: str(v) for k, v in fields.items()})
            pipe.expire(_JOB + job, _JOB_TTL_S)
            pipe.execute()

    def forget_reports(self) -> None:
        """Delete the states of an earlier run, before the jobs of this run start."""
        with translated():
            for key in self._redis.scan_iter(match=_JOB + "*", count=100):
                self._redis.delete(key)
            self._redis.delete(_TAPE)

    def hold_lease(self, name: str, owner: str, ttl_ms: int) -> str:
        """Take a lease, or renew it where it is the owner's; returns the owner that has it now."""
        with translated():
            answer: Any = self._lease(keys=[_LEASE + name], args=[owner, ttl_ms])
        return str(answer.decode(errors="replace"))

    def release_lease(self, name: str, owner: str) -> bool:
        """Give a lease back; returns whether it was the owner's."""
        with translated():
            return bool(self._release(keys=[_LEASE + name], args=[owner]))

    def report_collector(self, source: str, status: bytes) -> None:
        """Store a collector's status, a JSON object; it expires after 60 s unless repeated."""
        with translated():
            self._redis.set(_COLLECTOR + source, status, ex=_COLLECTOR_TTL_S)

    def report_tape(self, status: bytes) -> None:
        """Report which tape is played and how fast, a JSON object; kept until the next run."""
        with translated():
            self._redis.set(_TAPE, status, ex=_JOB_TTL_S)

    def publish_predictions(self, predictions: Sequence[tuple[int, datetime, bytes]]) -> set[int]:
        """Publish predictions by their rising numbers, each once, before the moment it is too late.

        A prediction is its number, that moment and a JSON object. Returns the numbers of those that
        are published, now or before an answer was lost.
        """
        arguments: list[Any] = [_PREDICTIONS_MAX]
        for number, too_late_at, content in predictions:
            arguments += [number, round(too_late_at.timestamp() * 1e6), content]
        with translated():
            found: Any = self._predictions(keys=[_PREDICTIONS], args=arguments)
        return {int(one) for one in found}

    def begin_predictions(self, newest: int) -> None:
        """Delete the published predictions where their numbers are beyond the database's newest.

        They are of another database, or of one that was restored.
        """
        with translated():
            found: Any = self._redis.xrevrange(_PREDICTIONS, count=1)
            if found and int(found[0][0].decode().partition("-")[0]) > newest:
                self._redis.delete(_PREDICTIONS)

    def remember_rows(self, set_name: str, rows: Mapping[str, dict[Any, Any]]) -> None:
        """Store the newest feature row of a set, fields by name, of each symbol."""
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            for symbol, fields in rows.items():
                key = f"{_ROWS}{set_name}:{symbol}"
                pipe.delete(key)
                pipe.hset(key, mapping=fields)
            pipe.execute()

    def forget_collector(self, source: str) -> None:
        """Delete a collector's status when the collector ends."""
        with translated():
            self._redis.delete(_COLLECTOR + source)


class Listener:
    """The bus as the API uses it: reads only, asynchronous."""

    def __init__(self, url: str) -> None:
        """Take the server's URL; connects at the first call."""
        self._redis = redis.asyncio.Redis.from_url(
            url, retry=AsyncRetry(NoBackoff(), 0), **_TIMEOUTS
        )
        self._seal = messages.Seal()

    async def _entries(self, raws: Sequence[Any]) -> list[Entry]:
        found = [messages.entry(raw, self._seal) for raw in raws]
        if self._seal.key is None or any(one.first is None for one in found):
            # The bus may have begun anew, with another key.
            with translated():
                answer: Any = await self._redis.hmget(COUNTER, _SEAL)
            self._seal = messages.seal(answer)
            found = [messages.entry(raw, self._seal) for raw in raws]
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def last_id(self) -> str:
        """Return the newest entry's id, or `0-0` for an empty stream."""
        with translated():
            found: Any = await self._redis.xrevrange(STREAM, count=1)
        return found[0][0].decode() if found else "0-0"

    async def after(self, entry_id: str, entries_max: int, block_ms: int) -> list[Entry]:
        """Return entries after an id, waiting for the first at most `block_ms`."""
        with translated():
            found: Any = await self._redis.xread(
                {STREAM: entry_id}, count=entries_max, block=max(block_ms, 1)
            )
        return await self._entries([raw for _, batch in messages.streams(found) for raw in batch])

    async def between(self, after: str, until: str, entries_max: int) -> list[Entry]:
        """Return entries after one id up to and with another."""
        with translated():
            found: Any = await self._redis.xrange(STREAM, f"({after}", until, count=entries_max)
        return await self._entries(found)

    async def latest(self, symbols: list[str]) -> dict[str, dict[str, str]]:
        """Return the latest hash of each symbol that has one."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            messages.ask_latest(pipe, symbols)
            return messages.hashes(symbols, await pipe.execute(raise_on_error=False))

    async def heard(self, sources: Collection[str]) -> dict[tuple[str, str], datetime]:
        """Return when each source last looked at each symbol, by (source, symbol)."""
        with translated():
            pipe = self._redis.pipeline(transaction=False)
            names = sorted(sources)
            for source in names:
                pipe.hgetall(HEARD + source)
            found = (
                messages.hashes(names, await pipe.execute(raise_on_error=False)) if names else {}
            )
        return {
            (source, symbol): ts
            for source, fields in found.items()
            for symbol, text in fields.items()
            if (ts := timestamps.parse(text)) is not None
        }

    async def state(self) -> BusState:
        """Return the bus in numbers, read in one step."""
        with translated():
            pipe = self._redis.pipeline(transaction=True)
            messages.ask_state(pipe)
            return messages.state(await pipe.execute(raise_on_error=False))

    async def reports(self) -> dict[str, dict[str, str]]:
        """Return the fields that each job last reported, by job."""
        with translated():
            keys = [key async for key in self._redis.scan_iter(match=_JOB + "*", count=100)]
            pipe = self._redis.pipeline(transaction=False)
            for key in keys:
                pipe.hgetall(key)
            names = [key.decode().removeprefix(_JOB) for key in keys]
            return messages.hashes(names, await pipe.execute(raise_on_error=False))

    async def tape(self) -> bytes | None:
        """Return what the tape that is played last reported, as JSON; None where none is."""
        with translated():
            found: Any = await self._redis.get(_TAPE)
        return None if found is None else bytes(found)

    async def collectors(self) -> dict[str, bytes]:
        """Return the status that each collector last reported, as JSON, by source."""
        with translated():
            keys = [key async for key in self._redis.scan_iter(match=_COLLECTOR + "*", count=100)]
            values: Any = await self._redis.mget(keys) if keys else []
        return {
            key.decode().removeprefix(_COLLECTOR): value
            for key, value in zip(keys, values, strict=True)
            if value is not None
        }
