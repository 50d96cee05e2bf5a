"""`thor excel`: the workbook from which the desk's quotes are read."""

from pathlib import Path
from typing import Annotated

import typer

from thor.cli.common import notes

app = typer.Typer(no_args_is_help=True, help="The desk's workbook.")


@app.callback()
def excel() -> None:
    """Make the workbook that thor poll-tos-excel reads."""


@app.command()
def template(
    file: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="The workbook to write.")],
) -> None:
    """Write a workbook with thinkorswim's RTD formulas for the eleven instruments."""
    from thor.market.collect.excel.template import RANGE, SHEET, write

    rows = write(file)
    notes.print(f"{file}: {rows} instruments in {SHEET}!{RANGE}; open it in Excel beside TOS")
