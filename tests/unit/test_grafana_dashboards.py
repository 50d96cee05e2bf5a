"""Grafana's dashboards are files that Grafana reads: their form, their variables, their source."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import make_dashboards
import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops" / "grafana" / "dashboards"
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))
}
PROVISIONED = ROOT / "ops" / "grafana" / "provisioning"
# What each part of Grafana's model of a dashboard has to have for this Grafana to load it.
OF_DASHBOARD = {"uid", "title", "schemaVersion", "panels", "templating", "time", "timezone"}
OF_PANEL = {"id", "title", "type", "datasource", "targets", "gridPos", "fieldConfig", "options"}
OF_TARGET = {"refId", "datasource", "format", "rawSql", "rawQuery", "editorMode"}
KINDS = {"timeseries", "candlestick", "table", "stat", "bargauge"}
BUILT_IN = {"__interval", "__interval_ms", "__from", "__to"}
# They show how things stand, whatever the range; the others ask for the range.
OF_NOW = {
    "Received", "Inserted", "Duplicate", "Refused", "Lost", "Bars to refresh", "Sources",
    "Waiting work", "Trade dates whose ticks are in the lake only", "What they are",
    "To be made anew", "Size", "Edition", "Saved by columns", "Connections", "Found in memory",
    "Tables", "Slow statements", "Who is connected", "Rows changed, and dead ones",
    "Outlook", "Hit rate by trade date", "Calibration", "Drift", "Demoted", "Parity with the lake",
    "Kill switch", "Working orders",
}  # fmt: skip

every_dashboard = pytest.mark.parametrize("name", sorted(DASHBOARDS))


def panels(name: str) -> list[dict[str, Any]]:
    """Return the panels of a dashboard."""
    found: list[dict[str, Any]] = DASHBOARDS[name]["panels"]
    return found


def test_the_dashboards_are_what_their_script_writes() -> None:
    written = {file.name: file.read_text() for file in FOLDER.glob("*.json")}
    assert written == make_dashboards.rendered(), (
        "write them again: .venv/bin/python ops/grafana/make_dashboards.py"
    )
    assert set(DASHBOARDS) == {
        "market", "pipeline", "features", "models", "jobs", "database", "trading",
    }  # fmt: skip


@every_dashboard
def test_a_dashboard_has_what_grafana_s_model_asks_for(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert set(dashboard) >= OF_DASHBOARD
    assert dashboard["uid"] == f"thor-{name}"
    assert len(dashboard["uid"]) <= 40
    assert dashboard["editable"] is False
    assert re.fullmatch(r"now-\d+[mhd]", dashboard["time"]["from"])
    for panel in panels(name):
        assert set(panel) >= OF_PANEL, panel["title"]
        assert panel["type"] in KINDS
        assert set(panel["fieldConfig"]) == {"defaults", "overrides"}
        for target in panel["targets"]:
            assert set(target) >= OF_TARGET
            is_drawn = panel["type"] in ("timeseries", "candlestick")
            assert target["format"] == ("time_series" if is_drawn else "table")
            assert ("time" in target["rawSql"]) >= is_drawn


@every_dashboard
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    ids = [panel["id"] for panel in panels(name)]
    assert len(set(ids)) == len(ids)
    for panel in panels(name):
        place = panel["gridPos"]
        assert 0 <= place["x"] <= 24 - place["w"], panel["title"]
        assert min(place["w"], place["h"]) > 0
    for one, other in itertools.combinations(panels(name), 2):
        a, b = one["gridPos"], other["gridPos"]
        is_apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert is_apart, f"{one['title']} lies over {other['title']}"


@every_dashboard
def test_everything_asks_the_datasource_that_is_provisioned(name: str) -> None:
    text = (PROVISIONED / "datasources" / "thor.yaml").read_text()
    (source,) = yaml.safe_load(text)["datasources"]
    assert source["user"] == "thor_grafana"
    assert source["secureJsonData"] == {"password": "$THOR_GRAFANA_PASSWORD"}
    asked = [panel["datasource"] for panel in panels(name)]
    asked += [target["datasource"] for panel in panels(name) for target in panel["targets"]]
    asked += [
        variable["datasource"]
        for variable in DASHBOARDS[name]["templating"]["list"]
        if variable["type"] == "query"
    ]
    assert asked
    assert all(one == {"type": source["type"], "uid": source["uid"]} for one in asked)


@every_dashboard
def test_a_variable_that_is_used_is_there_and_one_that_is_there_is_used(name: str) -> None:
    variables = {one["name"]: one for one in DASHBOARDS[name]["templating"]["list"]}
    texts = [panel["targets"][0]["rawSql"] + panel["title"] for panel in panels(name)]
    texts += [one["query"] for one in variables.values() if one["type"] == "query"]
    used = {word for text in texts for word in re.findall(r"\$\{?(\w+)", text)}
    macros = {word for word in used if word.startswith("__")} - BUILT_IN
    known = {"__timeFilter", "__timeFrom", "__timeTo", "__timeGroupAlias"}
    assert macros <= known
    assert {word for word in used if not word.startswith("__")} == set(variables)


@every_dashboard
def test_a_panel_asks_for_the_range_unless_it_shows_how_things_stand(name: str) -> None:
    for panel in panels(name):
        asks = "$__time" in panel["targets"][0]["rawSql"]
        assert asks != (panel["title"] in OF_NOW), panel["title"]


def test_the_provider_reads_the_folder_that_compose_mounts() -> None:
    (provider,) = yaml.safe_load((PROVISIONED / "dashboards" / "thor.yaml").read_text())[
        "providers"
    ]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    assert f"./ops/grafana/dashboards:{provider['options']['path']}:ro" in compose["volumes"]
    home = Path(compose["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(provider["options"]["path"])
    assert (FOLDER / home.name).is_file()
