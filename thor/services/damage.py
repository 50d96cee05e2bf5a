"""Say what is lost where a server's data are damaged, and which folder may be moved away.

Reads what a server that did not start wrote last; `thor up` and `thor doctor` show it.
"""

import re

from thor.services.home import Home
from thor.services.process import tail

_LINES = 60
_READY = re.compile(r"ready to accept connections", re.IGNORECASE)
_DAMAGED = {
    "postgres": re.compile(
        r"(?:PANIC|FATAL|postgres): +(?P<why>.*(?:"
        r"could not locate (?:a valid|required) checkpoint record|required WAL directory|"
        r"could not find the database system|database files are incompatible with server|"
        r"incorrect checksum in control file|invalid data in file|"
        r"could not (?:open|read|access|seek)|could not stat).*)"
    ),
    "valkey": re.compile(
        r"(?:Bad file format reading the append only file|"
        r"Unrecoverable error reading the append only file|Unable to obtain the AOF file|"
        r"The AOF manifest file|AOF loading aborted|Error opening the AOF|"
        r"Fatal error loading the DB|Wrong signature trying to load DB|"
        r"Internal error in RDB reading|Can't open the append-only file)[^:]*"
    ),
}
# What a server cannot have at the moment is no damage of its data.
_FOR_NOW = re.compile(
    r"permission denied|no space left|too many open files|cannot allocate|in use|lock file",
    re.IGNORECASE,
)


def damage(home: Home, server: str) -> str | None:
    """Return what is lost of `postgres` or `valkey`, and the cure; None where nothing is known.

    Only what was written since the server was last ready counts.
    """
    text = _READY.split(tail(home.log(server), _LINES))[-1]
    for line in reversed(text.splitlines()):
        found = _DAMAGED[server].search(line)
        if found is not None and not _FOR_NOW.search(line):
            why = found[0] if server == "valkey" else found["why"]
            return lost(home, server, why.strip().rstrip("."))
    return None


def lost(home: Home, server: str, why: str) -> str:
    """Return what is lost with the damaged data of a server, and how to go on."""
    if server == "postgres":
        return (
            f"the database in {home.pg} is damaged ({why}), so none of its ticks, bars and "
            f"features can be read: move {home.pg} away, start `thor up`, which "
            "makes a new database, and bring back what a dump (`thor db restore`) or the lake "
            "(`thor lake import`) has"
        )
    return (
        f"the bus in {home.bus} is damaged ({why}). Lost are only the ticks that were not in the "
        f"database yet; what it has stays: move {home.bus} away and start "
        "`thor up`, which makes a new bus"
    )
