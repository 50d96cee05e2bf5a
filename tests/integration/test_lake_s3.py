"""The lake in a bucket: the same files, through S3's own protocol."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.fs
import pytest
from lake_database import MONDAY, fill, one_tick, out
from moto.server import ThreadedMotoServer

from thor import database
from thor.errors import NotFound, Unavailable
from thor.flow.restore_from_lake import restore_from_lake
from thor.lake import manifest
from thor.lake.export.verify import verify
from thor.lake.store import Store


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that speaks S3, on loopback."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def store(address: str, request: pytest.FixtureRequest) -> Store:
    """A lake in a bucket of the test's own."""
    bucket = f"lake-{abs(hash(request.node.nodeid))}"
    client = pyarrow.fs.S3FileSystem(
        access_key="key", secret_key="hidden", scheme="http", endpoint_override=address,
        region="us-east-1", allow_bucket_creation=True,
    )  # fmt: skip
    client.create_dir(bucket)
    return Store(
        f"s3://key:hidden@{bucket}/some/where?endpoint_override={address}&scheme=http"
        "&region=us-east-1"
    )


def states(url: str, store: Store) -> set[str]:
    with database.connect(url, "test") as connection:
        return {one.state for one in verify(connection, store, MONDAY)}


def test_a_date_is_exported_verified_and_exported_again(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    [done] = out(database_url, store, MONDAY)
    assert (done.failed, done.written) == ([], 18)
    assert states(database_url, store) == {"equal"}
    assert manifest.dates(store) == [MONDAY]
    [done] = out(database_url, store, MONDAY)
    assert (done.written, done.kept) == (0, 18)
    one_tick(database_url, datetime(2024, 7, 1, 15, tzinfo=UTC))
    [done] = out(database_url, store, MONDAY, what=("ticks",))
    assert (done.written, done.kept) == (1, 1)


def test_a_bucket_comes_back_into_a_database(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    [done] = restore_from_lake(database_url, store, [MONDAY])
    assert (done.ticks, done.there, done.failed) == (0, 960, [])


def test_a_file_that_is_cut_short_is_damaged(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY, what=("ticks",))
    path = manifest.ticks_path(MONDAY, "ES")
    store.write(path, store.read(path)[:-9])
    assert states(database_url, store) == {"damaged", "equal"}


def test_files_are_written_listed_and_deleted(store: Store, tmp_path: Path) -> None:
    store.write("a/b.txt", b"one")
    store.write("a/b.txt", b"two")
    assert (store.read("a/b.txt"), store.size("a/b.txt")) == (b"two", 3)
    assert store.list("a") == ["a/b.txt"]
    assert store.list("nowhere") == []
    store.delete("a/b.txt")
    store.delete("a/b.txt")
    assert not store.exists("a/b.txt")
    with pytest.raises(NotFound, match="some/where/a/b.txt"):
        store.read("a/b.txt")


def test_no_message_contains_the_secret(store: Store) -> None:
    assert "hidden" not in store.url
    assert "hidden" not in store.locate("x")


def test_a_missing_bucket_is_reported(address: str) -> None:
    store = Store(
        f"s3://key:hidden@nowhere/x?endpoint_override={address}&scheme=http&region=us-east-1"
    )
    with pytest.raises(Unavailable, match="nowhere/x/lake.json") as raised:
        store.write("lake.json", b"{}")
    assert "hidden" not in str(raised.value)
