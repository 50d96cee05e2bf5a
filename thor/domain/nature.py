"""The nature of a database's data, fixed when the database is created.

Stage 10, reference. Pure: `simulated` data come from Thor's own simulator, `recorded` data from
files, `live` data from a market's feed.
"""

from typing import Literal

Nature = Literal["simulated", "recorded", "live"]

NATURES: tuple[Nature, ...] = ("simulated", "recorded", "live")
