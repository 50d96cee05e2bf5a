"""Capture the openings of the world's markets and grade them until stopped.

Reads market.ticks and reference.market_days; writes studies.market_sessions.
"""

from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.flow.grade_market_opens import grade_market_opens
from thor.market.studies.market_opens import Turn
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import database_url


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Take a turn each half second; log captures and grades."""

    def on_turn(turn: Turn) -> None:
        for capture in turn.captured:
            log.info(
                "captured", market=capture.market, day=str(capture.day), complete=capture.complete
            )
        for grade in turn.graded:
            log.info("graded", market=grade.market, symbol=grade.symbol, wndw=grade.wndw)

    grade_market_opens(
        database_url(Home(settings.home), settings),
        stop,
        on_turn,
        on_wait=lambda why, n: log.info("waiting", reason=why, attempt=n),
    )


if __name__ == "__main__":
    run(main, "start_market_grader")
