"""`thor contracts` and `thor rolls` as a person types them."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner, Result

from thor import cli, database
from thor.cli import common
from thor.domain.calendar import compute
from thor.errors import NotFound, Rejected
from thor.reference import instruments

Link = psycopg.Connection[Any]
DAYS = {"ESH24": ["2024-03-07", "2024-03-08"], "ESM24": ["2024-03-08", "2024-03-11"]}


@pytest.fixture
def system(
    connection: Link, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Link:
    """A database with the sessions of 2024, and two months of ES with a bar or two each."""
    monkeypatch.setenv("THOR_DATABASE_URL", database_url)
    monkeypatch.setenv("THOR_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("THOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(common.console, "width", 250)
    with connection.cursor() as cursor:
        rows = compute("CME_EQUITY", date(2024, 1, 1), date(2024, 12, 31))
        statement = database.statement("upsert_session").encode()
        cursor.executemany(statement, [msgspec.structs.asdict(row) for row in rows])
    instruments.add_months(connection, [(series, "ES") for series in DAYS])
    connection.execute(
        "insert into bar_files (file, sha256, file_name, format, records, symbols, widths, "
        "first_bar, last_bar) values ('BARS:00000000', repeat('0', 64), 'made', 'csv', 1, "
        "'{}', '{}', '2024-01-01Z', '2024-01-01Z')"
    )
    for price, (series, days) in enumerate(DAYS.items(), 5100):
        for volume, day in enumerate(days, 10 * price):
            start = datetime.fromisoformat(day).replace(hour=15, tzinfo=UTC)
            connection.execute(
                "insert into bars_imported (symbol, width, bar_start, open, high, low, close, "
                "volume, file) values (%s, '1h', %s, %s, %s, %s, %s, %s, 'BARS:00000000')",
                (series, start, *[price] * 4, volume),
            )
    return connection


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, words)


def good(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result
    return result.stdout


def listed(*words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(good(*words, "--json"))
    return found


def test_contracts_are_computed_listed_and_corrected_by_hand(system: Link) -> None:
    (computed,) = listed("contracts", "compute", "ES", "--to", "2024-09-30")
    assert computed == {"root": "ES", "contracts": 3, "first": "2024-03-01", "last": "2024-09-01"}
    assert listed("contracts", "list", "ES") == []
    months = listed("contracts", "list", "ES", "--all")
    assert [(row["symbol"], row["last_trade"]) for row in months] == [
        ("ESH24", "2024-03-15"), ("ESM24", "2024-06-21"), ("ESU24", "2024-09-20"),
    ]  # fmt: skip
    assert listed("contracts", "list", "CL", "--all") == []
    said = good(
        "contracts", "add", "ESM24", "--last-trade", "2024-06-20", "--expiry", "2024-06-20T13:30Z"
    )
    assert "ESM24 of June 2024 trades until 2024-06-20 13:30 UTC" in said
    june = listed("contracts", "list", "ES", "--all")[1]
    assert (june["last_trade"], june["rule"], june["version"]) == ("2024-06-20", "by hand", 2)
    assert "third Friday" in good("contracts", "list", "--all")


def test_rolls_are_found_and_listed(system: Link) -> None:
    good("contracts", "compute", "ES")
    found = listed("rolls", "find", "ES")
    assert [(row["from_contract"], row["to_contract"], row["gap"]) for row in found] == [
        (None, "ESH24", None), ("ESH24", "ESM24", "1"),
    ]  # fmt: skip
    # Two business days before 15 March is the 13th, after the last bar.
    by_expiry = listed("rolls", "find", "ES", "--rule", "expiry", "--days", "2")
    assert [row["rule"] for row in by_expiry] == ["expiry-2"]
    # The usual five lie on the 8th.
    assert [row["trade_date"] for row in listed("rolls", "find", "ES", "--rule", "expiry")] == [
        "2024-03-07", "2024-03-08",
    ]  # fmt: skip
    assert [row["rule"] for row in listed("rolls", "list")] == [
        "expiry-2", "expiry-5", "expiry-5", "volume", "volume",
    ]  # fmt: skip
    assert listed("rolls", "list", "CL") == []


def test_an_unknown_gap_is_reported_with_the_option_that_joins_the_months(system: Link) -> None:
    # March ends on Friday the 15th, June begins on Monday the 18th.
    system.execute("delete from bars_imported where bar_start = '2024-03-08 15:00Z'")
    system.execute(
        "update bars_imported set bar_start = case symbol when 'ESH24' then '2024-03-15 13:00Z' "
        "else '2024-03-18 13:00Z' end::timestamptz"
    )
    good("contracts", "compute", "ES")
    result = run("rolls", "find", "ES")
    assert "1 of 1 have no bar common to both months" in " ".join(result.stderr.split())
    assert "--splice" in result.stderr
    assert run("rolls", "find", "ES", "--splice").stderr == ""


@pytest.mark.parametrize(
    ("words", "error", "reported"),
    [
        (("contracts", "compute", "BAC"), NotFound, "thor contracts add BACH27 --last-trade"),
        (("contracts", "compute", "--from", "soon"), Rejected, "--from: 'soon' is no day"),
        (("contracts", "add", "ESM24", "--last-trade", "x"), Rejected, "--last-trade: 'x'"),
        (("rolls", "find", "ES"), NotFound, "run `thor contracts compute ES`"),
        (
            ("rolls", "find", "ES", "--days", "3"),
            Rejected,
            "--days: 3 does not apply to the volume",
        ),
        (("rolls", "find", "ES", "--rule", "expiry", "--days", "-1"), Rejected, "days: -1"),
    ],
)
def test_an_impossible_request_is_one_line(
    system: Link, words: tuple[str, ...], error: type[Exception], reported: str
) -> None:
    result = run(*words)
    assert isinstance(result.exception, error)
    assert reported in str(result.exception)
