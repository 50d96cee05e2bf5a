"""Send a stream of server-sent events, and notice clients that leave.

The shared reader writes to a client that keeps up; one that lags, or whose server has no transport
of Thor's, takes slices at its own pace.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Response
from litestar.types import Receive, Scope, Send

from api.transport import EXTENSION
from thor.stream.hub import StreamHub
from thor.stream.subscribers import Subscriber

EVENT_STREAM = "text/event-stream"
LOOK_EVERY_S = 20.0
MayGoOn = Callable[[], Awaitable[bool]]
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # A buffering proxy would delay quotes.
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response[bytes]):
    """A response that lasts as long as its client, the hub, and the right to read it."""

    def __init__(self, hub: StreamHub, subscriber: Subscriber, may_go_on: MayGoOn) -> None:
        """Take the hub, the subscriber, and what says every now and then whether it still may."""
        super().__init__(b"", media_type=EVENT_STREAM)
        self._hub = hub
        self._subscriber = subscriber
        self._may_go_on = may_go_on

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Return the function that sends the stream."""
        return self._send

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*_HEADERS, *((k.encode(), v.encode()) for k, v in self.headers.items())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        extensions: Any = scope.get("extensions") or {}
        self._subscriber.transport = extensions.get(EXTENSION)
        listening = asyncio.create_task(_listen(receive, self._subscriber))
        watching = asyncio.create_task(_watch(self._may_go_on, self._subscriber))
        try:
            async with contextlib.aclosing(self._hub.subscribe(self._subscriber)) as chunks:
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            self._subscriber.transport = None
            listening.cancel()
            watching.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _listen(receive: Receive, subscriber: Subscriber) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.leave()


async def _watch(may_go_on: MayGoOn, subscriber: Subscriber) -> None:
    """End the stream of who was logged out meanwhile."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if not await may_go_on():
            subscriber.leave()
            return
