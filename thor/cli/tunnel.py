"""`thor tunnel`: check that a tunnel may open Thor to other machines.

Reads the tunnel's file, the settings and the accounts.
"""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from thor.cli.common import console, notes, open_database
from thor.config import Settings
from thor.errors import Refused, Rejected

app = typer.Typer(no_args_is_help=True, help="A tunnel to this Thor, for development.")

USUAL = Path("ops/cloudflared/config.yml")


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="cloudflared's configuration.")] = USUAL,
) -> None:
    """Check a tunnel's rules, and refuse it while people do not log in."""
    from thor.ops import tunnel
    from thor.people import accounts
    from thor.services.home import Home, is_there

    settings = Settings()
    home = Home(settings.home)
    port = home.ports().get("api") if is_there(home.path) else None
    origins = [one.strip() for one in (settings.public_url or "").split(",") if one.strip()]
    hosts = {urlsplit(one).netloc.lower() for one in origins}
    rules = tunnel.rules_of(file)
    found = tunnel.faults(rules, hosts, port or settings.api_port)
    if not any(one.strip() in ("127.0.0.1", "127.0.0.0/8") for one in _listed(settings.proxies)):
        found.append(
            "THOR_PROXIES: 127.0.0.1 is not in it: all of the tunnel's people would have one "
            "address, and wait together after five wrong passwords"
        )
    for fault in found:
        notes.print(fault, markup=False, highlight=False, soft_wrap=True)
    if found:
        raise Rejected(f"{file}: {len(found)} faults")
    with open_database() as connection:
        has_owner = accounts.has_owner(connection)
    if settings.auth == "off" or not has_owner:
        raise Refused(
            "login is off: everybody who knows the name would be the owner; set one up with "
            "`thor user setup-link`, and leave THOR_AUTH at auto"
        )
    console.print(f"{file}: {len(rules)} rules, and people log in", markup=False, highlight=False)


def _listed(text: str | None) -> list[str]:
    return (text or "").split(",")
