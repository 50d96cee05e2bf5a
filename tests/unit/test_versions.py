"""Which PostgreSQL fits which TimescaleDB, and the findings on a server."""

from typing import Any

import pytest

from thor.database.versions import Finding, pair_faults, server_findings, version

# The facts of a good Community server.
GOOD: dict[str, Any] = {
    "version": "18.6 (Debian 18.6-1.pgdg13+1)",
    "time_zone": "UTC",
    "license": "timescale",
    "telemetry": "off",
    "workers": 16,
    "worker_slots": 27,
    "parallel_workers": 8,
    "timescaledb": "2.31.2",
    "timescaledb_offered": "2.31.2",
    "preloaded": "timescaledb,pg_stat_statements",
    "databases": 2,
}
NONE = {
    "license": None, "telemetry": None, "workers": None,
    "timescaledb": None, "timescaledb_offered": None, "preloaded": "",
}  # fmt: skip


def reported(edition: str | None, **other: Any) -> dict[str, Finding]:
    """Return the findings that are not good, by what was looked at."""
    findings = list(server_findings({**GOOD, **other}, edition))
    return {finding.what: finding for finding in findings if finding.verdict != "good"}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("18.6", (18, 6)),
        ("18.6 (Debian 18.6-1.pgdg13+1)", (18, 6)),
        ("2.31.2", (2, 31, 2)),
        ("2.32.0-dev", (2, 32, 0)),
        ("19beta2", (19,)),
        ("devel", ()),
    ],
)
def test_a_version_is_the_numbers_that_it_begins_with(text: str, numbers: tuple[int, ...]) -> None:
    assert version(text) == numbers


@pytest.mark.parametrize(
    ("postgres", "timescaledb"),
    [
        ("18.6", "2.31.2"),
        ("18.6", "2.29.2"),
        ("18.7", "2.31.2"),
        ("18.8", "2.32.0"),
        ("17.12", "2.31.3"),
        ("17.11", "2.30.0"),
        ("16.15", "2.31.0"),
        ("17.2", "2.31.2"),
        ("18.1", "2.31.2"),
    ],
)
def test_nothing_is_known_against_a_good_pair(postgres: str, timescaledb: str) -> None:
    assert pair_faults(postgres, timescaledb) == []


@pytest.mark.parametrize(
    ("postgres", "timescaledb"),
    [
        ("18.7", "2.31.1"),
        ("18.7", "2.29.2"),
        ("18.9", "2.31.1"),
        ("17.12", "2.30.1"),
        ("16.16", "2.31.0"),
    ],
)
def test_every_job_of_an_older_timescaledb_fails_from_these_minor_releases_on(
    postgres: str, timescaledb: str
) -> None:
    ((found, fix),) = pair_faults(postgres, timescaledb)
    assert found == (
        f"on PostgreSQL {postgres} every background job of TimescaleDB {timescaledb} fails: "
        "no refresh, no columnstore"
    )
    assert fix == "move to TimescaleDB 2.31.2 or newer"


def test_the_repaired_line_of_the_last_postgresql_15_runs_its_jobs_and_is_too_old_for_thor() -> (
    None
):
    assert [found for found, _ in pair_faults("15.20", "2.28.5")] == [
        "TimescaleDB 2.28.5 is too old for Thor"
    ]
    assert [found for found, _ in pair_faults("15.20", "2.28.4")] == [
        "TimescaleDB 2.28.4 is too old for Thor",
        "on PostgreSQL 15.20 every background job of TimescaleDB 2.28.4 fails: "
        "no refresh, no columnstore",
    ]


@pytest.mark.parametrize(
    ("postgres", "newer"), [("17.1", "17.2"), ("16.5", "16.6"), ("15.9", "15.10")]
)
def test_a_release_that_broke_extensions_is_named_with_the_one_that_mended_it(
    postgres: str, newer: str
) -> None:
    faults = dict(pair_faults(postgres, "2.31.2"))
    assert faults == {
        f"PostgreSQL {postgres} changed a structure under extensions built for others": (
            f"move to PostgreSQL {newer} or newer"
        )
    }


@pytest.mark.parametrize(
    ("timescaledb", "found"),
    [
        ("2.22.0", "TimescaleDB 2.22.0 leaves gaps in bars"),
        ("2.22.1", "TimescaleDB 2.22.1 is too old for Thor"),
        ("2.29.1", "TimescaleDB 2.29.1 is too old for Thor"),
        ("2.9.3", "TimescaleDB 2.9.3 is too old for Thor"),
    ],
)
def test_a_timescaledb_that_is_too_old_or_known_bad_is_named(timescaledb: str, found: str) -> None:
    assert pair_faults("17.11", timescaledb) == [(found, "move to TimescaleDB 2.31.2 or newer")]


def test_a_good_server_has_nothing_against_it() -> None:
    assert reported("timescale") == {}
    assert reported("plain", **NONE) == {}


@pytest.mark.parametrize(("text", "is_good"), [("15.20", False), ("16.1", True), ("18.6", True)])
def test_postgresql_16_to_18_is_what_thor_runs_on(text: str, is_good: bool) -> None:
    assert ("PostgreSQL" not in reported("plain", **{**NONE, "version": text})) is is_good
    assert reported("plain", **{**NONE, "version": "19beta2"})["PostgreSQL"].verdict == "wrong"


@pytest.mark.parametrize("license_", ["apache", None])
def test_a_community_database_under_another_licence_is_wrong(license_: str | None) -> None:
    found = reported("timescale", license=license_)["TimescaleDB licence"]
    assert found.verdict == "wrong"
    assert found.found == f"a Community database under timescaledb.license = {license_ or 'unset'}"
    assert "timescaledb.license = 'timescale'" in found.fix


def test_a_community_database_without_its_extension_is_wrong() -> None:
    assert reported("timescale", timescaledb=None)["TimescaleDB"].verdict == "wrong"


def test_a_bad_pair_is_wrong_and_one_older_than_recommended_is_noted() -> None:
    assert (
        reported("timescale", version="18.7", timescaledb="2.31.0")["TimescaleDB"].verdict
        == "wrong"
    )
    noted = reported("timescale", timescaledb="2.29.2")
    assert noted["TimescaleDB"].verdict == "note"
    assert noted["TimescaleDB"].fix == (
        "move to TimescaleDB 2.31.2 or newer: this one's jobs stop with PostgreSQL "
        "16.16, 17.12, 18.7"
    )


def test_an_extension_behind_its_server_is_noted_with_the_command() -> None:
    found = reported("timescale", timescaledb_offered="2.32.0")["TimescaleDB update"]
    assert (found.found, found.verdict) == ("2.31.2 here, 2.32.0 on the server", "note")
    assert "alter extension timescaledb update" in found.fix


def test_2_9_is_older_than_2_31_though_it_sorts_after_it_as_text() -> None:
    assert "TimescaleDB update" in reported("timescale", timescaledb_offered="2.100.0")
    assert "TimescaleDB update" not in reported("timescale", timescaledb_offered="2.9.0")


def test_telemetry_and_another_time_zone_are_noted() -> None:
    assert reported("timescale", telemetry="basic")["TimescaleDB telemetry"].verdict == "note"
    zone = reported("plain", **NONE, time_zone="America/Chicago")["time zone"]
    assert (zone.found, zone.verdict) == ("America/Chicago", "note")


@pytest.mark.parametrize(
    ("workers", "slots", "databases", "fix"),
    [
        (7, 27, 2, ""),
        (
            6,
            27,
            2,
            "set timescaledb.max_background_workers = 7: one a database, 5 for jobs at once",
        ),
        (
            0,
            27,
            1,
            "set timescaledb.max_background_workers = 6: one a database, 5 for jobs at once",
        ),
        (16, 26, 2, "set max_worker_processes = 27: jobs find no worker otherwise"),
        (7, 18, 2, ""),
    ],
)
def test_too_few_background_workers_are_wrong_with_the_number_needed(
    workers: int, slots: int, databases: int, fix: str
) -> None:
    found = reported("timescale", workers=workers, worker_slots=slots, databases=databases)
    assert {name: finding.fix for name, finding in found.items()} == (
        {"background workers": fix} if fix else {}
    )


def test_a_timescaledb_that_is_offered_and_not_preloaded_is_noted() -> None:
    absent = {**NONE, "timescaledb_offered": "2.31.2", "preloaded": "pg_stat_statements"}
    assert reported(None, **absent)["TimescaleDB"].found == (
        "2.31.2 offered, not preloaded: `thor db up` wants THOR_EDITION=plain"
    )
    assert reported("plain", **absent)["TimescaleDB"].found == (
        "2.31.2 offered, not preloaded: this database is plain"
    )


def test_a_plain_database_beside_an_unused_timescaledb_gets_a_note() -> None:
    offered = {**NONE, "timescaledb_offered": "2.31.2", "preloaded": "timescaledb"}
    assert "thor db copy" in reported("plain", **offered)["TimescaleDB"].fix
    assert reported(None, **offered) == {}
    apache = {**offered, "timescaledb": "2.31.2", "license": "apache"}
    assert reported("plain", **apache)["TimescaleDB"].found == (
        "2.31.2 under the Apache licence, not used: this database is plain"
    )


def test_libraries_that_this_user_may_not_see_are_no_finding() -> None:
    hidden = {**NONE, "timescaledb_offered": "2.31.2", "preloaded": None}
    assert "not preloaded" not in reported("plain", **hidden)["TimescaleDB"].found
