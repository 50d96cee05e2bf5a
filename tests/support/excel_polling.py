"""Poll a workbook in a thread meanwhile, as the job does in a process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ticks_made import settings

from thor.flow.poll_excel import poll_excel
from thor.market.bus.client import Bus
from thor.runtime import Stop, Stopped

FILE = "RTD_TOS.xlsm"


class Log:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda what, **more: self.lines.append((what, more))

    def said(self, what: str) -> list[dict[str, Any]]:
        return [more for line, more in self.lines if line == what]


@contextmanager
def polling(
    home: Path,
    redis_url: str,
    database_url: str,
    reader: Callable[[], Any] | None = None,
    record: Path | None = None,
    ticks_max: int = 2_000_000,
    **given: Any,
) -> Iterator[Log]:
    """Poll in a thread meanwhile; raises what it raised."""
    home.mkdir(exist_ok=True)
    (home / "run").mkdir(exist_ok=True)
    stop, log = Stop(), Log()
    bus = Bus(redis_url, ticks_max=ticks_max)
    asked = settings(home=home, excel_file=FILE, excel_interval_s=0.2, **given)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            poll_excel(asked, bus, database_url, stop, log, record, reader)
        except Stopped:
            pass
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield log
    finally:
        stop.set()
        thread.join()
        bus.close()
    if raised:
        raise raised[0]
