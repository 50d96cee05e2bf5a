"""The pages in a real browser, over a real Thor: `ui/e2e`, run by Playwright."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from browser import CHROMIUM, UI, build, drive, missing
from psycopg.rows import dict_row
from ticks_made import wait_for

# What is waited for is the thing itself; this only ends what never comes.
START_S = 240

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def open_home() -> Iterator[Path]:
    """Give a THOR_HOME that the user of the servers may enter, in memory where there is space."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(
        prefix="thor-test-", dir=place, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "home").mkdir()
        yield folder / "home"


@pytest.fixture(scope="module")
def pages() -> None:
    """The built pages."""
    build()


@pytest.fixture(scope="module")
def thor(pages: None) -> Iterator[dict[str, str]]:
    """A simulated market as `thor up` starts it, with its pages; gives what the specs ask for."""
    with open_home() as home, running(home, "eleven quotes", 11) as found:
        yield found


@contextlib.contextmanager
def running(home: Path, what: str, quotes: int, *arguments: str) -> Iterator[dict[str, str]]:
    """Run `thor up` meanwhile, from so many quotes on."""
    port = free_port()
    environment = {
        **os.environ,
        "THOR_HOME": str(home),
        "THOR_API_PORT": str(port),
        # Quotes die sooner than a desk would let them, so that the test need not wait.
        "THOR_STALE_S": "3",
        "THOR_DEAD_S": "6",
    }
    command = [sys.executable, "-m", "thor", "up", "--no-open", *arguments]
    url = f"http://127.0.0.1:{port}"
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
        try:
            wait_for(lambda: is_quoted(url, quotes), what, START_S)
            yield {
                "THOR_URL": url,
                "THOR_CHROMIUM": CHROMIUM,
                "THOR_PROCESSES": json.dumps(processes(environment)),
                "THOR_RENDERED": str(home / "rendered.json"),
                "THOR_DATABASE": ask(environment, "db", "url").strip(),
            }
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def is_quoted(url: str, quotes: int) -> bool:
    """Tell whether so many symbols have a quote."""
    try:
        return len(httpx.get(f"{url}/api/quotes", timeout=2).json()) == quotes
    except (httpx.HTTPError, ValueError):
        return False


def ask(environment: dict[str, str], *words: str) -> str:
    """Return what a command of Thor prints."""
    command = [sys.executable, "-m", "thor", *words]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def processes(environment: dict[str, str]) -> dict[str, int]:
    """Return the ids of what `thor status` names."""
    rows: list[dict[str, Any]] = json.loads(ask(environment, "status", "--json"))
    return {row["name"]: row["pid"] for row in rows}


# What these show is compared by a test of their own.
APART = {
    "models.spec.ts", "people.spec.ts", "recorded.spec.ts", "rendered.spec.ts", "workbook.spec.ts",
}  # fmt: skip
SPECS = sorted({path.name for path in (UI / "e2e").glob("*.spec.ts")} - APART)


# Playwright names the one that fails; a start of it and of the browser for each takes longer than
# some of them do.
@pytest.mark.timeout(1800)
def test_the_pages_pass_their_specs(thor: dict[str, str]) -> None:
    drive(thor, *SPECS)


# A champion of ES's direction: 400 minutes of a probability of 0.6, three of five of them right, on
# rows that are like those of the training; and a question that fell silent.
PREDICTED = """
insert into store.feature_sets (name, version, hash, names, width, look_back)
values ('base', 99, repeat('a', 64), '{rsi_14}', '1m', '1 hour');
insert into model.runs (
    target, horizon, symbols, state, set_name, set_version, set_hash, span_from, span_to, seed,
    threads, code_version, libraries, parameters, ended_at, reason
)
values ('direction', '1m', '{ES}', 'failed', 'base', 99, repeat('a', 64), '2024-02-01Z',
    '2024-03-01Z', 1, 1, '0.1', '{}', '{}', now(), 'made by hand');
insert into model.artifacts (sha256, content) values (repeat('b', 64), 'x');
insert into model.versions (
    run_id, model, target, horizon, symbols, set_hash, span_from, span_to, libraries,
    artifact_sha256, skill, skill_low, skill_high
)
select run_id, 'boosting', target, horizon, symbols, set_hash, span_from, span_to, '{}',
    repeat('b', 64), 0.02, 0.01, 0.03
from model.runs;
insert into model.profiles
select id, 'rsi_14', 1, true, 1000, 0, 0, 10, '{1,2,3,4,5,6,7,8,9}', array_fill(0.1, '{10}'), 0
from model.versions;
insert into store.feature_rows (set_hash, symbol, bar_start, version, changed_at, values)
select repeat('a', 64), 'ES', date_trunc('minute', now()) - n * interval '1 minute', 1, now(),
    array[n % 10 + 0.5]
from generate_series(1, 400) as g (n);
insert into model.predictions (
    model_id, symbol, bar_start, known_at, kind, row_version, row_changed_at, value, probability,
    confidence, latency_ms, published_at
)
select v.id, r.symbol, r.bar_start, r.bar_start + interval '61 s', 'live', 1, now(), 1, 0.6, 0.6,
    250, now()
from model.versions as v inner join store.feature_rows as r using (set_hash);
insert into feedback.outcomes (prediction_id, label_end, actual, is_hit, loss)
select prediction_id, known_at + interval '1 minute', case when n % 5 < 3 then 1 else -1 end,
    n % 5 < 3, 0.7
from (
    select *, row_number() over (order by bar_start desc) - 1 as n from model.predictions
) as p;
insert into model.aliases (target, horizon, symbols, alias, version_id, reason)
select target, horizon, symbols, 'champion', id, 'skill' from model.versions;
insert into model.demotions (
    target, horizon, symbols, model_id, cause, feature, measured, threshold, reason
)
select target, '15m', symbols, id, 'drift', 'rsi_14', 0.5, 0.25,
    'drift of rsi_14: PSI 0.500, from 0.250 on it demotes'
from model.versions;
"""


def test_the_pages_hold_what_models_predict_to_what_happens(thor: dict[str, str]) -> None:
    with psycopg.connect(thor["THOR_DATABASE"]) as connection:
        connection.execute(PREDICTED)
    drive(thor, "models.spec.ts")


def test_the_pages_show_what_their_selects_give(thor: dict[str, str]) -> None:
    simulate = json.loads(thor["THOR_PROCESSES"])["simulate"]
    try:
        drive(thor, "rendered.spec.ts")
        shown = json.loads(Path(thor["THOR_RENDERED"]).read_text())
        compare(shown, thor["THOR_DATABASE"])
    finally:
        os.kill(simulate, signal.SIGCONT)


def test_a_recorded_minute_is_shown_as_it_was(pages: None, data: Path) -> None:
    tape = data / "ticks/es_esh2_20220124_tbt.parquet"
    # A minute, replayed for two, so that it is still under way when the browser has started.
    arguments = ("--tape", str(tape), "--speed", "0.5x")
    with open_home() as home, running(home, "the first tick", 1, *arguments) as recorded:
        drive(recorded, "recorded.spec.ts")
        shown = json.loads(Path(recorded["THOR_RENDERED"]).read_text())
        with psycopg.connect(recorded["THOR_DATABASE"], row_factory=dict_row) as connection:
            row = connection.execute(
                "select * from market.bars_1s where symbol = 'ESH22' and bar_start = %s",
                (datetime.fromisoformat(shown["bar_start"]),),
            ).fetchone()
    assert row is not None
    compare_bar(shown, row)


def compare(shown: dict[str, Any], url: str) -> None:
    """Hold what was rendered against the selects that its panels show; run those of all others."""
    with psycopg.connect(url, row_factory=dict_row) as connection:

        def asked(statement: str) -> list[dict[str, Any]]:
            return connection.execute(statement.encode()).fetchall()

        instruments = {row["symbol"]: row for row in asked("select * from reference.instruments")}
        selected = asked(shown["table"])
        for name, statement in shown["panels"].items():
            assert asked(statement), name
        of_system = [asked(statement) for statement in shown["system"]]
        moment = re.findall(r"timestamptz '([^']+)'", shown["total"])[0]
        assert asked(shown["total"])[0]["as_of"] is not None
        totals = connection.execute(
            "select t.* from generate_series(0, 4) as s, lateral studies.total_at("
            "%s::timestamptz - make_interval(secs => s)) as t",
            (moment,),
        ).fetchall()
        candles = {row["bar_start"]: row for row in asked(shown["chart"])}
        start = datetime.fromisoformat(shown["bar"]["bar_start"])
        bars = connection.execute(
            "select * from market.bars_1m where symbol = 'ES' and bar_start = %s", (start,)
        ).fetchall()
        numbers = asked(shown["settings"])
    ticks = {symbol: row["tick_size"] for symbol, row in instruments.items()}
    assert [row["symbol"] for row in shown["rows"]] == [row["symbol"] for row in selected]
    assert len(selected) == 11
    for cells, row in zip(shown["rows"], selected, strict=True):
        assert cells == cells | written(row, ticks[row["symbol"]]), row["symbol"]
    compare_desk(shown, totals, numbers)
    # The newest closed candle is its row, and so says the panel's select.
    compare_bar(shown["bar"], bars[0])
    compare_bar(shown["bar"], candles[start])
    received, *parts = (int(text.replace(",", "")) for text in shown["identity"])
    assert received == sum(parts)
    assert len(of_system) == 6
    assert of_system[0][0]["received"] == received


def compare_bar(facts: dict[str, str], row: dict[str, Any]) -> None:
    """Hold the facts of a candle of ES against a row of bars."""
    # An imported bar has no VWAP.
    prices = {
        name: "–" if row[field] is None else f"{row[field]:.2f}"
        for name, field in PRICES_OF_BAR.items()
    }
    counts = {"Volume": f"{row['volume']:,}", "Ticks": f"{row['ticks']:,}"}
    assert facts == facts | prices | counts


PRICES_OF_BAR = {"O": "open", "H": "high", "L": "low", "C": "close", "VWAP": "vwap"}


def compare_desk(shown: dict[str, Any], totals: list[dict[str, Any]], numbers: list[Any]) -> None:
    """Hold the TOTAL against one of the last seconds', and the desk's numbers against theirs."""
    assert shown["figures"] in [
        {
            "signal_weight_sum": minus(f"{row['signal_weight_sum']:+.0f}").replace("+0", "0"),
            "avg_weighted": minus(f"{row['avg_weighted']:.3f}"),
            "score": minus(f"{row['score']:+.3f}"),
        }
        for row in totals
    ]
    fields = ("strong_buy", "buy", "sell", "strong_sell", "weight")
    assert shown["numbers"] == [
        [row["symbol"], *(minus(f"{row[field].normalize():f}") for field in fields)]
        for row in numbers
    ]


def minus(text: str) -> str:
    """Return a number with the sign that pages write."""
    return text.replace("-", MINUS)


SIGNALS = {
    "STRONG_BUY": "▲▲Strong buy",
    "BUY": "▲Buy",
    "HOLD": "■Hold",
    "SELL": "▼Sell",
    "STRONG_SELL": "▼▼Strong sell",
    None: "no signal",
}
MINUS = "\u2212"
ARROWS = {1: "▲", 0: "■", -1: "▼"}


def written(row: dict[str, Any], tick: Decimal) -> dict[str, str]:
    """Return the cells of a row as a trader writes them, worked out apart from the page's code."""
    in_32nds = tick == Decimal(1) / 32
    places = -int(tick.normalize().as_tuple().exponent) if tick != tick.to_integral() else 0

    def price(value: Decimal | None) -> str:
        if value is None:
            return "–"
        sign = MINUS if value < 0 else ""
        if not in_32nds:
            return f"{sign}{abs(value):.{places}f}"
        halves = int(abs(value) * 64)
        return f"{sign}{halves // 64}'{halves % 64 // 2:02d}{'+' if halves % 2 else ''}"

    def change(value: Decimal | None) -> str:
        if value is None:
            return "–"
        way = (value > 0) - (value < 0)
        return f"{ARROWS[way]}{'+' if way > 0 else ''}{price(value)}"

    def percent(value: Decimal | None) -> str:
        if value is None:
            return "–"
        return f"{'+' if value > 0 else MINUS if value < 0 else ''}{abs(value):.2f}%"

    def size(value: int | None) -> str:
        return "–" if value is None else f"{value:,}"

    prices = {
        name: price(row[name]) for name in ("last", "bid", "ask", "vwap", "open", "high", "low")
    }
    return {
        **prices,
        "net_change": change(row["net_change"]),
        "net_change_percent": percent(row["net_change_percent"]),
        "bid_size": size(row["bid_size"]),
        "ask_size": size(row["ask_size"]),
        "spread_ticks": f"{row['spread_ticks'].normalize():f}",
        "volume": size(row["volume"]),
        "signal": SIGNALS[row["signal"]],
        "source": row["source"],
    }


def test_the_first_page_is_light_and_the_chart_comes_apart(pages: None) -> None:
    ran = subprocess.run(["node", "scripts/size.mjs"], cwd=UI, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
