"""Send live predictions, as they are published, to those who asked for them.

Stages: 70 models → API. One reader a process asks four times a second, while anybody wants it.
"""

import asyncio
from typing import Any, Literal

import msgspec

from thor import database
from thor.errors import ThorError
from thor.stream.events import event
from thor.stream.quote import Instant
from thor.stream.rows import converted
from thor.stream.subscribers import Subscriber, Subscribers

EVERY_S = 0.25


class LivePrediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a served model predicted as a bar closed; without a value, `refused` says why.

    `value` is 1, 0 or -1 of a direction, a log return of a magnitude, a root of summed squared log
    returns of a volatility. `low` and `high` are its 80% interval.
    """

    prediction_id: int
    model_id: int
    target: str
    horizon: str
    symbol: str
    bar_start: Instant
    revision: int
    known_at: Instant
    value: float | None
    probability: float | None
    confidence: float | None
    low: float | None
    high: float | None
    refused: str | None
    latency_ms: float


# Its kind, as `events` names it.
KIND: Literal["prediction"] = "prediction"


class PredictionWatch:
    """The predictions of one process, as far as they were sent."""

    def __init__(self, pool: Any, subscribers: Subscribers) -> None:
        """Take the database and the subscribers."""
        self._pool, self._subscribers = pool, subscribers
        self._sent: int | None = None

    async def run(self) -> None:
        """Look four times a second, until cancelled; a database that is away is waited for."""
        while True:
            wanting = {one for one in self._subscribers.members if KIND in one.event_filter.world}
            if wanting:
                await self._look(wanting)
            else:
                # A later subscriber is sent what is predicted from then on.
                self._sent = None
            await asyncio.sleep(EVERY_S)

    async def _look(self, wanting: set[Subscriber]) -> None:
        try:
            if self._sent is None:
                (last,) = await database.fetch(self._pool, "last_published_prediction")
                self._sent = last["prediction_id"]
                return
            rows = await database.fetch(self._pool, "predictions_after", {"after": self._sent})
        except ThorError:
            return
        for row in rows:
            one = converted(row, LivePrediction)
            self._sent = one.prediction_id
            frame = event(KIND, one)
            for subscriber in wanting:
                symbols = subscriber.event_filter.symbols
                if symbols is None or one.symbol in symbols:
                    subscriber.notices[f"{KIND} {one.prediction_id}"] = frame
        if rows:
            for subscriber in wanting:
                subscriber.wake()
