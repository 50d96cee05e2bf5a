"""What every command prints of a filled database: whole in a pipe, and whole in 80 columns."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import typer
from bars_written import Stream, write
from command import Command, Result
from features_made import put_bars, put_sessions
from people_made import account
from ticks_made import many, tick
from trades_made import place, trade

from thor.cli import app, common
from thor.domain.people import Role

Link = psycopg.Connection[Any]
AT = datetime(2024, 7, 1, 14, 30, tzinfo=UTC)
DAY = datetime(2024, 6, 27, 22, tzinfo=UTC)
ORDER = "{order}"
# A command's further words. With an option that prints, `--json` names them all: what such a
# command prints is looked at here, or it is named below with the reason why not.
WALKED: dict[str, tuple[str, ...]] = {
    "account list": (),
    "audit": (),
    "bars compare": (),
    "calendars list": (),
    "contracts list": ("--all",),
    "desk extremes": (),
    "desk sets": (),
    "desk show": (),
    "desk signals": (),
    "desk targets": (),
    "desk target-versions": ("ES",),
    "desk total": (),
    "desk versions": ("ES",),
    "desk weights": (),
    "doctor": (),
    "features sets": (),
    "features status": (),
    "gaps": (),
    "instruments list": (),
    "jobs history": (),
    "jobs list": (),
    "key list": (),
    "limits list": (),
    "markets list": (),
    "models compare": ("1", "2"),
    "models list": (),
    "models runs": (),
    "models show": ("1",),
    "models skill": (),
    "notes list": (),
    "orders list": (),
    "orders show": (ORDER,),
    "positions": (),
    "rolls list": (),
    "session": ("ES", "--at", "2024-07-01T15:00Z"),
    "story": (ORDER,),
    "ticks account": (),
    "ticks rejected": (),
    "user list": (),
}
# They change what there is and print the rows that they changed, by the same `show`.
WRITES = {
    "account fund", "account reset", "bars import", "contracts compute", "db copy", "desk set",
    "desk set-targets", "desk undo", "desk undo-targets", "export-to-parquet", "flatten",
    "jobs run", "key add", "kill on", "kill reset", "lake import", "limits set", "models parity",
    "notes add", "orders cancel", "orders change", "orders place", "rolls find",
    "sources reset-clock", "train", "user approve", "user disable", "user enable", "user role",
}  # fmt: skip
# They print findings, of which there are none here, or need what other tests make.
ELSEWHERE = {
    "calendars check", "db jobs", "features check", "lake sql", "lake verify",
    "models drift", "predict", "reconcile", "status",
}  # fmt: skip
MODELS = """
insert into store.feature_sets (name, version, hash, names, width, look_back)
values ('base', 1, repeat('a', 64), '{rsi_14}', '1m', '1 hour');
insert into model.artifacts (sha256, content) values (repeat('b', 64), 'x');
insert into model.runs (
    target, horizon, symbols, state, set_name, set_version, set_hash, span_from, span_to, rows,
    data_checksum, seed, threads, code_version, libraries, parameters, best_model, baseline, skill,
    skill_low, skill_high, ended_at
)
select 'direction', '1m', '{ES}', 'done', 'base', 1, repeat('a', 64), '2024-01-01Z',
    '2024-01-02Z', 123456, repeat('c', 64), 7, 1, 'x', '{}', '{}', 'boosting', 'majority', 0.02,
    0.01, 0.03, now()
from generate_series(1, 2);
insert into model.folds
select
    1, 1, 'boosting', false, '2024-01-01Z', '2024-01-01 12:00Z', '2024-01-01 13:00Z',
    '2024-01-02Z', 400, 2, 500, 1.0, 0.02, 0.01, 0.03, 10, -4.5;
insert into model.versions (
    run_id, model, target, horizon, symbols, set_hash, span_from, span_to, data_checksum, seed,
    code_version, libraries, artifact_sha256, skill, skill_low, skill_high, metrics
)
select r.run_id, 'boosting', r.target, r.horizon, r.symbols, r.set_hash, r.span_from, r.span_to,
    r.data_checksum, 7, 'x', '{}', repeat('b', 64), 0.02, 0.01, 0.03,
    '{"losses": {"boosting": 0.6}, "profit_ticks": {"boosting": 3.5}, "trades": {"boosting": 9}}'
from model.runs as r;
insert into model.aliases (target, horizon, symbols, alias, version_id, reason)
select v.target, v.horizon, v.symbols, 'champion', v.id, 'skill' from model.versions as v
where v.id = 1;
insert into model.predictions (
    model_id, symbol, bar_start, known_at, kind, row_version, value, probability, confidence,
    latency_ms
)
values (1, 'ES', '2024-03-04 15:30Z', '2024-03-04 15:31:01Z', 'live', 1, 1, 0.6, 0.6, 250);
insert into feedback.outcomes (prediction_id, label_end, actual, is_hit, loss)
select p.prediction_id, p.known_at + interval '1 min', 1, true, 0.5 from model.predictions as p;
insert into ops.job_runs (job, due_at, status, attempt, started_at, ended_at, error)
select j.name, '2024-07-01Z', 'failed', 3, '2024-07-01Z', '2024-07-01 00:00:07Z',
    'PostgreSQL: /a/path/that/is/longer/than/what/is/left/of/eighty/columns/' || j.name || '.log'
from ops.jobs as j;
update market.bar_files set widths = '{1m}';
insert into market.gaps (symbol, source, trade_date, gap_start, gap_end, cause)
values ('ES', 'SIM', '2024-07-01', '2024-07-01 14:31Z', '2024-07-01 15:29Z', 'symbol silent');
insert into market.rejected_ticks (symbol, field, value, reason, ticks, entry_id, payload)
values ('ES', 'last', '5000.1300000000003', repeat('off its grid ', 9), 1, '1-0', '{}');
insert into reference.series values ('ESM24', 'ES', 'month'), ('ESU24', 'ES', 'month');
insert into reference.rolls (root, rule, rolled_at, from_contract, to_contract, gap, ratio)
values ('ES', 'volume', '2024-06-16 22:00Z', 'ESM24', 'ESU24', 57.25, 1.0106);
"""


WHO = "somebody.with.a.long.name@mail.example.com"
FILLING = (
    ("contracts", "compute", "ES"),
    ("desk", "set", "ES", "weight=6.25", "--reason", "a reason of many words " * 4),
    ("desk", "set-targets", "ES", "offset_high=2.25", "--reason", "another reason"),
    ("notes", "add", "not before the report again " * 4, "--symbol", "ES"),
    ("user", "role", WHO, "admin"),
    ("key", "add", WHO, "--name", "notebook", "--scope", "read"),
)


@pytest.fixture(scope="module")
def order(kept_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Fill a database with a row of everything that is listed; returns an order's id."""
    link: Link
    with psycopg.connect(kept_url, autocommit=True) as link:
        put_sessions(link, ("CME_EQUITY",))
        ticks = [
            *many(40),
            tick(symbol="ZB", ts=AT, seq=50, last=Decimal("117.984375"), source="EXCEL"),
            tick(symbol="ES", ts=AT + timedelta(hours=1), seq=60),
        ]
        write(kept_url, [[Stream().entry(ticks)]])
        prices = (Decimal(5000), Decimal(5001), Decimal(4999), Decimal("5000.25"))
        put_bars(link, [("ES", "1m", AT, *prices, 7), ("ES", "1d", DAY, *prices, 7)])
        link.execute(MODELS)
        found = place(link, "BUY", 3)
        trade(link, "BUY", 2, "5000.25")
        account(kept_url, WHO, Role.VIEWER)
        account(kept_url, "owner@example.com", Role.OWNER)
        command = Command(tmp_path_factory.mktemp("fill"), THOR_DATABASE_URL=kept_url)
        for words in FILLING:
            done = command.run(*words)
            assert done.code == 0, done
        yield str(found)


@pytest.fixture
def thor(
    order: str, kept_url: str, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Run a command, in a pipe or in a terminal of a width."""
    command = Command(tmp_path, THOR_DATABASE_URL=kept_url, THOR_REDIS_URL=redis_url)

    def run(name: str, width: int | None = None) -> Result:
        words = [word.replace(ORDER, order) for word in WALKED[name]]
        with monkeypatch.context() as patch:
            patch.setattr(common.console, "_force_terminal", width is not None)
            patch.setattr(common.console, "_color_system", None)
            if width is not None:
                patch.setattr(common.console, "_width", width)
                patch.setattr(common.console, "_height", 25)
            return command.run(*name.split(), *words)

    return run


def words(text: str) -> Counter[str]:
    """Return the words of what was printed, without borders, styles, and dashes for nothing."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    return Counter(re.sub("[\u2500-\u257f]", " ", plain).split())


def commands(command: Any, name: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the commands there are, and whether each prints rows."""
    for own, part in getattr(command, "commands", {}).items():
        yield from commands(part, f"{name} {own}".strip())
    if not hasattr(command, "commands"):
        yield name, any("--json" in one.opts for one in command.params)


def test_every_command_that_prints_rows_is_walked_or_named() -> None:
    found = {name for name, has_rows in commands(typer.main.get_command(app)) if has_rows}
    assert found == {*WALKED, *WRITES, *ELSEWHERE}


@pytest.mark.parametrize("name", WALKED)
def test_nothing_that_a_command_prints_is_cut(thor: Any, name: str) -> None:
    piped: Result = thor(name)
    # The doctor finds something, and the vendor's bars differ.
    assert piped.code in {0, 1, 7}, piped
    assert ": none" not in piped.out.splitlines()[0]
    assert re.search("[\u2026\u2500-\u257f\x1b]", piped.out) is None, "a pipe gets plain lines"
    # Blocks of rows have no name for their first column.
    lines = piped.out.splitlines()
    titles = {lines[0], "folds", "first differences"}
    rows = [line for before, line in pairwise(["", *lines]) if before not in titles]
    shown: Result = thor(name, 80)
    missing = words("\n".join(rows)) - words(shown.out)
    assert missing.keys() - {"-"} == set(), shown.out
    assert "\u2026" not in shown.out
