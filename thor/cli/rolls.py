"""`thor rolls`: from when on which contract is the front month.

Finds rolls in the bars of the months and lists reference.rolls.
"""

from enum import StrEnum
from typing import Annotated

import typer

from thor.cli.common import notes, open_database, show
from thor.errors import Rejected, ThorError

app = typer.Typer(no_args_is_help=True, help="Find the rolls between front months, or list them.")


class Rule(StrEnum):
    """The rule of the front month."""

    VOLUME = "volume"
    EXPIRY = "expiry"


@app.command()
def find(
    root: Annotated[str | None, typer.Argument(help="The root: ES.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every root that has bars of its months.")
    ] = False,
    rule: Annotated[Rule, typer.Option(help="What decides.")] = Rule.VOLUME,
    days: Annotated[
        int | None,
        typer.Option(help="Business days before first notice or last trade; 5. With expiry only."),
    ] = None,
    splice: Annotated[
        bool,
        typer.Option(
            "--splice",
            help="Where no bar is common to both months, take the gap from the last price of one "
            "and the first of the other; it includes the market's move in between.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the rolls in the bars of the root's months, and replace the stored ones."""
    from thor import clock
    from thor.domain.rolls import DAYS_BEFORE, Roll, rule_name
    from thor.flow.find_rolls import find_rolls
    from thor.market.bars import rolls

    if rule is Rule.VOLUME and days is not None:
        raise Rejected(f"--days: {days} does not apply to the volume rule; add --rule expiry")
    if (root is None) != everything:
        raise Rejected("root: name one root, ES say, or give --all")
    before = None if rule is Rule.VOLUME else DAYS_BEFORE if days is None else days
    found: list[Roll] = []
    failed: list[ThorError] = []
    with open_database() as connection:
        for one in [root] if root is not None else rolls.roots_with_months(connection):
            try:
                found += find_rolls(connection, one, clock.now(), days_before=before, splice=splice)
            except ThorError as error:
                if root is not None:
                    raise
                failed.append(error)
        rows = rolls.listed(connection, root, rule_name(before))
    show(rows, f"rolls of {root}" if root is not None else "rolls", as_json=as_json)
    unknown = [roll for roll in found if roll.from_contract is not None and roll.gap is None]
    if unknown:
        rolled = sum(roll.from_contract is not None for roll in found)
        notes.print(
            f"{len(unknown)} of {rolled} have no bar common to both months in the week "
            "before: their gap is not known, and adjusted prices before the last of them are null"
            + ("" if splice else "; --splice joins them")
        )
    for other in failed[1:]:
        notes.print(str(other), markup=False, highlight=False)
    if failed:
        raise failed[0]


@app.command("list")
def list_(
    root: Annotated[str | None, typer.Argument(help="The root, ES say; all of them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the rolls that were found, by root and rule."""
    from thor.market.bars import rolls

    with open_database() as connection:
        show(rolls.listed(connection, root), "rolls", as_json=as_json)
