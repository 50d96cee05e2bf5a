"""What every answer of the API carries, and what every request is read with.

Stands before the routes: HEAD as GET without a body, empty query values as absent, headers that
keep browsers and caches from guessing, gzip for JSON, and CORS for the origins that are allowed.
"""

import gzip
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl, urlencode

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-site"),
)
# Numbers of a market are of their moment.
_NOT_KEPT = (b"cache-control", b"no-store")
_PACKED_MIN_BYTES = 1_000
_PACKED_KINDS = (b"application/json", b"application/problem+json")
_GZIP_LEVEL = 4
_ENDLESS = "/stream"
_METHODS = b"GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS"
_DAY_S = b"86400"


class Headers:
    """The layer around the application that writes them."""

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        """Take the application behind it, and the origins of other pages that may ask."""
        self._app = app
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and dress its answer."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        scope["query_string"] = _said(scope["query_string"])
        origin = asked.get(b"origin")
        allowed = _cors(origin) if origin is not None and origin in self._origins else []
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
            await _preflight(asked, allowed, send)
            return
        is_head = scope["method"] == "HEAD" and not scope["path"].endswith(_ENDLESS)
        if is_head:
            scope["method"] = "GET"
        takes_gzip = b"gzip" in asked.get(b"accept-encoding", b"")
        answer = _Answer(send, allowed, is_head=is_head, takes_gzip=takes_gzip)
        await self._app(scope, receive, answer.send)


class _Answer:
    def __init__(
        self, send: Send, more: list[tuple[bytes, bytes]], *, is_head: bool, takes_gzip: bool
    ) -> None:
        self._send, self._more = send, more
        self._is_head, self._takes_gzip = is_head, takes_gzip
        self._held: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            named = {name.lower() for name, _ in headers}
            headers += [one for one in (*_SAFE, _NOT_KEPT) if one[0] not in named]
            headers += self._more
            started: Any = {**message, "headers": headers}
            is_packed = self._takes_gzip and b"content-encoding" not in named
            if is_packed and dict(headers).get(b"content-type", b"").startswith(_PACKED_KINDS):
                self._held = started
                return
            await self._send(started)
            return
        if self._held is not None:
            started, self._held = self._held, None
            message = _packed(started, message)
            await self._send(started)
        if self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def _packed(started: Any, message: Any) -> Any:
    """Return the body packed, and say so in the headers, where it is whole and worth it."""
    body = message.get("body", b"")
    if message.get("more_body") or len(body) < _PACKED_MIN_BYTES:
        return message
    body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    kept = [one for one in started["headers"] if one[0].lower() != b"content-length"]
    kept += [
        (b"content-length", b"%d" % len(body)),
        (b"content-encoding", b"gzip"),
        (b"vary", b"accept-encoding"),
    ]
    started["headers"] = kept
    return {**message, "body": body}


def _said(query: bytes) -> bytes:
    """Return a query without the parameters that say nothing."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    said = [pair for pair in pairs if pair[1] != ""]
    return query if len(said) == len(pairs) else urlencode(said).encode("latin-1")


def _cors(origin: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"thor-nature"),
        (b"vary", b"origin"),
    ]


async def _preflight(
    asked: dict[bytes, bytes], allowed: list[tuple[bytes, bytes]], send: Send
) -> None:
    headers = [
        *allowed,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", asked.get(b"access-control-request-headers", b"")),
        (b"access-control-max-age", _DAY_S),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
