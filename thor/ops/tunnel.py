"""Check the configuration of a tunnel before it opens Thor to other machines.

Stage 95, ops. Reads a file of cloudflared's: rules of hostname and path, of which the first that
fits is taken.
"""

import ipaddress
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from thor.errors import NotFound, Rejected

CALLBACK = "/schwab/callback"
_LAST = "http_status:404"
# A request of each kind, and whether the API's process has to answer it.
_SAMPLES = {
    "/api/quotes": True,
    "/api/quotes/stream": True,
    "/api/auth/login": True,
    CALLBACK: True,
    "/": False,
    "/chart/ES": False,
    "/assets/index.js": False,
}
_PATH_OF = {True: "the API", False: "the pages"}


class Rule(msgspec.Struct, frozen=True):
    """A rule: where requests go of a hostname and a path, null for every one."""

    service: str
    hostname: str | None = None
    path: str | None = None
    has_host_header: bool = False


def rules_of(file: Path) -> list[Rule]:
    """Read the rules; raises `NotFound`, or `Rejected` naming the line's number or the rule."""
    import yaml

    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Rejected(f"{file}: is no YAML: {' '.join(str(error).split())}") from error
    found = read.get("ingress") if isinstance(read, dict) else None
    if not isinstance(found, list) or not found:
        raise Rejected(f"{file}: ingress: write a list of rules, the last of them {_LAST}")
    if "originRequest" in read:
        return [_rule(file, n, one, read["originRequest"]) for n, one in enumerate(found, 1)]
    return [_rule(file, n, one, None) for n, one in enumerate(found, 1)]


def faults(rules: list[Rule], hosts: Collection[str], port: int | None) -> list[str]:
    """Return what is wrong with rules, one line each.

    `hosts` are the names of THOR_PUBLIC_URL, `port` is that of the API, null where any will do.
    """
    found = []
    last = rules[-1]
    if last.hostname or last.path or last.service != _LAST:
        found.append(f"the last rule: has to be service: {_LAST}, without hostname and path")
    named = [rule for rule in rules[:-1] if rule.hostname]
    for n, rule in enumerate(rules[:-1], 1):
        found += [f"rule {n}: {text}" for text in _of_rule(rule, hosts, port)]
    for host in sorted({rule.hostname or "" for rule in named}):
        found += _of_host(rules, host)
    return found


def service_of(rules: list[Rule], host: str, path: str) -> str:
    """Return where a request goes: by the first rule that fits."""
    rule = _rule_for(rules, host, path)
    return _LAST if rule is None else rule.service


def _rule_for(rules: list[Rule], host: str, path: str) -> Rule | None:
    for rule in rules:
        is_host = rule.hostname is None or rule.hostname == host
        if is_host and (rule.path is None or re.search(rule.path, path)):
            return rule
    return None


def _rule(file: Path, n: int, given: Any, origin: Any) -> Rule:
    if not isinstance(given, dict) or not isinstance(given.get("service"), str):
        raise Rejected(f"{file}: rule {n}: service: is missing")
    hostname, path = given.get("hostname"), given.get("path")
    for name, value in (("hostname", hostname), ("path", path)):
        if value is not None and not isinstance(value, str):
            raise Rejected(f"{file}: rule {n}: {name}: {value!r} is no text")
    requests = [one for one in (origin, given.get("originRequest")) if isinstance(one, dict)]
    has_host = any("httpHostHeader" in one for one in requests)
    return Rule(given["service"], hostname or None, path or None, has_host)


def _of_rule(rule: Rule, hosts: Collection[str], port: int | None) -> list[str]:
    found = []
    if rule.hostname is None:
        found.append("hostname: is missing: every name would be answered")
    elif "*" in rule.hostname:
        found.append(f"hostname: {rule.hostname}: name each one, none by *")
    elif rule.hostname not in hosts:
        found.append(
            f"hostname: {rule.hostname} is none of THOR_PUBLIC_URL: Thor answers it with 421"
        )
    if rule.path is not None:
        try:
            re.compile(rule.path)
        except re.error as error:
            found.append(f"path: {rule.path!r} is no regular expression: {error}")
    parts = urlsplit(rule.service)
    if parts.scheme not in ("http", "https") or not _is_loopback(parts.hostname or ""):
        found.append(f"service: {rule.service} is not on this machine: http://127.0.0.1:8000 is")
    elif rule.path is not None and port is not None and parts.port != port:
        found.append(f"service: {rule.service}: the API is at port {port}")
    if rule.has_host_header:
        found.append("originRequest: httpHostHeader hides the name that Thor has to check")
    return found


def _of_host(rules: list[Rule], host: str) -> list[str]:
    """Return which requests of a name would go astray."""
    try:
        at = {path: service_of(rules, host, path) for path in _SAMPLES}
    except re.error:
        return []
    api = at["/api/quotes"]
    found = [
        f"{host}{path}: goes to {at[path]}, and {_PATH_OF[is_api]} should answer it"
        for path, is_api in _SAMPLES.items()
        if at[path] == _LAST or (is_api and at[path] != api)
    ]
    if _rule_for(rules, host, f"{CALLBACK}/more") is not _rule_for(rules, host, "/"):
        found.append(f"{host}{CALLBACK}: has to match alone: end its path with $")
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
