"""Write a stream's events directly to its connection, where the server allows it.

The shared reader writes to every client that keeps up, so that an event costs one write a client,
not a task's turn and a pass through the HTTP layers.
"""

import asyncio
import sys
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

if sys.platform != "win32":
    import resource

EXTENSION = "thor.sink"
REQUEST_WITHIN_S = 15.0
CONNECTIONS_MAX = 1000
# Descriptors for the database's pool, the bus, files and logs.
_RESERVED = 64


class ChunkedTransport:
    """The body of one chunked response; each write is one chunk."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: H11Protocol) -> None:
        """Take the connection, whose response must have begun."""
        self._protocol = protocol

    def write(self, frames: bytes) -> bool:
        """Write at once and return True; False, nothing written, if the client lags or left."""
        protocol = self._protocol
        if protocol.flow.write_paused or protocol.transport.is_closing():
            return False
        protocol.transport.write(b"%x\r\n%b\r\n" % (len(frames), frames))
        return True


class TransportProtocol(H11Protocol):
    """The server's protocol, which offers a transport to every request.

    A request has `REQUEST_WITHIN_S` seconds to come whole; of more than `connections_max()`
    connections the newest is closed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the transport to the application."""
        super().__init__(*args, **kwargs)
        self.app = _Offer(self.app, self)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > connections_max():
            transport.abort()
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._unwatch()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        cycle = self.cycle
        is_waiting = cycle is None or cycle.response_complete or cycle.more_body
        if not is_waiting:
            self._unwatch()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(REQUEST_WITHIN_S, self.transport.abort)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def connections_max() -> int:
    """Return how many connections are kept: some descriptors are kept free."""
    if sys.platform == "win32":
        return CONNECTIONS_MAX
    return min(CONNECTIONS_MAX, max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _RESERVED, 1))


class _Offer:
    def __init__(self, app: Any, protocol: H11Protocol) -> None:
        self._app: ASGIApp = app
        self._protocol = protocol

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Only HTTP/1.1 bodies come in chunks.
        if scope.get("http_version") == "1.1":
            offers: dict[str, Any] = {EXTENSION: ChunkedTransport(self._protocol)}
            scope["extensions"] = {**(scope.get("extensions") or {}), **offers}
        await self._app(scope, receive, send)
