"""Settings under their older names, beside their own."""

from pathlib import Path

import pytest

from thor.config import SEED_NAMES, Settings, own_name, unknown_names
from thor.errors import Rejected

VALUES = {
    "DATA_PROVIDER": "excel_live",
    "EXCEL_DATA_FILE": "C:\\desk\\RTD_TOS.xlsm",
    "EXCEL_SHEET_NAME": "Futures",
    "EXCEL_LIVE_RANGE": "A1:M20",
    "REDIS_URL": "redis://:secret@127.0.0.1:6379/0",
    "FUTURETRADING_ENABLE_52W_MONITOR": "0",
}
TAKEN = {"FUTURETRADING_ENABLE_52W_MONITOR": "False"}


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, field in SEED_NAMES.items():
        monkeypatch.delenv(seed, raising=False)
        monkeypatch.delenv(own_name(field), raising=False)


def settings(env_file: Path | None = None) -> Settings:
    return Settings(_env_file=env_file)  # type: ignore[call-arg]


@pytest.mark.parametrize("seed", SEED_NAMES)
def test_a_setting_is_taken_under_its_older_name(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(seed, VALUES[seed])
    assert str(getattr(settings(), SEED_NAMES[seed])) == TAKEN.get(seed, VALUES[seed])


def test_a_file_may_hold_the_older_names(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("EXCEL_DATA_FILE=desk.xlsm\nEXCEL_SHEET_NAME=\nUNRELATED=1\n")
    found = settings(file)
    assert (found.excel_file, found.excel_sheet) == ("desk.xlsm", "LiveData")


@pytest.mark.parametrize("seed", SEED_NAMES)
def test_both_names_with_one_value_are_one_setting(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(seed, VALUES[seed])
    monkeypatch.setenv(own_name(SEED_NAMES[seed]), VALUES[seed])
    assert str(getattr(settings(), SEED_NAMES[seed])) == TAKEN.get(seed, VALUES[seed])


@pytest.mark.parametrize("seed", SEED_NAMES)
def test_both_names_with_two_values_are_refused_by_name(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_name(SEED_NAMES[seed])
    monkeypatch.setenv(seed, VALUES[seed])
    monkeypatch.setenv(own, "redis://:other@127.0.0.1/0")
    with pytest.raises(Rejected, match=f"{own} and {seed} are both given and differ") as raised:
        settings()
    assert "secret" not in str(raised.value)


def test_a_file_and_the_environment_that_differ_are_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("EXCEL_DATA_FILE=a.xlsm\n")
    monkeypatch.setenv("THOR_EXCEL_FILE", "b.xlsm")
    with pytest.raises(Rejected, match="'b.xlsm' and 'a.xlsm'; take one of them out"):
        settings(file)


def test_a_childs_environment_has_the_settings_under_their_own_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXCEL_DATA_FILE", "desk.xlsm")
    monkeypatch.setenv("FUTURETRADING_ENABLE_52W_MONITOR", "0")
    for name, value in settings().environment().items():
        monkeypatch.setenv(name, value)
    assert (settings().excel_file, settings().monitor_52w) == ("desk.xlsm", False)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("THOR_API_PORT", "abc", "THOR_API_PORT: 'abc' should be a valid integer"),
        ("THOR_API_PORT", "70000", "THOR_API_PORT: '70000' should be less than or equal to 65535"),
        ("THOR_NATURE", "real", "THOR_NATURE: 'real' should be 'simulated', 'recorded' or 'live'"),
        ("THOR_DATABASE_URL", "host=secret", "THOR_DATABASE_URL: should be an address as"),
        ("THOR_52W_MONITOR", "maybe", "THOR_52W_MONITOR: 'maybe' should be a valid boolean"),
        ("THOR_REDIS_URL", "secret:6379", "THOR_REDIS_URL: should be an address as"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it_and_no_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Rejected) as raised:
        settings()
    text = str(raised.value)
    assert text.startswith(said)
    assert text.endswith("; correct it in the environment or in .env")
    assert "\n" not in text
    assert "secret" not in text


def test_a_misspelt_setting_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_APIPORT", "8001")
    assert "THOR_APIPORT" in unknown_names()
    assert "THOR_API_PORT" not in unknown_names()
