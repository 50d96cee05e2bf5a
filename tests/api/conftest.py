"""The application on a real port: one for a test alone, or one for all tests that only read."""

import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from served import Api, serving

from thor.services.running import Endpoints


@pytest.fixture
def api(database_url: str, redis_url: str) -> Iterator[Api]:
    """The API of an empty database and an empty bus."""
    with serving(database_url, redis_url) as api:
        yield api


@pytest.fixture(scope="session")
def asked_api(endpoints: Endpoints, template: str) -> Iterator[Api]:
    """An API without a tick, for tests that change nothing."""
    name = sql.Identifier(f"thor_test_{uuid.uuid4().hex[:12]}")
    source = sql.Identifier(urlsplit(template).path.lstrip("/"))
    with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {} template {}").format(name, source))
        url = urlunsplit(
            urlsplit(endpoints.database_url)._replace(path=f"/{name.as_string()[1:-1]}")
        )
        with serving(url, endpoints.redis_url) as api:
            yield api
        connection.execute(sql.SQL("drop database {} with (force)").format(name))
