"""The `thor` command as a person runs it: what it prints, and the exit code scripts read."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from command import Command, Result
from ticks_made import (
    account,
    inject,
    many,
    records,
    rejected,
    rows,
    stored,
    take_in,
    taking_in,
    tape_file,
    tick,
    value,
    wait_for,
    written,
)

from thor.market.bus.client import Bus

Link = psycopg.Connection[Any]
REJECTED, NOT_FOUND, REFUSED, UNAVAILABLE, CTRL_C = 2, 3, 4, 5, 130
NOBODY = "postgresql://thor@127.0.0.1:1/thor"


class Thor(Command):
    """The command, in a folder of its own and on the servers of the test."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        super().__init__(folder, THOR_DATABASE_URL=database_url, THOR_REDIS_URL=redis_url)

    def run(self, *words: str, **env: str) -> Result:
        """Run it to its end in this process; no password may be in what it prints."""
        return self._without_password(words, super().run(*words, **env))

    def run_apart(self, *words: str, **env: str) -> Result:
        """Run it as `run` does, in a process of its own."""
        return self._without_password(words, super().run_apart(*words, **env))

    def _without_password(self, words: tuple[str, ...], done: Result) -> Result:
        for url in (self.env["THOR_DATABASE_URL"], self.env.get("THOR_REDIS_URL", "")):
            password = urlsplit(url).password
            assert password is None or words == ("db", "url") or password not in done.out + done.err
        return done

    def good(self, *words: str) -> str:
        code, out, err = self.run(*words)
        assert code == 0, err
        return out

    def listed(self, *words: str) -> list[dict[str, Any]]:
        """Run it to its good end and read the JSON that it printed."""
        found: list[dict[str, Any]] = json.loads(self.good(*words, "--json"))
        return found

    def instrument(self, symbol: str) -> dict[str, Any]:
        """Return what is listed under a root."""
        (found,) = [row for row in self.listed("instruments", "list") if row["symbol"] == symbol]
        return found

    def bad(self, code: int, *words: str, **env: str) -> str:
        """Run what has to fail with this code, and return its one line."""
        found, out, err = self.run(*words, **env)
        assert found == code, err
        assert out == ""
        assert "Traceback" not in err
        lines = [line for line in err.splitlines() if line.startswith("thor: ")]
        assert len(lines) == 1, err
        return lines[0]


@pytest.fixture
def thor(tmp_path: Path, database_url: str, redis_url: str) -> Thor:
    """The command on a fresh database and an empty bus."""
    return Thor(tmp_path, database_url, redis_url)


def test_instruments_are_listed_added_and_changed(thor: Thor) -> None:
    listed = thor.listed("instruments", "list")
    assert [row["symbol"] for row in listed][:3] == ["YM", "ES", "NQ"]
    assert (listed[1]["tick_size"], listed[1]["multiplier"]) == ("0.25", "50")
    table = thor.good("instruments", "list")
    assert "E-mini S&P 500" in table

    add = (
        "instruments",
        "add",
        "BAC",
        "--tick-size",
        "0.01",
        "--asset-class",
        "equity",
        "--name",
        "Bank of America",
    )
    assert "BAC is listed: ticks of 0.01" in thor.good(*add, "--alias", "BAC.N")
    finer = thor.good(*add, "--quote-increment", "0.0001", "--precision", "4")
    assert "quoted to 0.0001" in finer
    bac = thor.instrument("BAC")
    assert (bac["quote_increment"], bac["version"], bac["name"]) == ("0.0001", 2, "Bank of America")


def test_a_change_of_one_thing_leaves_the_others_as_they_are(thor: Thor) -> None:
    thor.good("instruments", "add", "ES", "--tick-size", "0.25", "--margin", "15000")
    es = thor.instrument("ES")
    assert (es["margin"], es["multiplier"], es["name"]) == ("15000", "50", "E-mini S&P 500")


@pytest.mark.parametrize(
    ("options", "code", "reported"),
    [
        (("BAC", "--tick-size", "cheap"), REJECTED, "tick_size: 'cheap' is not a number"),
        (("BAC", "--tick-size", "1E+20", "--asset-class", "equity"), REJECTED, "tick_size: 1E+20"),
        (
            ("BAC", "--tick-size", "1", "--asset-class", "equity", "--calendar", "NYSE"),
            NOT_FOUND,
            "calendar: 'NYSE' is none of CME_EQUITY",
        ),
    ],
)
def test_an_impossible_instrument_is_one_line(
    thor: Thor, connection: Link, options: tuple[str, ...], code: int, reported: str
) -> None:
    assert reported in thor.bad(code, "instruments", "add", *options)
    assert value(connection, "select count(*) from reference.instruments") == 11


def test_a_tape_is_replayed_into_the_database_and_again_adds_nothing(
    thor: Thor, database_url: str, redis_url: str, connection: Link
) -> None:
    first = tape_file(thor.folder / "first.csv", records(1500))
    crude = records(3, symbol="CL", contract="CLQ24", last=83.5)
    other = tape_file(thor.folder / "other.parquet", crude)
    with taking_in(redis_url, database_url):
        code, out, err = thor.run("replay", str(first), str(other), "--speed", "max")
        assert code == 0, err
        again = thor.good("replay", str(first))
        filed = thor.good("replay", str(first), "--as", "ES", "--overlap")
    source = value(connection, "select source from reference.tapes where file_name = 'first.csv'")
    reported = f"first.csv: 1500 ticks published as {source}"
    assert f"{reported}; the database has 1500 of them, 0 in quarantine, symbols ESU24" in flat(out)
    assert "other.parquet: 3 ticks published as TAPE:" in out
    assert f"{reported} (replayed before); the database has 1500 of them" in flat(again)
    assert "symbols ES" in filed
    assert account(connection) == (4503, 3003, 1500, 0)
    codes = rows(connection, "select distinct symbol from market.ticks order by symbol")
    assert [row["symbol"] for row in codes] == ["CLQ24", "ES", "ESU24"]


def test_a_tape_that_was_mostly_refused_ends_with_the_code_of_bad_input(
    thor: Thor, database_url: str, redis_url: str
) -> None:
    cheap = tape_file(thor.folder / "cheap.csv", [*records(1), *records(2, last=5528.8)])
    with taking_in(redis_url, database_url):
        for _ in range(2):
            code, out, err = thor.run("replay", str(cheap))
            assert code == REJECTED
            assert "the database has 1 of them, 2 in quarantine" in flat(out)
            assert (
                "thor: cheap.csv: 2 of 3 ticks were refused; the first: last: 5528.8 is not on ES's"
                " grid of 0.25; `thor ticks rejected` lists them"
            ) in flat(err)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_refused_tape_is_one_line_and_its_exit_code(thor: Thor, connection: Link) -> None:
    good = tape_file(thor.folder / "good.csv", records(3))
    beside = tape_file(thor.folder / "beside.csv", records(2))
    torn = tape_file(thor.folder / "torn.parquet", records(100))
    torn.write_bytes(torn.read_bytes()[:-9])
    assert "nowhere.csv" in thor.bad(NOT_FOUND, "replay", "nowhere.csv")
    assert "torn.parquet" in thor.bad(REJECTED, "replay", str(torn))
    assert rows(connection, "select * from reference.tapes") == []
    process = thor.start("replay", str(good))
    wait_for(lambda: rows(connection, "select * from reference.tapes"), "the tape")
    reported = thor.bad(REFUSED, "replay", str(beside))
    assert "beside.csv" in reported
    assert "--overlap" in reported
    interrupted(process)


def interrupted(process: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C, check the exit code, and return the output."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode == CTRL_C, err
    return err


def test_a_replay_is_interrupted_without_a_traceback(
    thor: Thor, bus: Bus, database_url: str, redis_url: str, connection: Link
) -> None:
    slow = tape_file(thor.folder / "slow.csv", records(600))
    process = thor.start("replay", str(slow), "--speed", "1x")
    wait_for(lambda: bus.state().received, "the first tick")
    interrupted(process)
    take_in(redis_url, database_url)
    assert 0 < account(connection)[1] < 600


def test_a_replay_reports_that_it_waits_for_a_bus_that_is_away(thor: Thor) -> None:
    tape = tape_file(thor.folder / "t.csv", records(3))
    process = thor.start("replay", str(tape), THOR_REDIS_URL="redis://127.0.0.1:1/0")
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "attempt 2" in said:
            break
    assert "waiting: Redis" in said
    interrupted(process)


def test_what_was_refused_is_listed_and_tried_again(
    thor: Thor, bus: Bus, database_url: str, redis_url: str, connection: Link
) -> None:
    bus.publish([*many(2), tick(seq=7, symbol="BAC"), tick(seq=8, last=None)])
    take_in(redis_url, database_url)
    listed = thor.listed("ticks", "rejected")
    assert [(row["symbol"], row["field"], row["seq"]) for row in listed] == [
        ("ES", "last", 8),
        ("BAC", "symbol", 7),
    ]
    assert json.loads(listed[1]["payload"])["symbol"] == "BAC"
    of_bac = ("ticks", "rejected", "--symbol", "BAC")
    assert "BAC is not listed" in thor.good(*of_bac)
    assert thor.listed("ticks", "account") == [
        {"received": 4, "inserted": 2, "duplicate": 0, "rejected": 2, "lost": 0, "pending": 0}
    ]

    thor.good("instruments", "add", "BAC", "--tick-size", "0.01", "--asset-class", "equity")
    assert "1 published again" in thor.good(*of_bac, "--retry")
    take_in(redis_url, database_url)
    assert [one.seq for one in stored(connection) if one.symbol == "BAC"] == [7]
    assert [row["retried_at"] is None for row in rejected(connection)] == [False, True]


def test_what_was_refused_can_be_listed_whatever_it_was(
    thor: Thor, database_url: str, redis_url: str, connection: Link
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        inject(client, [written(tick(seq=1), ts="0001-01-01T00:00:00+05:00")], 1)
        inject(client, [written(tick(seq=2), ts="9999-12-31T23:59:59-05:00")], 1)
        inject(client, b"\x00\xff", 3)
    take_in(redis_url, database_url)
    listed = thor.listed("ticks", "rejected", "--limit", "2")
    assert [row["ticks"] for row in listed] == [3, 1]
    assert len(rejected(connection)) == 3


def test_psql_opens_with_the_schemas_on_its_path_and_hands_its_code_on(thor: Thor) -> None:
    asked = ("db", "psql", "-X", "-A", "-t", "-c")
    code, out, err = thor.run_apart(*asked, "select name from instruments where symbol = 'ES'")
    assert (code, out) == (0, "E-mini S&P 500\n"), err
    described = thor.run_apart("db", "psql", "-X", "-c", r"\d+ ticks").out
    assert "Market time: the exchange's time of the event." in described
    code, _, err = thor.run_apart("db", "psql", "-X", "-c", "select nonsense")
    assert code == 1
    assert 'column "nonsense" does not exist' in err


def test_the_command_in_a_process_of_its_own_prints_and_ends_as_it_does_here(thor: Thor) -> None:
    for words in (("instruments", "list"), ("replay", "nowhere.csv")):
        assert thor.run_apart(*words) == thor.run(*words)


def test_the_database_is_brought_up_to_date_as_often_as_you_like(
    thor: Thor, bare_database_url: str, redis_url: str
) -> None:
    fresh = Thor(thor.folder, bare_database_url, redis_url)
    assert "the database is up to date" in fresh.good("db", "up")
    assert "the database is up to date" in fresh.good("db", "up")
    assert fresh.good("db", "url").strip() == bare_database_url


def test_what_needs_the_database_alone_asks_for_no_bus(
    thor: Thor, bare_database_url: str, redis_url: str
) -> None:
    alone = Thor(thor.folder, bare_database_url, redis_url)
    del alone.env["THOR_REDIS_URL"]
    _, out, err = alone.run("db", "up")
    assert "the database is up to date" in out, err
    assert alone.listed("instruments", "list")
    assert "valkey was never started" in alone.bad(UNAVAILABLE, "ticks", "account")


def test_a_server_that_is_away_is_one_line(thor: Thor) -> None:
    for words in (("instruments", "list"), ("db", "up")):
        assert "PostgreSQL" in thor.bad(UNAVAILABLE, *words, THOR_DATABASE_URL=NOBODY)
    away = thor.bad(UNAVAILABLE, "ticks", "account", THOR_REDIS_URL="redis://127.0.0.1:1/0")
    assert "Redis" in away
    code, _, _ = thor.run("status")
    assert code == UNAVAILABLE


def test_a_database_without_the_schema_gets_one_error_with_the_fix(
    thor: Thor, bare_database_url: str, redis_url: str
) -> None:
    bare = Thor(thor.folder, bare_database_url, redis_url)
    code, _, err = bare.run("instruments", "list")
    assert code != 0
    assert "Traceback" not in err
    assert "thor db up" in err


def test_a_wrong_word_is_a_usage_error(thor: Thor) -> None:
    code, _, err = thor.run("ticks", "rejected", "--limit", "0")
    assert code == 2
    assert "Usage" in err
    assert "Traceback" not in err


def test_the_doctor_looks_at_the_servers_that_are_used(thor: Thor) -> None:
    _, out, err = thor.run("doctor", "--json")
    assert "Traceback" not in err
    found = {one["what"]: one for one in json.loads(out)}
    assert found["PostgreSQL"]["verdict"] == "good"
    assert found["bus memory policy"]["found"] == "noeviction"
    code, out, _ = thor.run("doctor", "--json", THOR_DATABASE_URL=NOBODY)
    assert code == 1
    wrong = [one for one in json.loads(out) if one["verdict"] == "wrong"]
    assert any("PostgreSQL" in one["found"] for one in wrong)
