"""Which TimescaleDB is too old, by its numbers and not by its letters."""

import pytest

from thor.database.edition import is_too_old


@pytest.mark.parametrize(
    "version", ["2.29.1", "2.29", "2.28.5", "2.9.3", "2.4", "1.7.5", "2.29.1-dev", ""]
)
def test_what_is_older_than_the_measured_one_is_too_old(version: str) -> None:
    assert is_too_old(version)


@pytest.mark.parametrize("version", ["2.29.2", "2.29.10", "2.30.0", "2.31.2-dev", "2.100", "3.0"])
def test_the_measured_one_and_newer_ones_are_not(version: str) -> None:
    assert not is_too_old(version)
