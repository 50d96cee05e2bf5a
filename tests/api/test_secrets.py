"""What is secret is shown to its owner once, and is found nowhere else."""

import itertools
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyotp
import pytest
import redis
from command import Command
from people_made import Person, person
from roles_made import as_role
from ticks_made import wait_for

from thor import database
from thor.people import accounts, tokens

OWNER, COLLEAGUE = "own@example.com", "bob@example.com"
FIRST, SECOND = "seven lanterns over Wismar", "nine kettles under Dover"
HIS, WEAK, WRONG = "four otters beyond Tromso", "Qx7weak", "Zz4nobody's password"


@pytest.fixture
def running(kept_url: str, endpoints: Any, tmp_path: Path) -> Iterator[tuple[Command, str, Path]]:
    """The API in a process of its own that logs all there is, its address, and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Command(
        tmp_path,
        THOR_DATABASE_URL=as_role(kept_url),
        THOR_REDIS_URL=endpoints.redis_url,
        THOR_API_PORT=str(port),
        THOR_LOG_LEVEL="debug",
        PYTHONASYNCIODEBUG="1",
    )
    log, url = tmp_path / "api.log", f"http://127.0.0.1:{port}"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.api"],
            cwd=tmp_path, env=command.env, stdout=written, stderr=written,
        )  # fmt: skip
    try:
        wait_for(lambda: is_up(url), "the API's start")
        yield command, url, log
    finally:
        process.terminate()
        process.wait(timeout=30)


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/auth", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def argv_of_all() -> str:
    """Return the arguments of every process of this machine."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(one.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


class Walk:
    """Everything that a person may do with a secret, and what was answered where it failed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.secrets: dict[str, str] = {}
        self.problems: list[str] = []

    def note(self, **secrets: str) -> None:
        """Remember secrets that must not be found."""
        self.secrets.update(secrets)

    def cookies(self, name: str, who: Person) -> None:
        """Remember the tokens that a person's browser has, and their hash."""
        for kind in ("access", "refresh"):
            token = who.cookie(kind)[1]
            self.note(**{f"{name} {kind}": token, f"{name} {kind} hash": tokens.sha256(token)})
        self.note(**{f"{name} csrf": str(who.csrf)})

    def refused(self, answer: httpx.Response) -> None:
        """Keep the body of a refusal."""
        assert answer.status_code >= 400, answer.text
        self.problems.append(answer.text)


def walk(url: str, link: str) -> Walk:
    """Set up, log in, fail, register, change passwords, make keys and a second factor."""
    made = Walk(url)
    made.note(link=link, first=FIRST, second=SECOND, his=HIS, weak=WEAK, wrong=WRONG)
    with person(url) as own, person(url) as bob:
        made.refused(own.enter("/api/auth/setup", token=f"x{link}", email=OWNER, password=FIRST))
        made.refused(own.enter("/api/auth/setup", token=link, email=OWNER, password=WEAK))
        assert own.enter("/api/auth/setup", token=link, email=OWNER, password=FIRST).is_success
        made.cookies("set-up", own)
        assert own.refresh().is_success
        made.cookies("renewed", own)
        made.refused(bob.login(OWNER, WRONG))
        # A password in the wrong field, in a body that is none, and of a form that is none.
        made.refused(bob.login(WRONG, "x"))
        broken = f'{{"email": "{OWNER}", "password": "{WRONG}"'
        for body in (broken, json.dumps({"email": OWNER, "passphrase": WRONG})):
            for path in ("/api/auth/login", "/api/auth/register", "/api/auth/setup"):
                made.refused(bob.http.post(path, content=body))
        made.refused(bob.enter("/api/auth/register", email=COLLEAGUE, password=WEAK))
        answer = bob.http.post("/api/auth/register", json={"email": COLLEAGUE, "password": HIS})
        assert answer.status_code == 202
        made.refused(bob.login(COLLEAGUE, HIS))
        change = {"current": WRONG, "new": SECOND}
        made.refused(own.send("POST", "/api/auth/password", change))
        made.refused(own.send("POST", "/api/auth/password", {"current": FIRST, "new": WEAK}))
        change["current"] = FIRST
        assert own.send("POST", "/api/auth/password", change).is_success
        made.refused(own.send("POST", "/api/me/totp", {"password": WRONG}))
        offer = own.send("POST", "/api/me/totp", {"password": SECOND}).json()
        made.note(totp=offer["secret"])
        code = pyotp.TOTP(offer["secret"]).now()
        made.refused(own.send("POST", "/api/me/totp/confirm", {"code": "12345x"}))
        assert own.send("POST", "/api/me/totp/confirm", {"code": code}).is_success
        with person(url) as phone:
            made.refused(phone.login(OWNER, SECOND))
            made.refused(phone.login(OWNER, SECOND, code=code))
        key = own.send("POST", "/api/keys", {"name": "notebook", "scopes": ["read"]}).json()
        made.note(key=key["key"], key_hash=tokens.sha256(key["key"]))
        with httpx.Client(base_url=url) as program:
            bearer = {"Authorization": f"Bearer {key['key']}"}
            assert program.get("/api/me", headers=bearer).is_success
            made.refused(program.get("/api/users", headers=bearer))
            made.refused(program.post(f"/api/keys?key={key['key']}", headers=bearer))
            made.refused(program.get("/api/me", headers={"Authorization": key["key"]}))
            metrics = program.get("/metrics", headers=bearer).text
        made.problems.append(metrics)
        assert own.send("DELETE", f"/api/keys/{key['key_id']}").status_code == 204
        name, token = own.cookie("access")
        forged = token[:-4] + "AAAA"
        made.refused(httpx.get(f"{url}/api/me", cookies={name: forged}))
        made.problems.append(own.send("GET", "/api/audit?limit=1000").text)
        made.problems.append(own.send("GET", "/api/keys").text)
        made.problems.append(own.send("GET", "/api/users").text)
        assert own.send("POST", "/api/auth/logout?everywhere=true").status_code == 204
    return made


def test_a_secret_is_in_no_log_audit_error_metric_argument_or_bus(
    running: tuple[Command, str, Path], kept_url: str, endpoints: Any
) -> None:
    command, url, log = running
    with database.connect(as_role(kept_url), "test") as connection:
        link = accounts.make_link(connection, "a test")
    made = walk(url, link)
    adding = subprocess.Popen(
        [sys.executable, "-m", "thor", "user", "add", "eve@example.com", "--password-stdin"],
        cwd=command.folder, env=command.env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    argv = argv_of_all()
    out, err = adding.communicate(HIS + "\n", timeout=60)
    assert adding.returncode == 0, err
    assert command.run("user", "add", "eve@example.com").code == 2
    key = command.run("key", "add", "eve@example.com", "--name", "cron").out.strip()
    made.note(cli_key=key, cli_key_hash=tokens.sha256(key))
    listed = [command.run(*words) for words in (("user", "list"), ("key", "list"), ("audit",))]

    with psycopg.connect(kept_url) as connection:
        hidden = connection.execute(
            "select password_hash from people.users union select secret from people.signing_keys "
            "union select link_sha256 from people.setup_links"
        ).fetchall()
        audit = str(connection.execute("select * from people.audit").fetchall())
        folder = connection.execute("show data_directory").fetchone()
    made.note(**{f"of the database {n}": text for n, (text,) in enumerate(hidden)})
    password = re.findall(r":([^:@]+)@", as_role(kept_url))[0]
    made.note(database=password)
    assert folder is not None
    servers = Path(folder[0]).parent / "logs"
    with redis.Redis.from_url(endpoints.redis_url) as bus:
        keys = sorted(bus.scan_iter())
        bus_text = str([(key, bus.dump(key)) for key in keys])
    places = {
        "the API's log": log.read_text(errors="replace"),
        "the servers' logs": "".join(one.read_text(errors="replace") for one in servers.glob("*")),
        "the audit": audit,
        "errors and lists": "\n".join(made.problems),
        "arguments of processes": argv,
        "commands": "\n".join([out, err, *itertools.chain(*((r.out, r.err) for r in listed))]),
        "the bus": bus_text,
    }
    assert len(made.secrets) > 20
    assert COLLEAGUE in places["the audit"]
    assert "serving" in places["the API's log"]
    found = [
        f"{name} in {place}"
        for (name, secret), (place, text) in itertools.product(made.secrets.items(), places.items())
        if secret in text
    ]
    assert found == []
