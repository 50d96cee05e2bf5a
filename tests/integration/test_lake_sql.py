"""`thor lake sql` as a person types it."""

import csv
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from features_made import made_bars, put_bars, put_sessions
from lake_made import write_lake
from typer.testing import CliRunner, Result

from thor import cli
from thor.cli import common
from thor.errors import NotFound, Rejected, Unavailable

Link = psycopg.Connection[Any]
BARS = 120


@pytest.fixture(scope="module")
def url(kept_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake with bars of one minute of ES."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        put_sessions(link, ("CME_EQUITY",))
        put_bars(link, made_bars(7, "ES", "1m", BARS))
        return write_lake(link, tmp_path_factory.mktemp("lake"))


@pytest.fixture(autouse=True)
def named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lake is named as people name it."""
    monkeypatch.setenv("THOR_LAKE_URL", url)
    monkeypatch.setattr(common.console, "width", 200)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["lake", "sql", *words])


def good(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result
    return result.stdout


def test_an_answer_is_a_table_json_or_csv() -> None:
    query = "select symbol, count(*) as bars, null as nothing from bars_1m group by all"
    # Into a pipe a table is one line a row.
    assert ["ES", str(BARS), "-"] in [line.split() for line in good(query).splitlines()]
    assert json.loads(good(query, "--json")) == [{"symbol": "ES", "bars": BARS, "nothing": None}]
    assert list(csv.reader(good(query, "--csv").splitlines())) == [
        ["symbol", "bars", "nothing"],
        ["ES", str(BARS), ""],
    ]
    assert json.loads(good("select 1 where false", "--json")) == []
    assert good("select 1 as a, 2 as a", "--csv") == "a,a_2\n1,2\n"


def test_times_are_utc_and_prices_exact() -> None:
    query = "select bar_start, close from bars_1m order by bar_start limit 1"
    (row,) = json.loads(good(query, "--json"))
    (_, _, ts, _, _, _, close, _) = next(made_bars(7, "ES", "1m", BARS))
    assert row == {"bar_start": str(ts), "close": f"{close:.8f}"}


def test_features_and_bars_of_dates_can_be_asked_for() -> None:
    (row,) = json.loads(
        good("select count(*) as n, count(ema_20) as ema from feat.matrix_1m", "--json")
    )
    # The bars have a hole of months after five sixths of them: the mean restarts.
    assert row == {"n": BARS, "ema": BARS - 2 * 19}
    days = json.loads(
        good("select distinct trade_date from bars_1m", "--json", "--bars=ticks", "--to=2024-03-05")
    )
    assert days == [{"trade_date": "2024-03-05"}]


def test_a_long_table_is_cut_with_a_note() -> None:
    result = run("select * from range(1001)")
    assert "the first 1000 rows; --csv and --json print all of them" in result.stderr
    assert len(good("select * from range(1001)", "--csv").splitlines()) == 1002


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["selec 1"], Rejected, 'sql: Parser Error: syntax error at or near "selec"'),
        (["select 1 from tick"], Rejected, "sql: Catalog Error: Table with name tick"),
        (["select nope from ticks"], Rejected, 'sql: Binder Error: Referenced column "nope"'),
        (["select 'x'::int"], Rejected, "sql: Conversion Error: Could not convert string 'x'"),
        (["from '/no/such.parquet'"], Unavailable, "sql: IO Error: No files found"),
        (["select 1", "--json", "--csv"], Rejected, "--json and --csv: one of them"),
        (["select 1", "--from=monday"], Rejected, "--from: 'monday' is no day as"),
    ],
)
def test_an_invalid_query_is_one_line(words: list[str], error: type[Exception], says: str) -> None:
    result = run(*words)
    assert isinstance(result.exception, error), result
    assert str(result.exception).startswith(says)
    assert "\n" not in str(result.exception)


def test_without_a_lake_the_error_names_the_command_that_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THOR_LAKE_URL")
    monkeypatch.setenv("THOR_HOME", str(tmp_path))
    result = run("select 1")
    assert isinstance(result.exception, NotFound)
    assert str(result.exception).startswith(f"lake: there is none at {tmp_path / 'lake'}; `thor")
