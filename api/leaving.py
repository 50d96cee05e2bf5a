"""Cancel what is read for a client that has left.

Stands around the application. A query whose answer nobody waits for is cancelled on the server, so
that a page that is closed or reloaded costs nothing more. What changes something is carried out.
"""

import asyncio
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

_READS = frozenset({"GET", "HEAD"})
# A stream notices by itself that its client leaves.
_ENDLESS = "/stream"
_EMPTY: Any = {"type": "http.request", "body": b"", "more_body": False}
_LEFT: Any = {"type": "http.disconnect"}


class Leaving:
    """The layer that listens for the end of a connection while its answer is made."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application behind it."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a reading one ends when its client leaves."""
        if (
            scope["type"] != ScopeType.HTTP
            or scope["method"] not in _READS
            or scope["path"].endswith(_ENDLESS)
        ):
            await self._app(scope, receive, send)
            return
        listening = asyncio.create_task(_left(receive))
        is_read = False
        is_answered = False

        async def reading() -> Any:
            nonlocal is_read
            if not is_read:
                is_read = True
                return _EMPTY
            await asyncio.shield(listening)
            return _LEFT

        async def sending(message: Any) -> None:
            nonlocal is_answered
            is_answered = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        answering = asyncio.ensure_future(self._app(scope, reading, sending))
        try:
            await asyncio.wait({answering, listening}, return_when=asyncio.FIRST_COMPLETED)
            # The end of an answer ends the listening too: what remains then is soon done.
            if not answering.done() and not is_answered:
                answering.cancel()
                await asyncio.wait({answering})
            else:
                await answering
        finally:
            answering.cancel()
            listening.cancel()
        if not answering.cancelled():
            answering.result()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
