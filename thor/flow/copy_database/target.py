"""Prepare a database as the target of a copy, and refuse one with other contents.

Used by `run.py`; records the copy's progress in ops.copies and ops.copied_parts of the target.
"""

from typing import Any

from thor import database
from thor.database import Connection, admin, edition, schema, tables
from thor.database.edition import Recorded
from thor.database.tables import Measure, Table
from thor.errors import NotFound, Refused, Unavailable

TICKS = "market.ticks"

# Every other table of Thor's schemas is copied whole.
LEFT_OUT = {
    TICKS: "by trade date",
    "market._bars": "made of the ticks there; where those were dropped, carried by trade date",
    "market.bars_to_refresh": "what is stale there is its own affair",
    "ops.alembic_version": "its own",
    "ops.bar_rebuilds": "work on the source's own bars",
    "ops.copied_parts": "the copy's own account",
    "ops.copies": "the copy's own account",
    "ops.edition": "its own",
    "ops.job_runs": "what ran there",
    "ops.job_states": "how far its own scheduler is",
    "ops.logic_files": "its own",
    "store.feature_texts": "its own",
    "store.features_1h": "made there of the bars; what they were before is copied",
    "store.features_1m": "made there of the bars; what they were before is copied",
    "store.features_5m": "made there of the bars; what they were before is copied",
    "store.features_to_refresh": "what is to be made there is its own affair",
    "trade.order_transitions": "the migrations' own",
}
# `thor db up` fills these itself.
COMPUTED = ("reference.sessions", "reference.market_days")


def make_if_missing(url: str) -> None:
    """Create the database of the URL where its server has none of that name."""
    try:
        database.connect(url, "copy").close()
    except Unavailable:
        name = database.name_of(url)
        with database.connect(admin.maintenance_url(url), "copy") as server:
            if database.row(server, "database_named", {"name": name}) is not None:
                raise
            admin.make(server, name)


def settle(source: Connection[Any], target: Connection[Any], target_url: str) -> None:
    """Migrate the target and begin a copy there, or resume an interrupted one.

    Locks the target against other copies for as long as its connection is open. Raises `Refused`
    where the target is the source, another application's, of another nature, or has rows that this
    copy did not write; it is then unchanged.
    """
    made = edition.found(source)
    if made is None:
        raise NotFound(f"{source.info.dbname} has no edition yet: run `thor db up` on it first")
    for connection in (source, target):
        database.rows(connection, "copy_settings")
    _lock(source, target)
    there = database.one(target, "copy_target")
    if there["is_thors"]:
        _refuse_another_nature(target, made.nature)
        _refuse_used(target, made, knows_copies=there["knows_copies"])
    else:
        _refuse_foreign_objects(target)
    schema.up(target_url, nature=made.nature)
    revisions = [database.one(each, "copy_revision")["revision"] for each in (source, target)]
    if revisions[0] != revisions[1]:
        raise Refused(
            f"The source is at revision {revisions[0]} and this Thor at {revisions[1]}: run "
            "`thor db up` on it first"
        )
    _refuse_unknown(source, target)
    values = {"copied_from": source.info.dbname, "source_made_at": made.made_at}
    database.rows(target, "begin_copy", values)


def parts(target: Connection[Any]) -> dict[str, Measure | None]:
    """Return the measures of the parts that the copy has written; stored bars have none."""
    return {
        row["part"]: None if row["checksum"] is None else tables.measure(row)
        for row in database.rows(target, "copied_parts")
    }


def record(target: Connection[Any], part: str, records: int, measure: Measure | None) -> None:
    """Record a part as copied, within the transaction that wrote it."""
    checksum = None if measure is None else measure.checksum
    values = {"part": part, "records": records, "checksum": checksum}
    database.rows(target, "part_copied", values)


def _lock(source: Connection[Any], target: Connection[Any]) -> None:
    name = target.info.dbname
    if not database.one(target, "lock_copy_target")["is_locked"]:
        raise Refused(f"--to: another copy into database {name} is under way")
    if not database.one(source, "share_copy_source")["is_shared"]:
        raise Refused(
            f"--to: database {name} is the one to be copied, or that is being copied into itself: "
            "name another database"
        )


def _refuse_foreign_objects(target: Connection[Any]) -> None:
    held = ", ".join(row["name"] for row in database.rows(target, "holdings"))
    if held:
        raise Refused(
            f"--to: database {target.info.dbname} holds {held}, and Thor did not make them: name "
            "an empty database, or one that is not there yet"
        )


def _refuse_another_nature(target: Connection[Any], nature: str) -> None:
    made = edition.found(target)
    found = None if made is None else made.nature
    if found != nature:
        raise Refused(
            f"--to: database {target.info.dbname} was made for {found} data and the source for "
            f"{nature}: that is fixed when a database is made. Name another database"
        )


def _refuse_used(target: Connection[Any], made: Recorded, *, knows_copies: bool) -> None:
    name = target.info.dbname
    begun = database.row(target, "copy_begun") if knows_copies else None
    if begun is not None and begun["source_made_at"] != made.made_at:
        raise Refused(
            f"--to: database {name} was filled by a copy of {begun['copied_from']}, another "
            "database than this one: name an empty one"
        )
    done = parts(target) if begun is not None else {}
    fix = "name an empty database, or drop that one if nothing in it is needed"
    if begun is not None and begun["verified_at"] is not None:
        fix = (
            f"it was copied whole at {begun['verified_at']:%Y-%m-%d %H:%M} UTC and has been used "
            f"since. To copy again, {fix}"
        )
    for table in tables.found(target, LEFT_OUT, COMPUTED):
        if held := _held(target, table, done.get(table.name)):
            raise Refused(f"--to: {table.name} of database {name} holds {held}: {fix}")
    for row in database.rows(target, "ticks_by_date"):
        written = done.get(f"{TICKS}/{row['trade_date']}")
        if written is None or written.records != row["records"]:
            raise Refused(
                f"--to: {TICKS} of database {name} holds {row['records']} ticks of "
                f"{row['trade_date']}, of which this copy wrote "
                f"{written.records if written else 0}: {fix}"
            )


def _refuse_unknown(source: Connection[Any], target: Connection[Any]) -> None:
    there = {table.name for table in tables.found(target, LEFT_OUT)}
    unknown = [table.name for table in tables.found(source, LEFT_OUT) if table.name not in there]
    if unknown:
        raise Refused(
            f"{', '.join(unknown)} of the source are other tables in Thor's schemas. "
            f"Database {target.info.dbname} is migrated now: create them there too and copy again, "
            "or move them into another schema, which a copy leaves alone"
        )


def _held(target: Connection[Any], table: Table, written: Measure | None) -> str | None:
    """Describe the rows of a table that are not the copy's; None where there are none."""
    if written is None:
        foreign = tables.foreign_rows(target, table)
        return f"{foreign} rows that this copy did not write" if foreign else None
    found = tables.measured(target, table)
    if found == written:
        return None
    if found.records == written.records:
        return "other values than this copy wrote"
    return f"{found.records} rows, not the {written.records} that this copy wrote"
