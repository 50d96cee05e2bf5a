"""Pace a tape: when each of its ticks is due, at a chosen speed.

Stage 20, collect. Lists of ticks → (due, ticks). Nothing here sleeps or reads a clock: the caller
waits until its own start plus `due`, so that delays do not add up.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from thor.domain.tick import Tick
from thor.errors import Rejected

# Ticks due within this time are one entry: a round trip for each would limit the speed.
_TOGETHER_S = 0.005
_ENTRY_TICKS = 1000
_SPEED = re.compile(r"(?P<times>[0-9]{1,9}(\.[0-9]{1,9})?)x", re.IGNORECASE)


def parse_speed(text: str) -> float | None:
    """Return how many times as fast as the market: `10x` gives 10.0, `max` gives None."""
    if text.strip().lower() == "max":
        return None
    match = _SPEED.fullmatch(text.strip())
    if match is None or not float(match["times"]):
        raise Rejected(f"speed: {text!r} is not taken; 1x, 10x, 0.5x and the like or max are")
    return float(match["times"])


def paced(
    batches: Iterable[list[Tick]], speed: float | None, rows_max: int = 1000
) -> Iterator[tuple[float, list[Tick]]]:
    """Yield `(due, ticks)`: ticks of one moment, `due` seconds after the first one's.

    At most `rows_max` ticks come together; `due` never goes back. A tick whose `ts` lies
    before one already given is due with it. With `speed` None everything is due at once.
    """
    if speed is None:
        for batch in batches:
            for start in range(0, len(batch), rows_max):
                yield 0.0, batch[start : start + rows_max]
        return
    first: datetime | None = None
    moment: datetime | None = None
    due = 0.0
    together: list[Tick] = []
    for batch in batches:
        for tick in batch:
            if first is None or moment is None:
                first = moment = tick.ts
            is_later = tick.ts > moment
            if is_later or len(together) == rows_max:
                yield due, together
                together = []
            if is_later:
                moment = tick.ts
                due = (moment - first).total_seconds() / speed
            together.append(tick)
    if together:
        yield due, together


def together(paces: Iterable[tuple[float, list[Tick]]]) -> Iterator[tuple[float, list[Tick]]]:
    """Yield what `paced` gave, joined to at most 1,000 ticks that are due within 5 ms."""
    held: list[Tick] = []
    due_first = 0.0
    for due, ticks in paces:
        if held and (due - due_first > _TOGETHER_S or len(held) + len(ticks) > _ENTRY_TICKS):
            yield due_first, held
            held = []
        if not held:
            due_first = due
        held = held + ticks
    if held:
        yield due_first, held
