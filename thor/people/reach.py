"""Check who may reach Thor: the address to bind, its public names, the proxies that it believes.

Stage 85, people. Reads the settings, and whether an owner is set up. The API checks as it starts,
`thor up` before it starts anything, `thor doctor` at any time.
"""

import ipaddress
from urllib.parse import urlsplit

from thor import database
from thor.config import Settings
from thor.errors import NotFound, Refused, Rejected, Unavailable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_host(settings: Settings) -> str:
    """Return the address to bind.

    Raises `Refused` where others could reach it without login, `Rejected` for an origin or a proxy
    that is none.
    """
    checked_origins(settings)
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


def check_people(settings: Settings, database_url: str) -> None:
    """Check what the settings ask of the database.

    Raises `Refused`; `Unavailable` where others could reach the API and it cannot be checked.
    """
    is_near = is_loopback(checked_host(settings))
    try:
        with database.connect(database_url, "api people") as connection:
            found = database.row(connection, "people_state")
    except (Unavailable, NotFound):
        # The database may come later: until then nothing is answered that needs to know.
        if not is_near:
            raise
        return
    nature, has_owner = (found["nature"], found["has_owner"]) if found else (None, False)
    if nature == "live" and settings.auth == "off":
        raise Refused("THOR_AUTH: off is never for a live database; leave it at auto")
    if not is_near and not has_owner:
        raise Refused(
            f"THOR_API_HOST: {settings.api_host} can be reached from other machines, and no owner "
            "is set up: `thor user add EMAIL --role owner`, or 127.0.0.1"
        )


def _listed(text: str | None) -> frozenset[str]:
    return frozenset(filter(None, (one.strip() for one in (text or "").split(","))))


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" == text
