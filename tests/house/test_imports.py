"""The house stands as it is drawn: who may import whom, as `.importlinter` says."""

import subprocess
import sys
from typing import Any

import pytest
from house_tree import ROOT, modules
from importlinter.api import read_configuration

CONTRACTS: list[dict[str, Any]] = read_configuration(str(ROOT / ".importlinter"))[
    "contracts_options"
]
ROOMS: dict[str, set[str]] = {
    contract["id"]: set(contract["source_modules"])
    for contract in CONTRACTS
    if contract["id"].startswith("room-")
}
FLOORS = ("thor.market",)


@pytest.mark.parametrize("contract", [contract["id"] for contract in CONTRACTS])
def test_the_import_contract_is_kept(contract: str) -> None:
    linter = "from importlinter.cli import lint_imports_command as lint; lint()"
    command = [sys.executable, "-c", linter, "--no-cache", "--no-logo", "--contract", contract]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (
        f"{run.stdout}{run.stderr}\nWhat touches two rooms belongs in thor/flow; "
        "what touches none, in the cellar."
    )


@pytest.mark.parametrize("floor", FLOORS)
def test_every_module_of_a_floor_belongs_to_one_room(floor: str) -> None:
    folder = floor.replace(".", "/")
    children = {
        f"{floor}.{module.path.removeprefix(folder + '/').split('/')[0].removesuffix('.py')}"
        for module in modules("thor")
        if module.path.startswith(folder + "/") and module.path != f"{folder}/__init__.py"
    }
    homeless = {child for child in children if sum(child in room for room in ROOMS.values()) != 1}
    assert homeless == set(), (
        f"{sorted(homeless)}: write each under source_modules of its room in .importlinter, "
        "and under forbidden_modules of every other room"
    )


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_forbidden_every_other_room(room: str) -> None:
    contract = next(contract for contract in CONTRACTS if contract["id"] == room)
    others = set().union(*(names for other, names in ROOMS.items() if other != room))
    assert set(contract["forbidden_modules"]) == others, (
        f"forbidden_modules of {room} in .importlinter is not what the other rooms hold"
    )
