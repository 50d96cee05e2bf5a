"""Record readings as a file in Thor's columnar format, to be replayed with `thor replay`.

Stage 20, collect. Ticks go to FILE.parquet.part as they come, which survives a crash; the end of
the recording, or the start of the next one, makes FILE.parquet of it.
"""

from datetime import UTC
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pa_parquet

from thor.domain.tick import Tick
from thor.errors import Refused, Rejected
from thor.market.collect.files.columns import RECORDING_MARK

_PRICE = pa.decimal128(18, 8)
_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("contract", pa.string()),
        ("ts", _TIME),
        ("kind", pa.string()),
        ("last", _PRICE),
        ("bid", _PRICE),
        ("ask", _PRICE),
        ("last_size", pa.int64()),
        ("bid_size", pa.int64()),
        ("ask_size", pa.int64()),
        ("volume", pa.int64()),
        ("volume_delta", pa.int64()),
        ("is_sampled", pa.bool_()),
        ("received_at", _TIME),
        ("seq", pa.int64()),
        ("source", pa.string()),
    ],
    # Read by `thor.market.collect.files.columns`: replayed, the ticks are those that were read.
    metadata={RECORDING_MARK: b"1"},
)


class Recorder:
    """One recording; call `close` at its end."""

    def __init__(self, path: Path) -> None:
        """Begin the recording; continue an interrupted run's part file.

        Raises `Rejected` for a name or folder that cannot be, `Refused` where the file is there
        already.
        """
        if path.suffix.lower() != ".parquet":
            raise Rejected(f"record: {path.name} has to end in .parquet")
        if path.exists():
            raise Refused(f"record: {path} is there already; give another name")
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        aside = path.with_name(f"{path.name}.left")
        try:
            # Set aside until it is written again: where that is cut short too, it is whole.
            if self._part.exists() and not aside.exists():
                self._part.replace(aside)
            left = _whole_batches(aside)
            self._file = self._part.open("wb")
        except OSError as fault:
            raise Rejected(f"record: {path} cannot be written: {fault.strerror}") from fault
        self._writer = pa.ipc.new_stream(self._file, SCHEMA)
        for batch in left:
            self._writer.write_batch(batch)
        self._file.flush()
        aside.unlink(missing_ok=True)
        self.ticks: int = sum(batch.num_rows for batch in left)

    def write(self, ticks: list[Tick]) -> None:
        """Add ticks of one source, in order; they are written to the file when it returns."""
        if not ticks:
            return
        columns = [_column(ticks, field) for field in SCHEMA]
        self._writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
        self._file.flush()
        self.ticks += len(ticks)

    def close(self) -> int:
        """Make the Parquet file and return its ticks; without any there is no file."""
        self._writer.close()
        self._file.close()
        if self.ticks:
            beside = self._path.with_name(f"{self._path.name}.making")
            with self._part.open("rb") as file, pa.ipc.open_stream(file) as batches:
                pa_parquet.write_table(batches.read_all(), beside, compression="zstd")
            beside.replace(self._path)
        self._part.unlink()
        return self.ticks


def _whole_batches(part: Path) -> list[pa.RecordBatch]:
    # The batches before an interruption; the last one may be incomplete.
    batches: list[pa.RecordBatch] = []
    if not part.exists():
        return batches
    try:
        with part.open("rb") as file, pa.ipc.open_stream(file) as found:
            if found.schema.equals(SCHEMA):
                batches.extend(found)
    except (pa.ArrowException, OSError, EOFError):
        # list.extend keeps the batches before the incomplete one.
        pass
    return batches


def _column(ticks: list[Tick], field: pa.Field) -> pa.Array:
    if field.name == "kind":
        return pa.array(["trade" if tick.is_trade else "quote" for tick in ticks], pa.string())
    values = [getattr(tick, field.name) for tick in ticks]
    if field.type == _TIME:
        values = [value.astimezone(UTC) for value in values]
    return pa.array(values, field.type)
