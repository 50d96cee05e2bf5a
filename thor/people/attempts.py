"""Make those wait who guess: five wrong attempts in five minutes, per account and per address.

Stage 85, people. Attempts are rows, so that a restart forgives nothing, and each is counted before
it is checked, so that many at once are counted too.
"""

import ipaddress
from datetime import timedelta
from typing import Any, Literal

from thor import database
from thor.database import Connection
from thor.errors import Throttled
from thor.people import tokens

MOST = 5
WITHIN = timedelta(minutes=5)
Kind = Literal["login", "register", "setup", "password"]
# A password is guessed by login and where it is changed alike.
_COUNTED: dict[Kind, list[str]] = {
    "login": ["login", "password"],
    "password": ["login", "password"],
    "register": ["register"],
    "setup": ["setup"],
}


def begin(connection: Connection[Any], kind: Kind, account: str, address: str) -> int:
    """Count an attempt as wrong until it was right; returns its number.

    Raises `Throttled` with the seconds to wait where there were too many.
    """
    account_sha256 = tokens.sha256(account.strip().lower())
    address = _network_of(address)
    values = {
        "account_sha256": account_sha256,
        "address": address,
        "kinds": _COUNTED[kind],
        "most": MOST,
        "within": WITHIN,
    }
    with database.transaction(connection):
        database.execute(connection, "lock_people", {"what": f"account {account_sha256}"})
        database.execute(connection, "lock_people", {"what": f"address {address}"})
        wait_s = database.one(connection, "attempts_wait", values)["wait_s"]
        if wait_s is not None:
            raise Throttled(
                f"{MOST} wrong attempts in {int(WITHIN.total_seconds() // 60)} minutes: wait "
                f"{max(wait_s, 1)} s, then try again",
                retry_after_s=max(wait_s, 1),
            )
        database.execute(connection, "forget_attempts")
        made = {"kind": kind, "account_sha256": account_sha256, "address": address}
        return int(database.one(connection, "add_attempt", made)["attempt_id"])


def was_right(connection: Connection[Any], attempt_id: int) -> None:
    """Take an attempt out of those that count."""
    database.execute(connection, "attempt_was_right", {"attempt_id": attempt_id})


def _network_of(address: str) -> str:
    """Return what one who guesses cannot leave: of IPv6, everybody has 2^64 addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4 or found.ipv4_mapped is not None:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))
