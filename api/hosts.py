"""Refuse requests that are sent to another name, or by a page of another site.

Checks the address to bind, and every request's Host and Origin: a page of another site must not
read or control Thor through a browser. Other names than this machine's are those of
THOR_PUBLIC_URL, once an owner is set up.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import PROBLEM, encoded, problem
from thor.config import Settings
from thor.errors import Refused, Rejected

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
OnRefused = Callable[[Scope, int], Awaitable[None]]


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_host(settings: Settings) -> str:
    """Return the address to bind; raises `Refused` where others could reach it without login."""
    checked_public(settings)
    checked_proxies(settings)
    if is_loopback(settings.api_host):
        return settings.api_host
    if not settings.public_url or settings.auth == "off":
        raise Refused(
            f"THOR_API_HOST: {settings.api_host} can be reached from other machines: name the "
            "address that they use in THOR_PUBLIC_URL, https://thor.example.com say, and leave "
            "THOR_AUTH at auto; or use 127.0.0.1, and an SSH tunnel from elsewhere"
        )
    return settings.api_host


def checked_origins(settings: Settings) -> frozenset[str]:
    """Return the other origins whose pages may ask; raises `Rejected` for what is none."""
    found = _listed(settings.api_origins)
    for origin in found:
        if not _is_origin(origin):
            raise Rejected(
                f"THOR_API_ORIGINS: {origin!r} is no origin; write it as http://localhost:5173"
            )
    return found


def checked_public(settings: Settings) -> frozenset[str]:
    """Return the origins under which other machines reach Thor.

    Raises `Rejected` for what is none, or is not encrypted; `Refused` where nobody logs in.
    """
    found = _listed(settings.public_url)
    for origin in found:
        if not _is_origin(origin) or not origin.startswith("https://"):
            raise Rejected(
                f"THOR_PUBLIC_URL: {origin!r} is no origin of https; write it as "
                "https://thor.example.com: a proxy or a tunnel encrypts"
            )
    if found and settings.auth == "off":
        raise Refused("THOR_AUTH: off is for this machine alone, and THOR_PUBLIC_URL is set")
    return found


def checked_proxies(settings: Settings) -> tuple[Network, ...]:
    """Return the addresses whose forwarded headers are believed; raises `Rejected`."""
    found = []
    for text in sorted(_listed(settings.proxies)):
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            raise Rejected(
                f"THOR_PROXIES: {text!r} is no address; write it as 127.0.0.1 or 172.16.0.0/12"
            ) from None
    return tuple(found)


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


def _listed(text: str | None) -> frozenset[str]:
    return frozenset(filter(None, (one.strip() for one in (text or "").split(","))))


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" == text


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
