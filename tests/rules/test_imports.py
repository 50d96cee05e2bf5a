"""Who may import whom, as `.importlinter` says."""

import subprocess
import sys
from typing import Any

from importlinter.api import read_configuration
from source_tree import ROOT, modules

CONTRACTS: list[dict[str, Any]] = read_configuration(str(ROOT / ".importlinter"))[
    "contracts_options"
]
STAGES = set(next(contract["modules"] for contract in CONTRACTS if contract["id"] == "stages"))
# What a stage may stand on, and what joins stages.
FOUNDATION = {"database", "domain", "services"}
ABOVE_STAGES = {"cli", "flow", "stream"}


def test_every_import_contract_is_kept() -> None:
    linter = "from importlinter.cli import lint_imports_command as lint; lint()"
    command = [sys.executable, "-c", linter, "--no-cache", "--no-logo"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (
        f"{run.stdout}{run.stderr}\nWhat joins two stages belongs in thor/flow or thor/stream; "
        "what needs no stage, in thor/domain."
    )


def test_every_package_is_a_stage_or_known_to_be_none() -> None:
    packages = {
        module.path.removesuffix("/__init__.py").replace("/", ".")
        for module in modules("thor")
        if module.path.endswith("/__init__.py")
    }
    first = {name for name in packages if name.count(".") == 1}
    of_market = {name for name in packages if name.startswith("thor.market.")}
    candidates = {
        name
        for name in (first - {"thor.market"}) | {n for n in of_market if n.count(".") == 2}
        if name.removeprefix("thor.") not in FOUNDATION | ABOVE_STAGES
    }
    assert candidates == STAGES, "write each stage under `modules` of the contract `stages`"


def test_the_market_holds_nothing_beside_its_stages() -> None:
    beside = [
        module.path
        for module in modules("thor")
        if module.path.count("/") == 2
        and module.path.startswith("thor/market/")
        and module.path != "thor/market/__init__.py"
    ]
    assert beside == [], "a module of the market belongs in the package of its stage"
