"""Write a stream's events directly to its connection, where the server allows it.

The shared reader writes to every client that keeps up, so that an event costs one write a client,
not a task's turn and a pass through the HTTP layers.
"""

from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

EXTENSION = "thor.sink"


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
    """The server's protocol, which offers a transport to every request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the transport to the application."""
        super().__init__(*args, **kwargs)
        self.app = _Offer(self.app, self)


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
