"""Read rows of the database as Arrow: any relation through CSV, ticks through a faster path.

Stage 55, lake. Reads market, feat and reference; gives tables with the columns that the relation
has. Two paths to the same rows: each can check the other.
"""

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
from pyarrow import csv

from thor import database
from thor.database import Connection, copy
from thor.errors import Broken
from thor.lake.export import blocks
from thor.lake.export.blocks import INSTANT, UnknownWord, Words

_NUMERIC = re.compile(r"numeric\((?P<precision>\d+),(?P<scale>\d+)\)")
_TYPES = {
    "timestamp with time zone": INSTANT,
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    # One without bounds, as a product of two prices is.
    "numeric": pa.decimal128(38, 16),
}
# Enough ticks to see most words of a slice; a missing one costs a query for all.
_WORDS_OF_FIRST = 1000
_ALL = 2**62

# By symbol, the words of its ticks so far, and the statement that reads them.
Memory: TypeAlias = dict[str, tuple[Words, str]]


class Relation(msgspec.Struct, frozen=True):
    """A relation's columns as Arrow types, and the statements that read and write it.

    `stored` are the written columns; the others are generated.
    """

    schema: Any
    arrays: tuple[str, ...]
    stored: tuple[str, ...]
    copy_out: str
    copy_in: str


def relation(connection: Connection[Any], name: str) -> Relation:
    """Return how to read a table or view: market.bars_1m, feat._matrix, reference.series."""
    found = database.one(connection, "lake_statements", {"relation": name})
    kinds = dict(zip(found["names"], found["kinds"], strict=True))
    return Relation(
        pa.schema([(column, _type(kind)) for column, kind in kinds.items()]),
        tuple(column for column, kind in kinds.items() if kind.endswith("[]")),
        tuple(found["stored"]),
        found["copy_out"],
        found["copy_in"],
    )


def tables(connection: Connection[Any], read: Relation, **values: Any) -> Iterator[pa.Table]:
    """Yield the rows of a relation, the statement's braces filled in, some thousands a table."""
    texts = [
        pa.field(field.name, pa.string()) if field.name in read.arrays else field
        for field in read.schema
    ]
    options = csv.ConvertOptions(
        column_types=pa.schema(texts),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )
    names = csv.ReadOptions(column_names=read.schema.names)
    lines = csv.ParseOptions(newlines_in_values=True)
    for block in copy.blocks(connection, read.copy_out, **values):
        yield _lists(csv.read_csv(io.BytesIO(block), names, lines, options), read)


def ticks(
    connection: Connection[Any],
    words: Words,
    ts_from: datetime,
    ts_to: datetime,
    counted: Callable[[int], None] = lambda _: None,
    memory: Memory | None = None,
) -> Iterator[pa.Table]:
    """Yield the ticks of a symbol in order; `words` gives the symbol and the trade date.

    At the end `counted` is called with the server's count.

    It starts with the sources and contracts of the first ticks, or of ticks read before (`memory`).
    At an unknown one it queries all and reads again, skipping rows already given; so it needs a
    snapshot.
    """
    span = {"symbol": words.symbol, "ts_from": ts_from, "ts_to": ts_to}
    memory = {} if memory is None else memory
    if words.symbol not in memory:
        memory[words.symbol] = _known(connection, words, span, _WORDS_OF_FIRST)
    given = 0
    try:
        for table in _ticks(connection, *memory[words.symbol], span, counted):
            given += table.num_rows
            yield table
    except UnknownWord:
        memory[words.symbol] = _known(connection, memory[words.symbol][0], span, _ALL)
        for table in _ticks(connection, *memory[words.symbol], span, counted):
            new = table.slice(min(given, table.num_rows))
            given -= table.num_rows - new.num_rows
            if new.num_rows:
                yield new


def _ticks(
    connection: Connection[Any],
    words: Words,
    copy_out: str,
    span: dict[str, Any],
    counted: Callable[[int], None],
) -> Iterator[pa.Table]:
    is_unknown = False
    pending: bytearray | None = None
    is_first = True
    sent: list[int] = []
    for block in copy.blocks(connection, copy_out, sent.append, **span):
        # The trailer is in the last block, which is known only when no other follows.
        if pending is not None and not is_unknown:
            taken = blocks.without_frame(pending, is_first=is_first, is_last=False)
            is_first = False
            try:
                yield blocks.table(taken, words)
            except UnknownWord:
                # Read to the end: an unfinished COPY would block the connection.
                is_unknown = True
        pending = block
    if is_unknown:
        raise UnknownWord
    if pending is not None:
        taken = blocks.without_frame(pending, is_first=is_first, is_last=True)
        if taken:
            yield blocks.table(taken, words)
    counted(sum(sent))


def _known(
    connection: Connection[Any], words: Words, span: dict[str, Any], limit: int
) -> tuple[Words, str]:
    found = database.one(connection, "lake_words", {**span, "limit": limit})
    if len(found["sources"] or ()) > blocks.WORDS_MAX:
        raise Broken(f"{words.symbol} has ticks of more than {blocks.WORDS_MAX} sources in a day")
    # With the earlier ones, which may return.
    sources = dict.fromkeys([*words.sources, *(found["sources"] or ())])
    contracts = dict.fromkeys([*words.contracts, *(found["contracts"] or ())])
    if len(sources) > blocks.WORDS_MAX:
        sources = dict.fromkeys(found["sources"])
    named = {"sources": list(sources), "contracts": list(contracts)}
    texts = database.one(connection, "lake_tick_statements", named)
    words = msgspec.structs.replace(words, sources=tuple(sources), contracts=tuple(contracts))
    return words, texts["copy_out"]


def _lists(table: pa.Table, read: Relation) -> pa.Table:
    for name in read.arrays:
        index = table.schema.get_field_index(name)
        texts = table.column(index).to_pylist()
        values = [None if text is None else json.loads(text) for text in texts]
        kind = read.schema.field(name).type
        if pa.types.is_floating(kind.value_type):
            # JSON has no NaN: it is a word there.
            values = [one and [float(value) for value in one] for one in values]
        lists = pa.array(values, kind)
        table = table.set_column(index, pa.field(name, lists.type), lists)
    return table


def _type(kind: str) -> Any:
    if numeric := _NUMERIC.fullmatch(kind):
        return pa.decimal128(int(numeric["precision"]), int(numeric["scale"]))
    if kind.endswith("[]"):
        return pa.list_(pa.float32() if kind == "real[]" else pa.string())
    return _TYPES.get(kind, pa.string())
