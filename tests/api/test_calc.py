"""A living workbook, LibreOffice Calc, end to end: a cell, a row in ticks, a number on the page."""

import contextlib
import json
from pathlib import Path

import browser
import psycopg
import pytest
from calc import Calc, excel_over, missing
from excel_made import SAMPLE
from excel_polling import FILE, polling
from served import serving
from ticks_made import rows, taking_in, value, wait_for

from thor.market.collect.excel.live import LiveWorkbook

pytestmark = [
    pytest.mark.editions("plain"),
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]
RANGE = "A1:N13"


@pytest.fixture
def live_url(database_url: str) -> str:
    """A database for live data."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update ops.edition set nature = 'live'")
    return database_url


def test_a_cell_of_a_living_workbook_reaches_the_database_and_the_page(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    with Calc("LiveData") as calc:
        calc.write(
            {
                f"{chr(ord('A') + column)}{row}": cell
                for row, cells in enumerate(SAMPLE, 1)
                for column, cell in enumerate(cells)
                if cell is not None
            }
        )
        # A formula whose double is 0.36999999999999744, as a sheet makes them.
        calc.write({"F6": "=K6-D6"})
        excel = excel_over(calc, FILE, "LiveData", RANGE)
        with (
            contextlib.ExitStack() as stack,
            psycopg.connect(live_url, autocommit=True) as connection,
            taking_in(redis_url, live_url),
            polling(
                tmp_path / "home",
                redis_url,
                live_url,
                lambda: LiveWorkbook(FILE, "LiveData", RANGE, excel),
            ),
        ):
            count = "select count(*) from ticks"
            wait_for(lambda: value(connection, count) == 11, "the first reading")
            # What people see of a live database after their login, without the login.
            connection.execute("update ops.edition set nature = 'simulated'")
            api = stack.enter_context(serving(live_url, redis_url))
            calc.write({"K3": 6874.25, "K12": "118'165"})
            wait_for(lambda: value(connection, count) == 13, "the two changes")
            newest = "select last from ticks where symbol = '{}' order by seq desc limit 1"
            found = {
                symbol: rows(connection, newest.format(symbol))[0]["last"]
                for symbol in ("ES", "ZB")
            }
            # 118 and 16.5/32.
            assert {k: str(v.normalize()) for k, v in found.items()} == {
                "ES": "6874.25",
                "ZB": "118.515625",
            }
            quotes = json.dumps(api.get("/api/quotes", symbols="ES"))
            assert "6874.25" in quotes
            assert "EXCEL" in quotes
            # Without a browser only the page's requests can be checked.
            if browser.missing() is None:
                browser.build()
                # A page shows halves of a 32nd and no finer: 16.5/32 as it stands.
                shown = {"ES": "6874.25", "ZB": "118'16+"}
                given = {"THOR_URL": api.url, "THOR_SHOWN": json.dumps(shown)}
                browser.drive(given, "workbook.spec.ts")
