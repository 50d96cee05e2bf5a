"""`thor start-market-grader`: capture and grade market openings, and print each grade."""

import signal
from typing import Annotated

import typer

from thor.cli.common import console, database_url, notes, plain


def start_market_grader(
    interval: Annotated[
        float, typer.Option(help="Seconds between two commits; a grade is the same with any.")
    ] = 0.5,
) -> None:
    """Grade captures of market openings from the ticks until Ctrl-C.

    Thor's own grader may run beside it: both write the same rows.
    """
    from thor.flow.grade_market_opens import grade_market_opens
    from thor.market.studies.market_opens import Turn
    from thor.runtime import Stop

    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def on_turn(turn: Turn) -> None:
        for capture in turn.captured:
            console.print(
                f"{capture.at:%Y-%m-%d %H:%M:%S} UTC  {capture.market}  captured, "
                f"{capture.complete} of {capture.rows} rows complete"
            )
        for grade in turn.graded:
            at = "" if grade.target_hit_price is None else f" at {plain(grade.target_hit_price)}"
            ts = grade.target_hit_at or turn.settled_at
            console.print(
                f"{ts:%Y-%m-%d %H:%M:%S} UTC  {grade.market}  {grade.symbol}  "
                f"{grade.bhs or 'no signal'}  {grade.wndw}{at}"
            )

    notes.print("grading; Ctrl-C ends it")
    grade_market_opens(
        database_url(),
        stop,
        on_turn,
        interval_s=interval,
        on_wait=lambda why, n: notes.print(f"waiting, attempt {n}: {why}"),
    )
