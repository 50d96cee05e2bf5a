"""Refuse requests from other machines, until people can log in.

Checks the address to bind, and every request's Host and Origin: a page of another site must not
read or control Thor through a browser on this machine.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import PROBLEM, encoded, problem
from thor.config import Settings
from thor.errors import Refused, Rejected


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_host(settings: Settings) -> str:
    """Return the address to bind; raises `Refused` where others could reach it."""
    if not is_loopback(settings.api_host):
        raise Refused(
            f"THOR_API_HOST: {settings.api_host} can be reached from other machines, and there is "
            "no login yet: use 127.0.0.1, and an SSH tunnel from elsewhere"
        )
    return settings.api_host


def checked_origins(settings: Settings) -> frozenset[str]:
    """Return the other origins whose pages may ask; raises `Rejected` for what is none."""
    found = frozenset(
        filter(None, (one.strip() for one in (settings.api_origins or "").split(",")))
    )
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != origin:
            raise Rejected(
                f"THOR_API_ORIGINS: {origin!r} is no origin; write it as http://localhost:5173"
            )
    return found


class HostGuard:
    """The outermost layer: passes on requests from this machine only."""

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        """Take the application behind it, and the origins of other pages that may ask."""
        self._app = app
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a problem."""
        if scope["type"] == ScopeType.HTTP:
            found = _fault(dict(scope["headers"]), self._origins)
            if found is not None:
                await _answer(send, scope["path"], *found)
                return
        await self._app(scope, receive, send)


def _fault(headers: dict[bytes, bytes], origins: Collection[bytes]) -> tuple[int, str, str] | None:
    host = headers.get(b"host", b"").decode("latin-1")
    if not _is_ours(f"//{host}"):
        return 421, "Misdirected Request", f"Host: {host[:80]!r} is not this machine; ask localhost"
    origin = headers.get(b"origin")
    if origin is not None and origin not in origins and not _is_ours(origin.decode("latin-1")):
        shown = origin.decode("latin-1")[:80]
        return 403, "Forbidden", f"Origin: {shown!r} is another site; only this machine's may ask"
    return None


def _is_ours(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port checks that it is one.
        return parts.username is None and parts.port != 0 and is_loopback(parts.hostname or "")
    except ValueError:
        return False


async def _answer(send: Send, path: str, status: int, title: str, detail: str) -> None:
    body = encoded(problem(status, title, detail, path))
    headers = [(b"content-type", PROBLEM.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
