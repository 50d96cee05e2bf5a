"""docker-compose.yml starts all of Thor, keeps its secrets and listens on loopback only."""

import fnmatch
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import timescale
import yaml
from source_tree import ROOT, modules

from jobs import JOBS, job_of
from thor.config import Settings, own_name

FILE = ROOT / "docker-compose.yml"
SECRETS = {
    "THOR_DB_PASSWORD": "d4tabase",
    "THOR_REDIS_PASSWORD": "bu5",
    "THOR_OWNER_PASSWORD": "0wner",
    "THOR_APP_PASSWORD": "4pp",
    "THOR_READER_PASSWORD": "re4der",
    "THOR_GRAFANA_PASSWORD": "gr4fana",
    "THOR_GRAFANA_ADMIN_PASSWORD": "4dmin",
}
SERVERS = {"postgres", "redis", "grafana"}
# It ends when its work is done; all others run on.
ONCE = {"migrate"}
# Modules of jobs/ that are no process of their own.
NO_JOB = {"jobs/__init__.py", "jobs/run.py", "jobs/healthcheck.py"}
# They end when they are done: run at their hour, by a scheduler or by hand.
SCHEDULED = {f"jobs/{job.name}.py" for job in JOBS if job.runs == "scheduled"}
# Settings that make no sense in a container, or whose value the file fixes.
FIXED = {
    "THOR_HOME", "THOR_PG_BIN", "THOR_INGESTORS", "THOR_BUS_FSYNC", "THOR_API_HOST",
    "THOR_API_PORT", "THOR_DATABASE_URL", "THOR_REDIS_URL", "THOR_EDITION", "THOR_LOG_FORMAT",
    "THOR_UI_DIR",
    # Excel runs on the desk's machine, and so does what reads it.
    "THOR_DATA_PROVIDER", "THOR_EXCEL_FILE", "THOR_EXCEL_SHEET", "THOR_EXCEL_RANGE",
    "THOR_EXCEL_INTERVAL_S",
    # Only the service that migrates has them.
    "THOR_OWNER_PASSWORD", "THOR_APP_PASSWORD", "THOR_READER_PASSWORD", "THOR_GRAFANA_PASSWORD",
}  # fmt: skip

RAW: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = RAW["services"]
THORS = sorted(set(SERVICES) - SERVERS)

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


@cache
def program() -> tuple[str, ...] | None:
    """Return the command that reads compose files, where this machine has one that works."""
    for words in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(words[0]):
            asked = subprocess.run([*words, "version"], capture_output=True, check=False)
            if asked.returncode == 0:
                return words
    return None


def config(folder: Path, **secrets: str) -> "subprocess.CompletedProcess[str]":
    """Let the program read the file, with these secrets and no .env."""
    words = program()
    if words is None:
        pytest.skip("neither `docker compose` nor docker-compose is here to read the file with")
    copy = folder / FILE.name
    shutil.copy(FILE, copy)
    env = {name: value for name, value in os.environ.items() if not name.startswith("THOR_")}
    return subprocess.run(
        [*words, "-f", str(copy), "config"],
        env=env | secrets, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_compose_reads_the_file(tmp_path: Path) -> None:
    done = config(tmp_path, **SECRETS)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)
    assert set(read["services"]) == set(SERVICES)
    assert set(read["volumes"]) == {"database", "bus", "lake", "dumps", "grafana"}
    ingest = read["services"]["ingest"]
    assert ingest["environment"]["PGPASSWORD"] == "4pp"
    assert ingest["environment"]["THOR_REDIS_URL"] == "redis://:bu5@redis:6379/0"
    assert read["services"]["api"]["network_mode"] == "service:loopback"
    assert "requirepass $$REDISCLI_AUTH" in read["services"]["redis"]["command"][-1]


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("is_empty", [False, True])
def test_compose_asks_for_a_secret_by_name(tmp_path: Path, missing: str, is_empty: bool) -> None:
    secrets = {name: text for name, text in SECRETS.items() if name != missing}
    done = config(tmp_path, **secrets, **({missing: ""} if is_empty else {}))
    assert done.returncode != 0
    assert f"set {missing} in the environment or in .env" in done.stderr


def test_compose_hands_settings_on_where_they_are_given(tmp_path: Path) -> None:
    done = config(tmp_path, **SECRETS, THOR_NATURE="live", THOR_API_PORT="8123")
    services = yaml.safe_load(done.stdout)["services"]
    assert services["ingest"]["environment"]["THOR_NATURE"] == "live"
    assert services["api"]["environment"]["THOR_API_PORT"] == "8000"
    assert "8123" in str(services["loopback"]["ports"])


def test_every_job_is_a_service_of_its_own() -> None:
    jobs = {module.path for module in modules("jobs")} - NO_JOB - SCHEDULED
    run = {
        f"{service['command'][2].replace('.', '/')}.py"
        for service in SERVICES.values()
        if service.get("command", [])[:2] == ["python", "-m"]
    }
    # Excel runs on the desk's machine, and so does what reads it.
    jobs -= {"jobs/poll_tos_excel.py"}
    assert run == jobs, "give each job a service in docker-compose.yml, and no other"


@every_service
def test_what_runs_on_has_a_healthcheck_and_starts_again(name: str) -> None:
    service = SERVICES[name]
    if name in ONCE:
        assert service["restart"] == "on-failure"
        return
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] in ("unless-stopped", "on-failure:3")


def test_the_registry_names_every_job_and_no_other() -> None:
    files = {module.path for module in modules("jobs")} - NO_JOB
    assert {f"jobs/{job.name}.py" for job in JOBS} == files


def test_a_job_s_healthcheck_asks_for_the_heartbeat_of_its_process() -> None:
    for name, service in SERVICES.items():
        command = service.get("command", [])
        if command[:2] != ["python", "-m"] or name == "api":
            continue
        process = command[3] if len(command) > 3 else name
        asked = ["CMD", "python", "-m", "jobs.healthcheck", process]
        assert service["healthcheck"]["test"] == asked
        assert job_of(process).module == command[2]


@every_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    wrong = [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")]
    assert wrong == []
    assert SERVICES[name].get("network_mode") in (None, "service:loopback")


def test_the_api_binds_loopback_and_one_service_carries_its_port() -> None:
    environment = SERVICES["api"]["environment"]
    assert environment["THOR_API_HOST"] == "127.0.0.1"
    loopback = SERVICES["loopback"]
    assert f"TCP:127.0.0.1:{environment['THOR_API_PORT']}" in loopback["command"][2]
    assert loopback["ports"] == ["127.0.0.1:${THOR_API_PORT:-8000}:8080"]
    assert loopback["command"][1].startswith("TCP-LISTEN:8080,")


@every_service
def test_an_image_is_pinned(name: str) -> None:
    image = SERVICES[name]["image"]
    if name not in SERVERS:
        assert (image, SERVICES[name]["build"]) == ("thor:local", ".")
        return
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*", image), f"{image}: name an exact version"


def test_the_database_is_the_community_edition_that_the_tests_would_take() -> None:
    assert SERVICES["postgres"]["image"] == timescale.IMAGE
    assert "-oss" not in timescale.IMAGE
    for name in THORS:
        if name != "loopback":
            assert SERVICES[name]["environment"]["THOR_EDITION"] == "timescale"


def test_a_secret_is_asked_for_and_never_written() -> None:
    required = re.compile(r"\$\{(\w+):\?[^}]+\}")
    asked = set()
    for name, service in SERVICES.items():
        for key, text in (service.get("environment") or {}).items():
            if re.search("PASSWORD|REDISCLI_AUTH|REDIS_URL", key):
                found = required.search(str(text))
                assert found, f"{name}: {key} has to come from ${{…:?…}}"
                asked.add(found[1])
    assert asked == set(SECRETS)
    users = {"migrate": "thor", "bars": "thor_owner"}
    passwords = {"migrate": "THOR_DB_PASSWORD", "bars": "THOR_OWNER_PASSWORD"}
    for name in set(THORS) - {"loopback"}:
        environment = SERVICES[name]["environment"]
        user, password = users.get(name, "thor_app"), passwords.get(name, "THOR_APP_PASSWORD")
        assert environment["THOR_DATABASE_URL"] == f"postgresql://{user}@postgres:5432/thor"
        assert environment["PGPASSWORD"].startswith(f"${{{password}:?")
    commands = str([service.get("command") for service in SERVICES.values()])
    assert not any(name in commands for name in SECRETS), "a command line is everyone's to read"


def test_every_setting_reaches_the_containers_or_is_fixed() -> None:
    known = {own_name(name) for name in Settings.model_fields}
    environment = SERVICES["ingest"]["environment"]
    handed_on = {name for name, value in environment.items() if value is None}
    assert handed_on == known - FIXED, "write it under x-thor in docker-compose.yml"
    assert known >= FIXED


def test_what_has_to_outlive_a_container_lies_in_a_named_volume() -> None:
    # Their names are older than those of the services, which read them as before.
    assert set(RAW["volumes"]) == {"database", "bus", "lake", "dumps", "grafana"}
    # PostgreSQL 18's images keep their data in a folder of the version below this one.
    assert SERVICES["postgres"]["volumes"] == ["database:/var/lib/postgresql"]
    assert SERVICES["redis"]["volumes"] == ["bus:/data"]
    lake, dumps = "lake:/var/lib/thor/lake", "dumps:/var/lib/thor/dumps"
    assert SERVICES["scheduler"]["volumes"] == [lake, dumps]
    assert SERVICES["api"]["volumes"] == [lake]


def test_services_that_need_a_migrated_database_wait_for_it() -> None:
    for name in THORS:
        if name in ONCE:
            waits = SERVICES[name]["depends_on"]
            assert waits == {"postgres": {"condition": "service_healthy"}}
        elif name != "loopback":
            waits = SERVICES[name]["depends_on"]
            assert waits["migrate"] == {"condition": "service_completed_successfully"}
            assert waits["redis"] == {"condition": "service_healthy"}


IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def is_sent(path: str) -> bool:
    """Return whether .dockerignore lets a file into the image; the last line wins."""
    sent = True
    for line in IGNORED:
        pattern = line.lstrip("!")
        parts = path.split("/")
        ways = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        names = parts if pattern.startswith("**/") else ways
        if any(fnmatch.fnmatchcase(way, pattern.removeprefix("**/")) for way in names):
            sent = line.startswith("!")
    return sent


def test_the_image_is_made_of_files_that_are_there_and_are_sent() -> None:
    lines = re.findall(r"^COPY (?!--from=pages)(.+)$", DOCKERFILE, re.MULTILINE)
    sources = {source for words in lines for source in words.split()[:-1]}
    assert sources == {
        *("requirements.lock", "pyproject.toml", "README.md", "db", "thor", "api", "jobs"),
        *("ui", "ui/package.json", "ui/package-lock.json"),
    }
    assert all((ROOT / source).exists() and is_sent(source) for source in sources)
    assert is_sent("thor/cli/__init__.py")
    assert is_sent("db/sql/30_ticks/300_ticks.sql")


@pytest.mark.parametrize(
    "path",
    [".env", "thor/.env", ".git/config", ".venv/bin/python", "tests/conftest.py",
     "thor/__pycache__/clock.cpython-311.pyc",
     "ui/node_modules/react/index.js", "ui/dist/index.html"],
)  # fmt: skip
def test_what_has_no_place_in_an_image_is_not_sent(path: str) -> None:
    assert not is_sent(path)


def test_the_image_installs_the_lock_and_runs_as_an_ordinary_user() -> None:
    installs = re.findall(r"pip install (.+)$", DOCKERFILE, re.MULTILINE)
    assert all("--require-hashes -r requirements.lock" in i or "--no-deps" in i for i in installs)
    assert len(installs) == 2
    users = re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["thor"]
    assert re.search(r"^FROM python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert "THOR_HOME=/var/lib/thor" in DOCKERFILE
