"""`thor sources`: what is known of the sources of ticks, and what may be repaired of one."""

from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, open_database, show, urls
from thor.config import Settings

app = typer.Typer(no_args_is_help=True, help="Look after the sources of ticks.")


@app.callback()
def sources() -> None:
    """Look after the sources of ticks."""


@app.command("reset-clock")
def reset_clock(
    source: Annotated[str, typer.Argument(help="The source, such as EXCEL or SIM.")],
    as_json: AsJson = False,
) -> None:
    """Take back what a source said while its clock ran ahead; first set that clock."""
    import msgspec

    from thor.flow.reset_clock import reset_clock as reset
    from thor.market.bus.client import Bus

    with open_database() as connection:
        bus = Bus(urls().redis_url, Settings().bus_ticks_max)
        try:
            done: dict[str, Any] = msgspec.structs.asdict(reset(connection, bus, source))
        finally:
            bus.close()
    show([done], f"clock of {source}", as_json=as_json)
