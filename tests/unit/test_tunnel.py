"""A tunnel's rules are checked before they open Thor to others."""

from pathlib import Path

import pytest

from thor.errors import NotFound, Rejected
from thor.ops.tunnel import faults, rules_of, service_of

OURS = Path(__file__).parents[2] / "ops/cloudflared/config.yml"
HOST = "thor-dev.example.com"


def written(folder: Path, text: str) -> Path:
    file = folder / "config.yml"
    file.write_text(text)
    return file


def test_the_kept_file_is_right_and_sends_each_path_where_it_belongs() -> None:
    rules = rules_of(OURS)
    assert faults(rules, {HOST}, 8000) == []
    assert service_of(rules, HOST, "/api/quotes") == "http://127.0.0.1:8000"
    assert service_of(rules, HOST, "/chart/ES") == "http://127.0.0.1:8000"
    assert service_of(rules, "other.example.com", "/api/quotes") == "http_status:404"
    # A page may begin with the same letters.
    assert rules[0].path == "^/api(/.*)?$"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("  - service: http_status:404\n", ""), "the last rule: has to be"),
        (("hostname: thor-dev.example.com\n    path: ^/api", "path: ^/api"),
         "rule 1: hostname: is missing"),
        (("thor-dev.example.com", "'*.example.com'"), "name each one, none by *"),
        (("thor-dev.example.com", "other.example.com"), "is none of THOR_PUBLIC_URL"),
        (("127.0.0.1:8000", "10.0.0.5:8000"), "is not on this machine"),
        (("127.0.0.1:8000", "127.0.0.1:8001"), "the API is at port 8000"),
        (("^/schwab/callback$", "^/schwab/callback"), "has to match alone"),
        (("    path: ^/schwab/callback$\n    service: http://127.0.0.1:8000",
          "    path: ^/schwab/callback$\n    service: http://127.0.0.1:5173"),
         "and the API should answer it"),
        (("^/api(/.*)?$", "^/api(("), "is no regular expression"),
        (("ingress:", "originRequest:\n  httpHostHeader: localhost\ningress:"),
         "httpHostHeader hides the name"),
    ],
)  # fmt: skip
def test_a_fault_is_named(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    text = OURS.read_text()
    assert change[0] in text
    rules = rules_of(written(tmp_path, text.replace(*change)))
    found = faults(rules, {HOST}, 8000)
    assert any(fault in one for one in found), found


@pytest.mark.parametrize("text", ["a: [", "", "[]", "ingress: []", "ingress:\n  - hostname: x\n"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Rejected, match=r"config\.yml"):
        rules_of(written(tmp_path, text))
    with pytest.raises(NotFound):
        rules_of(tmp_path / "none.yml")
