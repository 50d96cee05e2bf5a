"""A dump restores to the same database, or to none: on each edition."""

import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import psycopg
import pytest
import redis
import timescale
from command import Command, Result
from psycopg import sql
from ticks_made import TS, settings, take_in, tick, value, wait_for

from thor import database
from thor.database import dump, pg_tools, schema
from thor.database.archive import read
from thor.database.edition import Edition
from thor.errors import NotFound, Refused, Rejected, Unavailable
from thor.market.bars import refresh
from thor.market.bus.client import Bus
from thor.services.running import Endpoints

pytestmark = pytest.mark.editions("plain", "timescale")
# What does not depend on what is in the dump.
PLAIN = pytest.mark.editions("plain")

Link = psycopg.Connection[Any]
WIDTHS = ("1s", "1m", "5m", "1h", "1d")
# Every relation of Thor's; state and views alike have to come back. What names files and counts
# bytes is the server's, and differs.
RELATIONS = """
select format('%I.%I', n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('reference', 'market', 'feat', 'ops')
    and c.relkind in ('r', 'p', 'v', 'm')
    and not (n.nspname = 'ops' and c.relname in ('parts', 'sizes', 'slow_statements'))
order by 1
"""


def nothing(_table: str, _done: int) -> None:
    """Ignore the progress."""


def named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def databases(url: str) -> set[str]:
    """Return the names of all databases of the server."""
    with psycopg.connect(named(url, "postgres")) as connection:
        rows = connection.execute("select datname from pg_database").fetchall()
    return {name for (name,) in rows}


def checksums(url: str) -> dict[str, str]:
    """Return every relation's rows as a count and a checksum, whatever their order."""
    with psycopg.connect(url) as connection:
        connection.execute("set timezone = 'UTC'")
        names = [name for (name,) in connection.execute(RELATIONS.encode()).fetchall()]
        return {name: str(_checksum(connection, name)) for name in names}


def _checksum(connection: Link, name: str) -> Any:
    query = "select count(*), md5(string_agg(r.line, '' order by r.line collate \"C\"))"
    return connection.execute(
        f"{query} from (select t::text as line from {name} as t) as r".encode()
    ).fetchone()


@pytest.fixture(scope="module")
def filled(kept_url: str, endpoints: Endpoints, edition: Edition) -> str:
    """A database with two days of ticks of two symbols, late ones and a refused one; its URL."""
    with redis.Redis.from_url(endpoints.redis_url) as client:
        client.flushdb()
    bus = Bus(endpoints.redis_url)
    minutes = [
        tick(
            symbol=symbol, seq=2 * n + offset, ts=TS + timedelta(minutes=5 * n),
            last=Decimal(5000 + offset) + Decimal(n % 8) / 4, volume_delta=1 + n % 5,
            side="B" if n % 3 else "S",
        )
        for n in range(400)
        for offset, symbol in enumerate(("ES", "NQ"))
    ]  # fmt: skip
    bus.publish(minutes)
    late = tick(seq=5000, ts=TS + timedelta(minutes=7), received_at=TS + timedelta(minutes=70))
    bus.publish([late])
    bus.publish([tick(seq=5001, last=Decimal("5000.10"))])
    bus.close()
    take_in(endpoints.redis_url, kept_url)
    if edition == "timescale":
        with psycopg.connect(kept_url, autocommit=True) as connection:
            # Part in the aggregates, part in columns, the rest read from the ticks themselves.
            span = (TS - timedelta(days=1), TS + timedelta(hours=20))
            for width in WIDTHS[:4]:
                call = f"call refresh_continuous_aggregate('market._bars_{width}', %s, %s, "
                call += """options => '{"buckets_per_batch": 86400}')"""
                connection.execute(call.encode(), span)
            connection.execute(
                "select compress_chunk(c) from show_chunks('market.ticks') as c limit 1"
            )
    return kept_url


@pytest.fixture(scope="module")
def dumped(filled: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of it."""
    file = tmp_path_factory.mktemp("dumped") / "thor.dump"
    dump.dump(filled, file, settings(), nothing)
    return file


@pytest.fixture
def market(filled: str, copied: Callable[[str], AbstractContextManager[str]]) -> Iterator[str]:
    """A copy of the filled database, to be changed at will."""
    with copied(filled) as url:
        yield url


@pytest.fixture
def target(endpoints: Endpoints, maker: Link) -> Iterator[str]:
    """The URL of a database that is not there yet; dropped at the end."""
    name = f"thor_test_{uuid.uuid4().hex[:12]}"
    yield named(endpoints.database_url, name)
    for left in (name, f"{name}_restoring"):
        drop = sql.SQL("drop database if exists {} with (force)")
        maker.execute(drop.format(sql.Identifier(left)))


@pytest.fixture
def file(dumped: Path, tmp_path: Path) -> Path:
    """A dump of the market, to be damaged at will."""
    return Path(shutil.copy(dumped, tmp_path / "thor.dump"))


def make(url: str) -> None:
    """Make the database of the URL, empty."""
    with psycopg.connect(named(url, "postgres"), autocommit=True) as server:
        name = sql.Identifier(urlsplit(url).path[1:])
        server.execute(sql.SQL("create database {} template template0").format(name))


def test_a_restored_database_is_the_same_to_the_last_digit(
    market: str, file: Path, target: str
) -> None:
    before = checksums(market)
    assert {"market.ticks", *(f"market.bars_{width}" for width in WIDTHS)} <= set(before)
    assert before["market.bars_1m"].startswith("(801,")
    assert before["market.rejected_ticks"].startswith("(1,")
    dump.restore(file, target, settings(), nothing)
    assert checksums(target) == before


def test_a_restored_database_goes_on_as_the_other_would_have(
    market: str, file: Path, target: str, redis_url: str
) -> None:
    dump.restore(file, target, settings(), nothing)
    schema.up(target)
    begin = TS + timedelta(minutes=6)
    more = [tick(seq=9000 + n, ts=begin + timedelta(seconds=n), volume_delta=2) for n in range(90)]
    for url in (market, target):
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        bus = Bus(redis_url)
        bus.publish(more)
        bus.close()
        take_in(redis_url, url)
        with database.connect(url, "test") as connection:
            refresh.catch_up(connection)
    assert bars_of(target) == bars_of(market)
    assert sum(bar[-1] for bar in bars_of(target)["1m"]) == 801 + 90


def bars_of(url: str) -> dict[str, list[Any]]:
    """Return all bars by width: what market data make of them, moments of writing left out."""
    query = "select symbol, bar_start, open, high, low, close, volume, trades, ticks from bars_{}"
    with psycopg.connect(url) as connection:
        return {
            width: connection.execute(f"{query.format(width)} order by 1, 2".encode()).fetchall()
            for width in WIDTHS
        }


@pytest.mark.editions("timescale")
def test_policies_columns_and_aggregates_come_back(market: str, file: Path, target: str) -> None:
    queries = (
        "select proc_name, hypertable_name, schedule_interval, config - 'mat_hypertable_id' "
        "- 'hypertable_id' from timescaledb_information.jobs where job_id >= 1000 order by 1, 2",
        "select hypertable_name, count(*), count(*) filter (where is_compressed) "
        "from timescaledb_information.chunks group by 1 order by 1",
        "select view_name, materialized_only, compression_enabled from timescaledb_information."
        "continuous_aggregates order by 1",
        "select current_setting('timescaledb.restoring')",
    )
    dump.restore(file, target, settings(), nothing)
    with psycopg.connect(market) as before, psycopg.connect(target) as after:
        for query in queries:
            there = before.execute(query.encode()).fetchall()
            assert there != []
            assert after.execute(query.encode()).fetchall() == there
        assert value(after, "select current_setting('timescaledb.restoring')") == "off"


def test_psql_finds_the_tables_of_a_restored_database_without_their_schemas(
    file: Path, target: str
) -> None:
    dump.restore(file, target, settings(), nothing)
    with psycopg.connect(target) as connection:
        assert value(connection, "show search_path") == ", ".join(database.SEARCH_PATH)
        assert value(connection, "select count(*) from ticks") == 801


def test_an_empty_database_that_is_there_is_filled_and_keeps_its_owner(
    file: Path, target: str
) -> None:
    make(target)
    owner = f"owner_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(f"create role {owner}".encode())
        connection.execute(f"alter database {urlsplit(target).path[1:]} owner to {owner}".encode())
    try:
        dump.restore(file, target, settings(), nothing)
        with psycopg.connect(target) as connection:
            query = "select pg_get_userbyid(datdba) from pg_database where datname = %s"
            assert value(connection, query, urlsplit(target).path[1:]) == owner
            assert value(connection, "select count(*) from ticks") == 801
    finally:
        with psycopg.connect(target, autocommit=True) as connection:
            name = urlsplit(target).path[1:]
            connection.execute(f"alter database {name} owner to current_user".encode())
            connection.execute(f"drop role {owner}".encode())


@PLAIN
@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("create table mine (a int)", "public.mine"),
        ("create schema mine", "schema mine"),
        ("create function mine() returns int language sql return 1", "public.mine()"),
        ("create type mine as enum ('a')", "type public.mine"),
        ("create sequence mine", "public.mine"),
        ("select lo_create(77)", "large object 77"),
    ],
)
def test_a_database_that_holds_anything_is_left_alone(
    file: Path, target: str, made: str, said: str
) -> None:
    make(target)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(made.encode())
    with pytest.raises(Refused, match="is not empty, it holds") as refused:
        dump.restore(file, target, settings(), nothing)
    assert said in str(refused.value)
    with psycopg.connect(target) as connection:
        assert value(connection, "select to_regclass('ops.edition')") is None
    assert f"{urlsplit(target).path[1:]}_restoring" not in databases(target)


def test_a_database_of_thors_is_not_restored_over(market: str, file: Path) -> None:
    before = checksums(market)
    with pytest.raises(Refused, match=r"is not empty, it holds (feat|market)\."):
        dump.restore(file, market, settings(), nothing)
    assert checksums(market) == before


@PLAIN
def test_the_server_s_own_database_is_refused_by_name(file: Path, market: str) -> None:
    with pytest.raises(Refused, match="postgres is the server's own database"):
        dump.restore(file, named(market, "postgres"), settings(), nothing)


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("part", [0.4, 0.9])
def test_a_cut_file_restores_nothing_and_the_target_is_as_it_was(
    file: Path, target: str, part: float, is_there: bool
) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    if is_there:
        make(target)
    with pytest.raises(Rejected, match="thor.dump (was not restored|cannot be read as a dump): "):
        dump.restore(file, target, settings(), nothing)
    name = urlsplit(target).path[1:]
    assert (name in databases(target)) is is_there
    assert f"{name}_restoring" not in databases(target)


def test_a_damaged_file_restores_nothing_though_it_reads_well_at_first(
    market: str, target: str, tmp_path: Path
) -> None:
    with psycopg.connect(market) as connection:
        noise = "select md5(n::text) as noise from generate_series(1, 50000) as g (n)"
        connection.execute(f"create table market.noise as {noise}".encode())
    file = tmp_path / "thor.dump"
    dump.dump(market, file, settings(), nothing)
    with file.open("r+b") as damaged:
        # Among the rows, which are behind the list of what there is.
        damaged.seek(file.stat().st_size * 9 // 10)
        damaged.write(bytes(4096))
    assert read(file, settings()).nature == "simulated"
    with pytest.raises(Rejected, match="thor.dump was not restored: "):
        dump.restore(file, target, settings(), nothing)
    name = urlsplit(target).path[1:]
    assert databases(target) & {name, f"{name}_restoring"} == set()


def test_an_interrupted_restore_takes_back_what_it_began(file: Path, target: str) -> None:
    def interrupt(_table: str, _done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dump.restore(file, target, settings(), interrupt)
    name = urlsplit(target).path[1:]
    assert databases(target) & {name, f"{name}_restoring"} == set()
    dump.restore(file, target, settings(), nothing)
    assert name in databases(target)


@PLAIN
@pytest.mark.parametrize("step", ["_fill", "_give_name"])
def test_a_second_restore_is_refused_also_while_the_first_is_in_no_database(
    file: Path, target: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = getattr(dump, step)

    def a_second_time(*given: Any) -> None:
        monkeypatch.setattr(dump, step, go_on)
        with pytest.raises(Refused, match="another restore is under way"):
            dump.restore(file, target, settings(), nothing)
        go_on(*given)

    monkeypatch.setattr(dump, step, a_second_time)
    dump.restore(file, target, settings(), nothing)
    name = urlsplit(target).path[1:]
    assert databases(target) & {name, f"{name}_restoring"} == {name}


KILLED = """
import time
from pathlib import Path
from thor.config import Settings
from thor.database import dump

dump.restore(Path({file!r}), {url!r}, Settings(_env_file=None), lambda *_: time.sleep(600))
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux signals a parent's end to its child"
)
def test_a_killed_restore_leaves_no_target_and_the_next_one_tidies_up(
    file: Path, target: str
) -> None:
    name = urlsplit(target).path[1:]
    code = KILLED.format(file=str(file), url=target)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    try:
        wait_for(lambda: f"{name}_restoring" in databases(target), "the restore")
        with pytest.raises(Refused, match="another restore is under way"):
            wait_for(lambda: dump.restore(file, target, settings(), nothing), "a refusal")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert name not in databases(target)
    wait_for(lambda: _clients(target, f"{name}_restoring") == 0, "the end of its programs")
    dump.restore(file, target, settings(), nothing)
    assert name in databases(target)
    assert f"{name}_restoring" not in databases(target)


def _clients(url: str, name: str) -> int:
    with psycopg.connect(named(url, "postgres")) as server:
        query = "select count(*) from pg_stat_activity where datname = %s and backend_type = %s"
        return int(value(server, query, name, "client backend"))


@PLAIN
def test_another_database_of_that_name_is_named_and_not_dropped(file: Path, target: str) -> None:
    name = f"{urlsplit(target).path[1:]}_restoring"
    make(named(target, name))
    with pytest.raises(Refused, match=f"Database {name} is in the way"):
        dump.restore(file, target, settings(), nothing)
    assert name in databases(target)


@PLAIN
def test_the_password_is_on_no_command_line(
    market: str, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = urlsplit(market).password
    assert password
    seen: list[str] = []
    spawn = pg_tools.spawn

    def watched(argv: list[Any], **more: Any) -> Any:
        assert more["env"]["PGPASSWORD"] == password
        seen.extend(map(str, argv))
        return spawn(argv, **more)

    monkeypatch.setattr(pg_tools, "spawn", watched)
    dump.dump(market, tmp_path / "thor.dump", settings(), nothing)
    dump.restore(tmp_path / "thor.dump", target, settings(), nothing)
    assert "--format=custom" in seen
    assert "--exit-on-error" in seen
    assert not any(password in word for word in seen)
    assert not any(word.startswith(("-j", "--jobs")) for word in seen)


@PLAIN
def test_a_dump_is_one_new_file_that_only_its_user_reads(market: str, tmp_path: Path) -> None:
    file = tmp_path / "thor.dump"
    steps: list[str] = []
    archive = dump.dump(market, file, settings(), lambda table, _: steps.append(table))
    assert [path.name for path in tmp_path.iterdir()] == ["thor.dump"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert steps
    assert (archive.file, archive.nature) == (file, "simulated")
    assert archive == read(file, settings())
    written = file.read_bytes()
    with pytest.raises(Refused, match="is there already"):
        dump.dump(market, file, settings(), nothing)
    assert file.read_bytes() == written


def test_a_dump_knows_its_edition_and_versions(market: str, file: Path, edition: Edition) -> None:
    archive = read(file, settings())
    with psycopg.connect(market) as connection:
        number = connection.info.server_version
        query = "select max(extversion) from pg_extension where extname = 'timescaledb'"
        installed = value(connection, query)
    assert archive.edition == edition
    assert archive.postgres == f"{number // 10000}.{number % 10000}"
    assert archive.timescaledb == installed
    assert (installed is None) is (edition == "plain")


@PLAIN
def test_a_failed_dump_leaves_no_file(market: str, tmp_path: Path) -> None:
    with (
        psycopg.connect(market) as connection,
        pytest.MonkeyPatch.context() as patch,
    ):
        connection.execute("lock table market.gaps in access exclusive mode")
        patch.setattr(dump, "_LOCK_WAITS", "200ms")
        with pytest.raises(
            Unavailable, match="thor.dump was not written: a table was locked for 200ms"
        ):
            dump.dump(market, tmp_path / "thor.dump", settings(), nothing)
    assert list(tmp_path.iterdir()) == []


@PLAIN
def test_what_is_no_dump_of_thors_is_rejected_by_name(
    market: str, target: str, bare_database_url: str, tmp_path: Path
) -> None:
    text, strange = tmp_path / "text.dump", tmp_path / "strange.dump"
    text.write_text("create table a ();\n" * 100)
    with pytest.raises(Rejected, match="text.dump cannot be read as a dump"):
        dump.restore(text, target, settings(), nothing)
    tool = pg_tools.find("pg_dump", 16, settings())
    pg_tools.run(tool, ["--format=custom", f"--file={strange}"], bare_database_url, nothing)
    with pytest.raises(Rejected, match="strange.dump is no dump of a database of Thor's"):
        dump.restore(strange, target, settings(), nothing)
    with pytest.raises(NotFound, match="gone.dump: there is no such file"):
        dump.restore(tmp_path / "gone.dump", target, settings(), nothing)
    with pytest.raises(NotFound, match="run `thor db up`"):
        dump.dump(bare_database_url, tmp_path / "bare.dump", settings(), nothing)
    with pytest.raises(NotFound, match="there is no folder"):
        dump.dump(market, tmp_path / "no" / "thor.dump", settings(), nothing)


def reported_otherwise(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """Let every dump have another description."""

    def other(file: Path, given: Any) -> Any:
        return msgspec.structs.replace(read(file, given), **changed)

    monkeypatch.setattr(dump, "read", other)


@PLAIN
def test_a_dump_of_a_newer_postgresql_is_refused(
    file: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported_otherwise(monkeypatch, postgres="99.1")
    with pytest.raises(Refused, match=r"made by PostgreSQL 99\.1 and the server is PostgreSQL 1\d"):
        dump.restore(file, target, settings(), nothing)
    assert urlsplit(target).path[1:] not in databases(target)


@pytest.mark.editions("timescale")
def test_a_dump_of_another_timescaledb_is_refused_and_both_are_named(
    file: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = read(file, settings()).timescaledb
    reported_otherwise(monkeypatch, timescaledb="2.0.0")
    with pytest.raises(Refused, match=f"is of TimescaleDB 2.0.0 and the server offers {installed}"):
        dump.restore(file, target, settings(), nothing)
    name = urlsplit(target).path[1:]
    assert databases(target) & {name, f"{name}_restoring"} == set()


@pytest.mark.editions("timescale")
def test_a_plain_dump_does_not_go_into_a_community_database_unless_it_is_to_stay_plain(
    bare_database_url: str, target: str, tmp_path: Path
) -> None:
    schema.up(bare_database_url, requested="plain")
    file = tmp_path / "plain.dump"
    assert dump.dump(bare_database_url, file, settings(), nothing).edition == "plain"
    with pytest.raises(Refused, match="of the plain edition .* `thor db copy --to URL`"):
        dump.restore(file, target, settings(), nothing)
    assert urlsplit(target).path[1:] not in databases(target)
    dump.restore(file, target, settings(edition="plain"), nothing)
    with psycopg.connect(target) as connection:
        assert value(connection, "select edition from ops.edition") == "plain"


@pytest.fixture
def apache() -> Iterator[str]:
    """The URL of a server with the same TimescaleDB under the Apache licence."""
    if timescale.found().pg_bin is None:
        pytest.skip("no TimescaleDB of this machine's own that could be run under another licence")
    folder = Path(tempfile.mkdtemp(prefix="thor-test-"))
    folder.chmod(0o711)
    with timescale.running(folder, "apache") as urls:
        yield urls.database_url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.editions("timescale")
def test_a_community_dump_does_not_go_where_there_is_only_the_apache_licence(
    file: Path, apache: str
) -> None:
    with pytest.raises(Refused, match="of the timescale edition and the server keeps plain"):
        dump.restore(file, named(apache, "thor_restored"), settings(), nothing)
    assert {name for name in databases(apache) if "restor" in name} == set()


@pytest.mark.editions("timescale")
def test_a_community_dump_needs_the_extension_of_the_server(
    file: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = database.rows
    monkeypatch.setattr(
        database,
        "rows",
        lambda link, name, *more: [] if name == "timescaledb_versions" else rows(link, name, *more),
    )
    with pytest.raises(Refused, match="the server offers none: a dump needs the version"):
        dump.restore(file, target, settings(), nothing)


def test_the_commands_print_results_and_end_with_the_errors_code(
    market: str, target: str, tmp_path: Path, edition: Edition
) -> None:
    file = tmp_path / "thor.dump"
    command = Command(
        tmp_path, THOR_DATABASE_URL=market, THOR_REDIS_URL="redis://127.0.0.1:1", COLUMNS="300"
    )

    def thor(*words: str) -> Result:
        return command.run("db", *words)

    done = thor("dump", str(file))
    assert done.code == 0, done.err
    assert f"MB, simulated data, the {edition} edition, PostgreSQL 1" in done.out
    again = thor("dump", str(file))
    assert (again.code, again.out) == (Refused.exit_code, "")
    assert again.err.startswith("thor: ")
    assert "is there already" in again.err
    back = thor("restore", str(file), "--to", target)
    assert back.code == 0, back.err
    name = urlsplit(target).path[1:]
    assert f"database {name} is restored: simulated data, the {edition} edition" in back.out
    assert thor("restore", str(file), "--to", target).code == Refused.exit_code
    password = urlsplit(target).password
    assert password is not None
    assert all(password not in one.out + one.err for one in (done, again, back))
