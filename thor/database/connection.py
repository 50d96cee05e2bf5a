"""Connect to PostgreSQL: the only module that names the driver.

Gives connections, pools, the named statements of `db/sql/99_queries`, and Thor's errors in place of
the driver's.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import psycopg_pool
import sqlalchemy
import sqlalchemy.exc
from psycopg import AsyncConnection, Connection, Copy, Cursor, sql
from psycopg.rows import dict_row
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from thor.errors import Broken, NotFound, Refused, Rejected, Unavailable

DuplicateObject = psycopg.errors.DuplicateObject
UniqueViolation = psycopg.errors.UniqueViolation
ExclusionViolation = psycopg.errors.ExclusionViolation
DeadlockDetected = psycopg.errors.DeadlockDetected
DataError = psycopg.DataError
IntegrityError = psycopg.IntegrityError
InsufficientPrivilege = psycopg.errors.InsufficientPrivilege
DriverError = psycopg.Error
error_of = psycopg.errors.error_from_result

__all__ = [
    "AsyncConnection",
    "Connection",
    "Cursor",
    "sql",
]

DB = Path(__file__).resolve().parents[2] / "db"
SEARCH_PATH = (
    *("reference", "market", "studies", "feat", "store", "model", "trade"),
    *("feedback", "ops", "public"),
)
_NAME = re.compile(r"^-- name: (?P<name>[a-z_0-9]+)\s*$", re.MULTILINE)
# Shared by readers of one snapshot, exclusive for market.convert_chunks.
_CONVERSIONS_KEY = 7405113
_CONNECT_TIMEOUT_S = 5
# How long a statement may run and a lock may be waited for, in seconds, by what the
# connection is for; 0 is without limit. A job's statement may take as long as its turn.
_LIMITS_S = {
    "api": (10, 3),
    "screen": (10, 3),
    "ingest": (60, 30),
    "simulate": (60, 30),
    "excel": (60, 30),
    "bars": (600, 60),
    "gaps": (900, 60),
    "extremes": (600, 60),
    "trade": (60, 30),
}
_OTHERWISE_S = (0, 60)
_IDLE_IN_TRANSACTION_S = 600
_BLOCK_BYTES = 1 << 16
# What the server reports of a key that names no row: the columns and the values.
_NO_SUCH_ROW = re.compile(
    r"Key \((?P<field>[^)]+)\)=\((?P<value>.*)\) is not present in (?P<of>.*)\.$"
)


def statements(folder: Path = DB / "sql" / "99_queries") -> dict[str, str]:
    """Read the named statements: `-- name: x` opens each, the text follows."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.sql")):
        parts = _NAME.split(file.read_text())[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            found[name] = text.strip().rstrip(";")
    return found


_STATEMENTS: dict[str, str] = {}


def statement(name: str) -> str:
    """Return the statement of that name."""
    if not _STATEMENTS:
        _STATEMENTS.update(statements())
    return _STATEMENTS[name]


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` where the driver reports that the server is away or read-only.

    Raises `NotFound` where the database lacks an object, `Refused` where the user lacks a right.
    """
    try:
        yield
    except InsufficientPrivilege as error:
        raise Refused(
            f"PostgreSQL: {_first_line(error)}: name the owner of the database in its URL, or have "
            "that owner grant the right"
        ) from error
    except (
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.ObjectInUse,
    ) as error:
        # By a function of Thor's it is a rule's refusal; by the server, a state that passes.
        if error.diag.source_function == "exec_stmt_raise":
            raise Refused(_first_line(error)) from error
        raise Unavailable(f"PostgreSQL: {_first_line(error)}") from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise Unavailable(
            f"PostgreSQL: {_first_line(error)}: it is a standby, or has "
            "default_transaction_read_only on; name one that can be written"
        ) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
        raise NotFound(f"The database lacks {_lacks(error)}: run `thor db up`") from error
    except sqlalchemy.exc.OperationalError as error:
        raise Unavailable(f"PostgreSQL: {_first_line(error.orig or error)}") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout) as error:
        raise Unavailable(f"PostgreSQL: {_first_line(error)}") from error


def refusal(error: psycopg.Error) -> Refused | Rejected:
    """Return in Thor's words why the database takes no row.

    `Refused` with the message of a rule of Thor's; `Rejected` naming the field where its value
    names no row, breaks its column's check or is no value of its type.
    """
    diag = error.diag
    if isinstance(error, psycopg.DataError) and diag.source_function != "exec_stmt_raise":
        return Rejected(f"The request has a value that no column takes: {_first_line(error)}")
    table = f"{diag.schema_name}.{diag.table_name}"
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        found = _NO_SUCH_ROW.match(diag.message_detail or "")
        if found:
            return Rejected(f"{found['field']}: {found['value'][:40]} is none of {found['of']}")
    if isinstance(error, psycopg.errors.NotNullViolation):
        return Rejected(f"{diag.column_name}: is missing; {table} needs it")
    if isinstance(error, psycopg.errors.CheckViolation) and diag.constraint_name:
        rule = diag.constraint_name.removeprefix(f"{diag.table_name}_").removesuffix("_check")
        return Rejected(f"{rule}: what is given breaks this rule of {table}")
    return Refused(_first_line(error))


@contextmanager
def transaction(connection: Connection[Any]) -> Iterator[None]:
    """Run the block in one transaction; `Unavailable` where the server is away."""
    with translated(), connection.transaction():
        yield


@contextmanager
def unconverted(connection: Connection[Any]) -> Iterator[None]:
    """Keep chunks from being converted to columnstore while the block runs.

    Takes a connection outside a transaction: a wait within a snapshot would show the state from
    before the wait, in which TimescaleDB shows a converted chunk as empty.
    """
    with translated():
        connection.execute("select pg_advisory_lock_shared(%s)", (_CONVERSIONS_KEY,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock_shared(%s)", (_CONVERSIONS_KEY,))


@contextmanager
def snapshot(connection: Connection[Any], shared: str | None = None) -> Iterator[None]:
    """Run the block in one read-only snapshot of the database, its own or a shared one."""
    with unconverted(connection), transaction(connection):
        connection.execute("set transaction isolation level repeatable read, read only")
        if shared is not None:
            connection.execute(filled("set transaction snapshot {shared}", {"shared": shared}))
        yield


def connect(url: str, job: str) -> Connection[Any]:
    """Open a connection in autocommit, named after the job; `Unavailable` if none answers."""
    with translated():
        return psycopg.connect(
            url,
            autocommit=True,
            options=_limits(url, job),
            application_name=f"thor {job}",
            connect_timeout=_CONNECT_TIMEOUT_S,
        )


def _limits(url: str, job: str) -> str:
    """Return the server's options for a connection of a job, after those of the URL."""
    statement_s, lock_s = _LIMITS_S.get(re.split(r"[- ]", job)[0], _OTHERWISE_S)
    own = psycopg.conninfo.conninfo_to_dict(url).get("options") or ""
    return (
        f"{own} -c statement_timeout={statement_s}s -c lock_timeout={lock_s}s "
        f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_S}s"
    ).strip()


def rows(
    connection: Connection[Any], name: str, values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run a named statement and return its rows as dictionaries."""
    with translated(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement(name).encode(), values)
        return cursor.fetchall() if cursor.description else []


def together(
    connection: Connection[Any], values: Mapping[str, Any], *names: str
) -> list[list[dict[str, Any]]]:
    """Run named statements in one trip to the server, and return the rows of each.

    Each takes what it needs of the values.
    """
    with translated():
        with connection.pipeline():
            cursors = [
                connection.cursor(row_factory=dict_row).execute(statement(name).encode(), values)
                for name in names
            ]
        return [cursor.fetchall() for cursor in cursors]


def row(
    connection: Connection[Any], name: str, values: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Run a named statement and return its first row, or None."""
    found = rows(connection, name, values)
    return found[0] if found else None


def one(
    connection: Connection[Any], name: str, values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Run a named statement that always gives a row and return it; `Broken` where it gave none."""
    found = row(connection, name, values)
    if found is None:
        raise Broken(f"The statement {name} gave no row")
    return found


def execute(
    connection: Connection[Any], name: str, values: Mapping[str, Any] | None = None
) -> Cursor[Any]:
    """Run a named statement and return its cursor, which counts rows and gives them as tuples."""
    with translated():
        return connection.execute(statement(name).encode(), values)


def execute_many(
    connection: Connection[Any], name: str, values: Iterable[Mapping[str, Any]]
) -> int:
    """Run a named statement once for each set of values; returns how many rows it touched."""
    with translated(), connection.cursor() as cursor:
        cursor.executemany(statement(name).encode(), values)
        return cursor.rowcount


@contextmanager
def copy_into(connection: Connection[Any], name: str, types: Sequence[str]) -> Iterator[Copy]:
    """Give what takes the rows of a named COPY … FROM STDIN, whose columns have these types."""
    with connection.cursor() as cursor, cursor.copy(statement(name).encode()) as copy:
        copy.set_types(types)
        yield copy


def answers(connection: Connection[Any], text: str, **values: Any) -> list[dict[str, Any]]:
    """Run SQL that a named statement composed, its braces filled, and return its rows."""
    with translated(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(filled(text, values))
        return cursor.fetchall() if cursor.description else []


def stream(
    source: Connection[Any], copy_out: str, target: Connection[Any], copy_in: str, **values: Any
) -> int:
    """Pipe one database's COPY into another's; returns how many rows those were."""
    with (
        translated(),
        source.cursor().copy(filled(copy_out, values)) as read,
        target.cursor() as cursor,
    ):
        with cursor.copy(filled(copy_in, {})) as written:
            block = bytearray()
            for part in read:
                block += part
                if len(block) >= _BLOCK_BYTES:
                    written.write(block)
                    block = bytearray()
            written.write(block)
        return cursor.rowcount


def pool(url: str, job: str, connections_max: int = 8) -> psycopg_pool.AsyncConnectionPool[Any]:
    """Return a closed pool of connections for the API; open it inside the event loop."""
    return psycopg_pool.AsyncConnectionPool(
        url,
        min_size=1,
        max_size=connections_max,
        open=False,
        timeout=_CONNECT_TIMEOUT_S,
        check=psycopg_pool.AsyncConnectionPool.check_connection,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "application_name": f"thor {job}",
            "options": _limits(url, job),
        },
    )


@asynccontextmanager
async def lent(
    pool: psycopg_pool.AsyncConnectionPool[Any],
) -> AsyncIterator[AsyncConnection[Any]]:
    """Lend a connection of the pool; `Unavailable` where the server is away."""
    with translated():
        async with pool.connection() as connection:
            # The pool's check of a connection can swallow a cancellation.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            yield connection


async def fetch(
    pool: psycopg_pool.AsyncConnectionPool[Any],
    name: str,
    values: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Run a named statement on a connection of the pool and return its rows."""
    async with lent(pool) as connection:
        cursor = await connection.execute(statement(name).encode(), values)
        return await cursor.fetchall()


def listen(connection: Connection[Any], channel: str) -> None:
    """Have the server notify a connection of what is sent to a channel."""
    with translated():
        connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))


def is_notified(connection: Connection[Any]) -> bool:
    """Return whether a listening connection was notified since the last call; never waits."""
    with translated():
        return bool(list(connection.notifies(timeout=0)))


def engine(url: str) -> sqlalchemy.Engine:
    """Return a SQLAlchemy engine, which alembic needs."""
    return sqlalchemy.create_engine(
        url.replace("postgres://", "postgresql://", 1).replace(
            "postgresql://", "postgresql+psycopg://", 1
        ),
        poolclass=sqlalchemy.NullPool,
    )


def raw(connection: sqlalchemy.Connection) -> Connection[Any]:
    """Return the driver's connection under SQLAlchemy's."""
    driver: Any = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def wait_for_notice(connection: Connection[Any], timeout_s: float) -> bool:
    """Wait until somebody notifies a channel that the connection listens to; return whether."""
    with translated():
        return any(True for _ in connection.notifies(timeout=timeout_s, stop_after=1))


def name_of(url: str) -> str:
    """Return the database's name in a URL."""
    return urlsplit(url).path.lstrip("/") or "postgres"


def filled(text: str, values: Mapping[str, Any]) -> sql.Composed:
    """Return SQL that a named statement composed, its braces filled with literals."""
    return sql.SQL(text).format(**{name: sql.Literal(value) for name, value in values.items()})


def quoted(*names: str) -> sql.Composed:
    """Return the names as identifiers, joined by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def multirange(spans: list[tuple[int, int]]) -> Multirange[int]:
    """Return an int8multirange of the half-open spans."""
    return Multirange([Range(first, end) for first, end in spans])


def is_alive(connection: Connection[Any]) -> bool:
    """Return whether the connection still answers."""
    if connection.closed:
        return False
    try:
        connection.execute("select 1")
    except psycopg.Error:
        return False
    return True


def _lacks(error: psycopg.Error) -> str:
    return _first_line(error).removesuffix(" does not exist")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
