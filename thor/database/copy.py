"""Move many rows between PostgreSQL and this process, without a Python object a row.

Gives COPY's rows in blocks of whole rows, and sends it blocks; takes SQL that a named statement
composed, its braces filled.
"""

import select
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from thor import database
from thor.database import Connection
from thor.errors import Broken

BLOCK_BYTES = 1 << 22
_COPY_OUT, _DONE, _LATER = 3, 1, 0


def blocks(
    connection: Connection[Any],
    copy_out: str,
    counted: Callable[[int], None] = lambda _: None,
    **values: Any,
) -> Iterator[bytearray]:
    """Yield the rows of a COPY … TO STDOUT in blocks of whole rows, some MiB each.

    At its end `counted` is called with the server's number of rows. Waits without blocking other
    threads. Where it is not read to its end the connection is closed.
    """
    text = database.filled(copy_out, values).as_bytes(connection)
    is_whole = False
    try:
        with database.translated():
            yield from _blocks(connection.pgconn, text, counted)
        is_whole = True
    finally:
        if not is_whole:
            # A connection within a COPY takes no other statement.
            connection.close()


def pour(connection: Connection[Any], copy_in: str, parts: Iterable[bytes]) -> int:
    """Send a COPY … FROM STDIN its blocks; returns how many rows those were."""
    with database.translated(), connection.cursor() as cursor:
        with cursor.copy(database.filled(copy_in, {})) as copy:
            for part in parts:
                copy.write(part)
        return cursor.rowcount


def _blocks(link: Any, text: bytes, counted: Callable[[int], None]) -> Iterator[bytearray]:
    link.send_query(text)
    _begun(link)
    get = link.get_copy_data
    block = bytearray()
    left = BLOCK_BYTES
    while True:
        count, part = get(1)
        if count > 0:
            block += part
            left -= count
            if left <= 0:
                yield block
                block = bytearray()
                left = BLOCK_BYTES
        elif count == _LATER:
            _wait(link)
        else:
            break
    counted(_finished(link))
    if block:
        yield block


def _begun(link: Any) -> None:
    result = _result(link)
    if result is None or result.status != _COPY_OUT:
        _finished(link)
        raise _failed(result)


def _finished(link: Any) -> int:
    failed = None
    rows = 0
    while (result := _result(link)) is not None:
        if result.status == _DONE:
            rows = result.command_tuples or 0
        else:
            failed = result
    if failed is not None:
        raise _failed(failed)
    return rows


def _failed(result: Any) -> Exception:
    return Broken("COPY gave no rows") if result is None else database.error_of(result)


def _result(link: Any) -> Any:
    link.flush()
    while link.is_busy():
        _wait(link)
    return link.get_result()


def _wait(link: Any) -> None:
    select.select([link.socket], [], [])
    link.consume_input()
