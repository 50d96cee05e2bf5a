"""One migrated database for all tests that leave nothing behind."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from thor.database import schema
from thor.database.edition import Edition
from thor.services.running import Endpoints


@pytest.fixture(scope="session")
def common_database_url(endpoints: Endpoints, edition: Edition) -> Iterator[str]:
    """A migrated database, to be left as it was found."""
    name = f"thor_test_common_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(endpoints.database_url, autocommit=True) as server:
        server.execute(f"create database {name} template template0".encode())
        url = urlunsplit(urlsplit(endpoints.database_url)._replace(path=f"/{name}"))
        schema.up(url, requested=edition)
        yield url
        server.execute(f"drop database if exists {name} with (force)".encode())


@pytest.fixture
def undone(common_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose every change is undone when the test is over."""
    with (
        psycopg.connect(common_database_url, autocommit=True) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection
