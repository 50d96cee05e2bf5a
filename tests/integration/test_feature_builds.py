"""Stored features built after an upgrade, checked, and kept when something is in the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import alembic.command
import psycopg
import pytest
from features_made import made_bars, out_of_step, put_bars
from ticks_made import value, wait_for
from typer.testing import CliRunner, Result

from thor import cli, database
from thor.cli import common
from thor.cli.status import feature_rows
from thor.database import schema
from thor.database.edition import Edition
from thor.errors import NotFound, Rejected, Unavailable
from thor.flow import build_features
from thor.learning import feature_store
from thor.services.running import role_name

# Where locks and partitions matter; all else is the same text on both.
BOTH = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
MONTHS = (3, 4, 5)
BARS = 120


def put_months(link: Link) -> None:
    """Write bars of one minute of ES and GC in each of three months."""
    for month in MONTHS:
        for symbol in ("ES", "GC"):
            first = datetime(2024, month, 4, 23, tzinfo=UTC)
            # The rest of what is made lies in another season.
            rows = [*made_bars(month, symbol, "1m", 2 * BARS)][:BARS]
            moved = first - rows[0][2]
            put_bars(link, ((*row[:2], row[2] + moved, *row[3:]) for row in rows))


@pytest.fixture
def link(connection: Link, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Link:
    """A connection to a database with three months of bars, which the commands open too."""
    monkeypatch.setenv("THOR_DATABASE_URL", database_url)
    monkeypatch.setattr(common.console, "width", 250)
    put_months(connection)
    return connection


def run(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(cli.app, words)


@pytest.fixture
def before(bare_database_url: str, edition: Edition) -> str:
    """A database as it was before features were stored, with bars."""
    with database.engine(bare_database_url).begin() as connection:
        config = schema._alembic(connection)
        config.attributes["edition"] = edition
        database.raw(connection).execute("create schema ops")
        revisions = schema._pending(connection, config)[1]
        store = next(
            found
            for found in revisions
            if list((schema.DB / "migrations/versions").glob(f"{found}_feature_store.py"))
        )
        alembic.command.upgrade(config, revisions[revisions.index(store) + 1])
    with psycopg.connect(bare_database_url, autocommit=True) as link:
        assert value(link, "select to_regclass('store.features_1m')") is None
        link.execute(
            "insert into ops.edition (edition, nature) values (%s, 'simulated')", [edition]
        )
        put_months(link)
    return bare_database_url


@BOTH
def test_a_database_of_before_is_filled_newest_first_and_its_state_shows_how_far(
    before: str, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THOR_DATABASE_URL", before)
    # `thor status` answers while `thor up` migrates.
    assert feature_rows() == []
    schema.up(before, requested=edition)
    with psycopg.connect(before, autocommit=True) as link:
        # As long as nothing is made, all of it is to be.
        (first, *_) = feature_rows()
        assert (first["name"], first["state"]) == ("features_1m", "filling")
        assert first["reason"].endswith("days, 0% made")
        months, left = [], []
        for done in build_features.build(link):
            months.append((done.width, done.ts_from.month))
            (row,) = [one for one in feature_rows() if one["name"] == "features_1m"]
            left.append(row["reason"])
        assert months == [("1m", 5), ("1m", 4), ("1m", 3)]
        # From 4 March to 5 May: what lies before May, then before April.
        assert left == ["to make: 57 days, 7% made", "to make: 27 days, 56% made", None]
        shown = json.loads(run("features", "status", "--json").stdout)
        assert [row["ranges"] for row in shown] == [0, 0, 0]
        assert value(link, "select count(*) from feat.matrix_1m") == 2 * BARS * len(MONTHS)
        assert value(link, "select count(*) from store.features_to_refresh") == 0
        assert out_of_step(link, FIRST, LAST) == {}


def test_a_build_of_a_bar_that_is_open_makes_no_row_and_ends(link: Link) -> None:
    feature_store.catch_up(link, rows_max=10**12)
    before = value(link, "select count(*) from store.features_1m")
    first = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=5)
    (made, *_) = made_bars(1, "ZB", "1m", 1)
    put_bars(link, [(*made[:2], first, *made[3:])])
    assert value(link, "select count(*) from store.features_to_refresh") > 0
    for _ in build_features.build(link, rows_max=0):
        pass
    assert value(link, "select count(*) from store.features_1m") == before


def test_a_build_over_dates_without_bars_is_refused_and_records_nothing(link: Link) -> None:
    link.execute("delete from store.features_to_refresh")
    found = run("features", "build", "--from", "1999-01-01", "--to", "1999-01-02")
    assert isinstance(found.exception, NotFound)
    assert "--from: there are no bars of 1m, 5m, 1h from 1999-01-01" in str(found.exception)
    assert value(link, "select count(*) from store.features_to_refresh") == 0


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--from", "2024-03-05", "--to", "2024-03-01"), "--from: "),
        (("--from", "yesterday", "--to", "2024-03-01"), "--from: "),
        (("--from", "2024-03-01", "--to", "2024-03-02", "--width", "2m"), "--width: '2m'"),
    ],
)
def test_a_build_of_what_is_no_range_is_refused_by_its_field(
    link: Link, words: tuple[str, ...], field: str
) -> None:
    found = run("features", "build", *words)
    assert isinstance(found.exception, Rejected)
    assert str(found.exception).startswith(field)


@BOTH
def test_the_command_builds_a_range_and_again_without_a_change(link: Link) -> None:
    words = ("features", "build", "--from", "2024-03-01", "--to", "2024-05-31")
    assert run(*words).exit_code == 0
    assert value(link, "select count(*) from store.features_1m") == 2 * BARS * len(MONTHS)
    changed = value(link, "select max(changed_at) from store.features_1m")
    assert run(*words).exit_code == 0
    assert value(link, "select max(changed_at) from store.features_1m") == changed
    assert out_of_step(link, FIRST, LAST) == {}


# The first reads the bar after, the second all there are before it.
PEEKING = """
create or replace function feat.volume(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns {returns}
language sql stable parallel safe rows 5000
begin atomic
    select * from (
        select b.symbol, b.bar_start, b.known_at,
            lead(b.close) over (partition by b.symbol order by b.bar_start),
            (count(*) over (partition by b.symbol order by b.bar_start))::float8{nulls}
        from feat.bars(of_width, of_symbols, ts_from, ts_to, 10, interval '0 hours') as b
    ) as r where r.bar_start >= ts_from;
end
"""


def test_a_feature_that_peeks_and_one_that_looks_back_without_bound_are_found(link: Link) -> None:
    feature_store.catch_up(link, rows_max=10**12)
    words = ("features", "check", "--from", "2024-03-01", "--to", "2024-03-31", "--width", "1m")
    sound = run(*words, "--samples", "3")
    assert sound.exit_code == 0, sound.stdout
    names = value(link, "select names from store.families where family = 'volume'")
    returns = value(
        link, "select pg_get_function_result(oid) from pg_proc where proname = 'volume'"
        " and pronamespace = 'feat'::regnamespace",
    )  # fmt: skip
    nulls = ", null::float8" * (len(names) - 2)
    link.execute(PEEKING.format(returns=returns, nulls=nulls).encode())
    found = run(*words, "--samples", "3", "--json")
    assert found.exit_code == 7
    findings = {(one["feature"], one["how"]) for one in json.loads(found.stdout)}
    assert (names[0], "peeks") in findings
    assert (names[1], "looks further back than declared") in findings
    assert {name for name, how in findings if how == "peeks"} == {names[0]}
    assert {name for name, how in findings if how == "looks further back than declared"} == {
        names[1]
    }


@pytest.fixture
def small_disk(edition: Edition) -> Iterator[Path]:
    """A file system of two megabytes that the server may write to."""
    folder = Path("/dev/shm") / f"thor-test-disk-{uuid4().hex[:8]}"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0777", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        done = None
    if done is None or done.returncode:
        folder.rmdir()
        pytest.skip("a small disk cannot be mounted by this user")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


def test_a_disk_that_fills_in_the_middle_of_a_swap_loses_nothing(
    link: Link, database_url: str, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature_store.catch_up(link, rows_max=10**12)
    sums = (
        "select sum(hashtextextended(f::text, 0)::numeric) from store.features_1m as f"
        " where f.symbol in ('ES', 'GC')"
    )
    before = value(link, sums)
    inside = small_disk / "space"
    inside.mkdir(mode=0o700)
    owner = Path(value(link, "show data_directory")).stat()
    os.chown(inside, owner.st_uid, owner.st_gid)
    space = f"small_{uuid4().hex[:8]}"
    link.execute(f"create tablespace {space} location '{inside}'".encode())
    # The tables of a build belong to the owner.
    link.execute(f"grant create on tablespace {space} to {role_name('owner')}".encode())
    try:
        put_bars(link, made_bars(9, "ZB", "1m", 3000))
        put_bars(link, made_bars(9, "HG", "1m", 3000))
        ranges = "select count(*) from store.features_to_refresh"
        with database.connect(database_url, "test") as own:
            own.execute(f"set default_tablespace = {space}".encode())
            with pytest.raises(Unavailable, match="No space left on device"):
                for _ in build_features.build(own, rows_max=1000):
                    pass
        assert value(link, ranges) > 0
        assert value(link, sums) == before
        for _ in build_features.build(link, rows_max=1000):
            pass
        feature_store.catch_up(link, rows_max=10**12)
        assert value(link, ranges) == 0
        assert out_of_step(link, FIRST, LAST) == {}
    finally:
        for kind in ("table", "index"):
            text = f"alter {kind} all in tablespace {space} set tablespace pg_default"
            link.execute(text.encode())
        link.execute(f"drop tablespace {space}".encode())


@BOTH
def test_a_reader_of_the_table_is_named_and_waited_for_while_logic_changes(
    link: Link, database_url: str, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOCK_WAIT_S", 1)
    monkeypatch.setattr(schema, "_LOCK_PAUSE_S", 0.0)
    link.execute("update ops.logic_files set sha256 = repeat('0', 64) where path like '60_store/%'")
    reports: list[str] = []
    with psycopg.connect(database_url, application_name="grafana") as reader:
        reader.execute("select count(*) from feat.matrix_1m")

        def report(text: str) -> None:
            reports.append(text)
            if "waiting" in text:
                reader.rollback()

        schema.up(database_url, requested=edition, report=report)
    waits = [text for text in reports if "waiting" in text]
    assert len(waits) == 1
    assert "grafana (process " in waits[0]
    assert "select count(*) from feat.matrix_1m" in waits[0]


@BOTH
def test_a_reader_that_does_not_end_refuses_the_change_by_its_name(
    link: Link, database_url: str, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOCK_WAIT_S", 1)
    monkeypatch.setattr(schema, "_LOCK_PAUSE_S", 0.0)
    monkeypatch.setattr(schema, "_LOCK_TRIES", 2)
    link.execute("update ops.logic_files set sha256 = repeat('0', 64) where path like '60_store/%'")
    with psycopg.connect(database_url, application_name="grafana") as reader:
        reader.execute("select count(*) from feat.matrix_1m")
        with pytest.raises(Unavailable, match=r"grafana \(process \d+\).*run `thor db up` again"):
            schema.up(database_url, requested=edition)
        reader.rollback()
    # Nothing of it was left half done.
    assert value(link, "select count(*) from feat.matrix_1m") == 0


@pytest.fixture
def keepers(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Any]:
    """Start keepers of features as the processes that they are, each in a home of its own."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        names = {
            "THOR_DATABASE_URL": database_url,
            "THOR_REDIS_URL": redis_url,
            "THOR_HOME": str(tmp_path / f"home{len(running)}"),
        }
        log = (tmp_path / f"keeper{len(running)}.log").open("wb")
        command = [sys.executable, "-m", "jobs.features"]
        running.append(subprocess.Popen(command, env={**os.environ, **names}, stderr=log))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.wait()


def test_of_two_keepers_that_are_killed_in_turn_the_other_goes_on(link: Link, keepers: Any) -> None:
    first, second = keepers(), keepers()
    rows = "select count(*) from store.features_1m"
    wait_for(lambda: value(link, rows) > 0, "a row")
    first.send_signal(signal.SIGKILL)
    first.wait()
    link.execute("update market.bars_imported set close = low where symbol = 'ES'")
    third = keepers()
    second.send_signal(signal.SIGKILL)
    second.wait()
    put_bars(link, made_bars(7, "CL", "5m", 50))
    ranges = "select count(*) from store.features_to_refresh"
    wait_for(lambda: value(link, ranges) == 0, "every range to be made", 120)
    assert third.poll() is None
    assert value(link, "select count(*) from store.features_5m") == 50
    assert out_of_step(link, FIRST, LAST) == {}
