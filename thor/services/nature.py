"""The databases of one home: one of each nature, of which Thor runs one at a time.

A home's PostgreSQL holds a database for each nature, its Redis-compatible server a
numbered database of the bus, and the home a folder of the lake. `thor up` chooses which one
runs; every other command works on that one, unless THOR_NATURE names another.
"""

from thor.config import Settings
from thor.domain.nature import NATURES, Nature
from thor.services.home import Home
from thor.services.status import read_status

# The nature that a home runs, and creates first, by default.
USUAL: Nature = "simulated"


def chosen(home: Home, settings: Settings) -> Nature:
    """Return THOR_NATURE, else the nature that this home runs now, else simulated."""
    if settings.nature is not None:
        return settings.nature
    status = read_status(home)
    return status.nature if status.is_alive else USUAL


def database_name(nature: Nature) -> str:
    """Return the name of a home's database of this nature: `thor`, `thor_recorded`, `thor_live`."""
    return f"thor{_suffix(nature)}"


def bus_number(nature: Nature) -> int:
    """Return the number of the bus server's database of this nature: 0, 1 or 2."""
    return NATURES.index(nature)


def lake_folder(nature: Nature) -> str:
    """Return the name of the home's lake of this nature: `lake`, `lake_recorded`, `lake_live`."""
    return f"lake{_suffix(nature)}"


def _suffix(nature: Nature) -> str:
    return "" if nature == USUAL else f"_{nature}"
