"""Refuse requests that are sent to another name, or by a page of another site.

Checks every request's Host and Origin: a page of another site must not read or control Thor
through a browser. Other names than this machine's are those of THOR_PUBLIC_URL, once an owner is
set up.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import PROBLEM, encoded, problem
from thor.people.reach import Network, is_loopback

OnRefused = Callable[[Scope, int], Awaitable[None]]


def client_of(scope: Scope, proxies: Collection[Network]) -> str:
    """Return the address that asks: through named proxies the one that they forward for."""
    peer = (scope.get("client") or ("unknown", 0))[0]
    forwarded = dict(scope["headers"]).get(b"x-forwarded-for")
    if forwarded is None or not _is_of(peer, proxies):
        return str(peer)
    chain = [one.strip() for one in forwarded.decode("latin-1").split(",")]
    # A client may write what it likes at the head; each proxy adds who asked it at the end.
    for address in reversed(chain):
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return str(peer)
        if not _is_of(address, proxies):
            return str(found)
    return str(peer)


class HostGuard:
    """The outermost layer: passes on requests to this machine's names, and its public ones."""

    def __init__(
        self,
        app: ASGIApp,
        origins: Collection[str] = (),
        public: Collection[str] = (),
        is_public: Callable[[], bool] = lambda: False,
        on_refused: OnRefused | None = None,
    ) -> None:
        """Take the application behind it, and the origins of other pages that may ask.

        `public` are the origins under which other machines reach it while `is_public()`;
        `on_refused` records what is refused, with its status.
        """
        self._app = app
        self._origins = {origin.encode() for origin in origins}
        self._public = {origin.encode() for origin in public}
        self._hosts = {_host_of(origin) for origin in public}
        self._is_public = is_public
        self._on_refused = on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a problem."""
        if scope["type"] == ScopeType.HTTP:
            found = self._fault(dict(scope["headers"]))
            if found is not None:
                if self._on_refused is not None:
                    await self._on_refused(scope, found[0])
                await answer(send, scope["path"], *found)
                return
        await self._app(scope, receive, send)

    def _fault(self, headers: dict[bytes, bytes]) -> tuple[int, str, str] | None:
        host = headers.get(b"host", b"").decode("latin-1")
        is_named = host.lower() in self._hosts
        if is_named and not self._is_public():
            detail = (
                f"Host: {host[:80]!r} is answered once an owner is set up: open the set-up link "
                "on the machine itself"
            )
            return 421, "Misdirected Request", detail
        if not is_named and not _is_ours(f"//{host}"):
            detail = (
                f"Host: {host[:80]!r} is not this machine; ask localhost, or name it in "
                "THOR_PUBLIC_URL"
            )
            return 421, "Misdirected Request", detail
        origin = headers.get(b"origin")
        known = self._origins | (self._public if self._is_public() else set())
        if origin is not None and origin not in known and not _is_ours(origin.decode("latin-1")):
            shown = origin.decode("latin-1")[:80]
            return 403, "Forbidden", f"Origin: {shown!r} is another site; only Thor's own may ask"
        return None


async def answer(send: Send, path: str, status: int, title: str, detail: str) -> None:
    """Answer a request with a problem, outside of the application."""
    body = encoded(problem(status, title, detail, path))
    headers = [(b"content-type", PROBLEM.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _host_of(origin: str) -> str:
    return urlsplit(origin).netloc.lower()


def _is_of(address: str, networks: Collection[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _is_ours(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port checks that it is one.
        return parts.username is None and parts.port != 0 and is_loopback(parts.hostname or "")
    except ValueError:
        return False
