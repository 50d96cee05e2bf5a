"""Settings: the only module that reads the environment.

Read once at an entry point and passed on; `.env.example` lists every name.
"""

import os
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    AliasChoices,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from thor.domain.nature import Nature
from thor.errors import Rejected


def _default_home() -> Path:
    """Return the folder of Thor's data unless `THOR_HOME` names another."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "Thor"
    # Root's own home is not readable by the unprivileged user that runs the servers.
    if os.geteuid() == 0:
        return Path("/var/lib/thor")
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "thor"


# Older names that people have in their files, and the setting of each.
SEED_NAMES = {
    "DATA_PROVIDER": "data_provider",
    "EXCEL_DATA_FILE": "excel_file",
    "EXCEL_SHEET_NAME": "excel_sheet",
    "EXCEL_LIVE_RANGE": "excel_range",
    "REDIS_URL": "redis_url",
    "FUTURETRADING_ENABLE_52W_MONITOR": "monitor_52w",
}

_SWITCH = TypeAdapter(bool)
# A name in Python does not begin with a digit.
_OWN_NAMES = {"monitor_52w": "THOR_52W_MONITOR"}


def own_name(field: str) -> str:
    """Return the name in the environment of a field of `Settings`."""
    return _OWN_NAMES.get(field, f"THOR_{field.upper()}")


# How the addresses of servers begin, and one as an example.
_ADDRESSES = {
    "database_url": (
        ("postgresql://", "postgres://"),
        "postgresql://user:password@127.0.0.1:5432/thor",
    ),
    "redis_url": (("redis://", "rediss://", "unix://"), "redis://:password@127.0.0.1:6379/0"),
}
_STORES = ("sqlite:///", "postgresql://", "http://", "https://")


class _SeedNames(PydanticBaseSettingsSource):
    """Reads settings under their older names; a setting given under both names must be equal."""

    def __init__(self, settings_cls: type[BaseSettings], *given: PydanticBaseSettingsSource):
        super().__init__(settings_cls)
        self._given: dict[str, str | None] = {}
        # The environment takes precedence over the file.
        for source in reversed(given):
            if isinstance(source, EnvSettingsSource):
                self._given.update(source.env_vars)

    def get_field_value(self, _: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {}
        for seed, field in SEED_NAMES.items():
            value = self._given.get(seed.lower())
            if not value:
                continue
            own = own_name(field)
            other = self._given.get(own.lower())
            if other is not None and other != value and not _are_one_switch(field, other, value):
                raise Rejected(_both(own, other, seed, value))
            found[field] = value
        return found


def _are_one_switch(field: str, one: str, other: str) -> bool:
    """Return whether two texts of a switch mean the same: a child gets False for a 0."""
    if Settings.model_fields[field].annotation is not bool:
        return False
    try:
        return _SWITCH.validate_python(one) == _SWITCH.validate_python(other)
    except ValidationError:
        return False


def _both(own: str, other: str, seed: str, value: str) -> str:
    # An address may hold a password.
    is_shown = not own.endswith("_URL")
    values = f": {other!r} and {value!r}" if is_shown else ""
    return f"{own} and {seed} are both given and differ{values}; take one of them out"


def has_display() -> bool:
    """Return whether programs of this process can show windows."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _faults(error: ValidationError) -> str:
    """Return what is wrong with which settings, in one line; an address may hold a password."""
    found = []
    for fault in error.errors(include_url=False):
        field = "_".join(map(str, fault["loc"]))
        name = field if field in _OWN_NAMES.values() else own_name(field)
        reason = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        value = "" if name.endswith("_URL") else f"{fault['input']!r} "
        found.append(f"{name}: {value}{reason}")
    return f"{'; '.join(found)}; correct it in the environment or in .env"


def unknown_names() -> list[str]:
    """Return the THOR_ names of the environment that are no setting: a misspelt one say."""
    known = {own_name(name) for name in Settings.model_fields}
    prefixes = ("THOR_TEST_", "THOR_DB_", "THOR_REDIS_")
    given = (name.upper() for name in os.environ)
    return sorted(
        name
        for name in given
        if name.startswith("THOR_") and name not in known and not name.startswith(prefixes)
    )


class Settings(BaseSettings):
    """The settings, each set as `THOR_<NAME>`; names of times end with their unit."""

    model_config = SettingsConfigDict(
        env_prefix="THOR_", env_file=".env", extra="ignore", frozen=True
    )

    def __init__(self, **values: Any) -> None:
        """Read the environment; raises `Rejected` naming each setting that cannot be."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise Rejected(_faults(error)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read `SEED_NAMES` too, after the settings' own names."""
        seeds = _SeedNames(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, seeds, file_secret_settings

    @field_validator("database_url", "redis_url")
    @classmethod
    def _is_address(cls, url: str | None, info: ValidationInfo) -> str | None:
        schemes, form = _ADDRESSES[info.field_name or ""]
        if url is not None and not url.startswith(schemes):
            raise ValueError(f"should be an address as {form} is")
        return url

    @field_validator("mlflow_url")
    @classmethod
    def _is_store(cls, url: str | None) -> str | None:
        if url not in (None, "none") and not str(url).startswith(_STORES):
            raise ValueError(f"should be none, or begin with {' or '.join(_STORES)}")
        return url

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables for a child process."""
        values = self.model_dump(exclude_none=True)
        return {own_name(name): str(value) for name, value in values.items()}

    def role_passwords(self) -> dict[str, str]:
        """Return the passwords of the database's roles that are set, by role."""
        found = {
            "owner": self.owner_password,
            "app": self.app_password,
            "reader": self.reader_password,
            "grafana": self.grafana_password,
        }
        return {role: text for role, text in found.items() if text}

    home: Path = Field(default_factory=_default_home, description="Folder of Thor's own data.")
    database_url: str | None = Field(
        default=None, description="A PostgreSQL that you run; none is started then."
    )
    owner_password: str | None = Field(
        default=None,
        description="Password of thor_owner on a PostgreSQL that you run: thor db up gives it, "
        "bars are refreshed with it; if not set, that is done as the user of THOR_DATABASE_URL.",
    )
    app_password: str | None = Field(
        default=None,
        description="Password of thor_app there; with it jobs and the API connect as thor_app.",
    )
    reader_password: str | None = Field(
        default=None, description="Password of thor_reader there, for psql and tools that read."
    )
    grafana_password: str | None = Field(
        default=None, description="Password of thor_grafana there."
    )
    redis_url: str | None = Field(
        default=None, description="A Redis-compatible server that you run; none is started then."
    )
    pg_bin: Path | None = Field(
        default=None, description="bin/ of the PostgreSQL that Thor's supervisor runs."
    )
    lake_url: str | None = Field(
        default=None,
        description="The lake: a folder or s3://bucket/prefix?endpoint_override=…; "
        "lake/ of the home if not set.",
    )
    ticks_keep_days: int | None = Field(
        default=None,
        ge=1,
        description="Days after which a trade date's ticks, verified in the lake, may be dropped "
        "from the database; never if not set.",
    )
    nature: Nature | None = Field(
        default=None,
        description="simulated, recorded or live: which of the home's databases is used, and what "
        "a new one is created for; if not set, the one that runs, and simulated at a start.",
    )
    edition: Literal["auto", "plain", "timescale"] = Field(
        default="auto",
        description="Edition of a new database; auto takes TimescaleDB where the server offers it.",
    )
    api_host: str = Field(
        default="127.0.0.1",
        description="Address the API binds; beyond loopback it needs THOR_PUBLIC_URL and an owner.",
    )
    api_port: int = Field(default=8000, ge=0, le=65535, description="Preferred port of the API.")
    api_origins: str | None = Field(
        default=None,
        description="Origins of pages elsewhere that may ask the API, with commas between them.",
    )
    auth: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether people log in: auto once an owner is set up, and always for a live "
        "database; off makes everybody on this machine the owner, and is never for a live one.",
    )
    public_url: str | None = Field(
        default=None,
        description="Origins under which other machines reach Thor, https://thor.example.com, "
        "with commas between them; answered once an owner is set up.",
    )
    proxies: str | None = Field(
        default=None,
        description="Addresses of the proxies whose X-Forwarded-For is believed, 127.0.0.1 for a "
        "tunnel on this machine, with commas between them.",
    )
    ui_dir: Path | None = Field(
        default=None,
        description="Folder of the built pages; ui/dist of the source tree if not set.",
    )
    ingestors: int = Field(default=1, ge=1, le=16, description="Ingestors run side by side.")
    ingest_rows_max: int = Field(default=5000, ge=1, description="Ticks that close a batch.")
    ingest_flush_ms: int = Field(default=50, ge=1, description="Age in ms that closes a batch.")
    claim_idle_ms: int = Field(
        default=10_000,
        ge=100,
        description="Idle time after which a dead consumer's entry is claimed.",
    )
    bus_ticks_max: int = Field(
        default=2_000_000, ge=1000, description="Ticks the stream may hold before collectors wait."
    )
    bus_fsync: Literal["always", "everysec"] = Field(
        default="always", description="When the bus's own server syncs published entries to disk."
    )
    bus_keep_s: int = Field(
        default=600, ge=0, description="Seconds of acknowledged stream kept for SSE resume."
    )
    skew_max_s: float = Field(
        default=5.0, ge=0, description="Seconds that ts may be ahead of received_at."
    )
    stale_s: float = Field(
        default=5.0,
        gt=0,
        description="Seconds since a source last looked at a symbol until it is STALE.",
    )
    dead_s: float = Field(
        default=30.0,
        gt=0,
        description="Seconds since a source last looked at a symbol until it is DEAD.",
    )
    sim_seed: int = Field(default=7, description="Seed of the simulated market.")
    sim_ticks_per_s: float = Field(
        default=50.0, gt=0, description="Ticks a second of the simulated market, all symbols."
    )
    sim_pattern: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="The pattern to learn in the simulated market: the sign of NQ's last minute "
        "moves ES's next by this share of its standard deviation; 0 is none.",
    )
    sim_always_open: bool = Field(
        default=True,
        description="Whether the simulated market ignores closed hours, so a demo never waits.",
    )
    joblib_backend: str = Field(
        default="loky",
        description="Where the folds of a training run: loky (processes here), threading, "
        "sequential, dask or ray; the last two have to be installed.",
    )
    mlflow_url: str | None = Field(
        default=None,
        description="MLflow's tracking store or server, which gets trainings, fitted models and "
        "aliases too: sqlite:///, postgresql:// or http:// ; if not set the schema mlflow of "
        "Thor's database; none leaves MLflow out.",
    )
    data_provider: str | None = Field(
        default=None,
        description="The one feed that thor up --live starts, excel_live; if not set "
        "every feed that is configured.",
    )
    excel_file: str | None = Field(
        default=None,
        description="The desk's workbook, its name or full path; with it thor up --live reads "
        "Excel.",
    )
    excel_sheet: str = Field(default="LiveData", description="Sheet of the quotes.")
    excel_range: str = Field(
        default="A1:N13", description="Cells of the quotes with their header, or a table's name."
    )
    excel_interval_s: float = Field(
        default=2.0, description="Seconds between two readings of the workbook, at least 0.2."
    )
    monitor_52w: bool = Field(
        default=True,
        validation_alias=AliasChoices(_OWN_NAMES["monitor_52w"], "monitor_52w"),
        description="Whether new highs and lows of 52 weeks and of all known time are recorded.",
    )
    paper_latency_ms: int = Field(
        default=50, ge=0, description="Mean latency of an order on paper, in ms."
    )
    paper_jitter_ms: int = Field(
        default=20, ge=0, description="Most that the latency of an order on paper differs, in ms."
    )
    paper_seed: int = Field(default=0, description="Seed of the latency of orders on paper.")
    sse_conflate_ms: int = Field(
        default=100, ge=10, description="Window of the conflated quote stream, in ms."
    )
    sse_ping_s: float = Field(
        default=1.0,
        gt=0,
        description="Seconds between SSE heartbeats; a page reports a lost connection 1.5 s after "
        "a missing one.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged."
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="Form of the log lines."
    )
