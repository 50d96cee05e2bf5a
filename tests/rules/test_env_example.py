"""`.env.example` is what `Settings` takes: names, order, defaults, and what each is for."""

import os
import re

import pytest
from env_example import rendered
from source_tree import ROOT

from thor.config import Settings

EXAMPLE = ROOT / ".env.example"


def test_the_example_is_what_the_settings_are() -> None:
    assert EXAMPLE.read_text() == rendered(), (
        "write it again: .venv/bin/python tests/rules/env_example.py > .env.example"
    )


def test_every_setting_has_a_description() -> None:
    silent = [
        name
        for name, field in Settings.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert silent == [], "give the Field a description, a sentence with its full stop"


def test_a_copy_of_the_example_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("THOR_")]:
        monkeypatch.delenv(name)
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)  # type: ignore[call-arg]


def test_the_example_holds_no_secret() -> None:
    values = re.findall(r"^THOR_(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|KEY$|DSN|_URL$")
    assert [name for name, value in values if secret.search(name) and value] == []
