"""The report of a training: its verdict, and drawings that name their unit."""

from datetime import UTC, datetime
from typing import Any

from thor.learning import report

AT = datetime(2024, 2, 5, tzinfo=UTC)
RUN: dict[str, Any] = {
    "run_id": 1, "target": "direction", "horizon": "1m", "symbols": ["ES"], "rows": 90,
    "best_model": "boosting", "baseline": "majority", "skill": 0.02, "skill_low": 0.01,
    "skill_high": 0.03, "sharpe": None, "span_from": AT, "span_to": AT, "data_source": "lake",
    "set_name": "base", "set_version": 1, "set_hash": "a", "data_checksum": "c", "seed": 7,
    "threads": 1, "code_version": "x", "libraries": {}, "ended_at": AT,
    "parameters": {"folds": 1, "mode": "expanding", "embargo": "1m"},
    "metrics": {
        "skill_over": {"majority": 0.02, "last_return": -0.0119}, "calibration_error": 0.02,
        "trades": {"boosting": 3}, "profit_ticks": {"boosting": -8.0}, "losses": {},
    },
}  # fmt: skip
FOLD: dict[str, Any] = {
    "fold": 1, "model": "boosting", "train_rows": 50, "purged_rows": 2, "test_rows": 40,
    "test_from": AT, "test_to": AT, "loss": 1.05, "skill": 0.02, "skill_low": 0.01,
    "skill_high": 0.03, "trades": 3, "profit_ticks": -8.0,
}  # fmt: skip
LINE = [(0.0, 0.0), (60.0, -8.0)]
PLOTS = {
    "calibration": [{"predicted": 0.4, "happened": 0.5, "rows": 40}],
    "profit": LINE, "stability": LINE, "importance": [("rsi_14", 0.001)],
}  # fmt: skip


def test_a_model_that_a_simple_rule_does_better_is_named_so() -> None:
    page = report.page(RUN, [FOLD], PLOTS)
    assert "boosting is better than majority" in page
    assert "It is worse than last_return (-0.0119)." in page
    rises = RUN | {"metrics": RUN["metrics"] | {"skill_over": {"majority": 0.02}}}
    assert "It is worse than" not in report.page(rises, [FOLD], PLOTS)
    assert "It cannot be promoted" in report.page(RUN | {"skill_low": -0.01}, [FOLD], PLOTS)


def test_every_drawing_names_its_unit() -> None:
    page = report.page(RUN, [FOLD], PLOTS)
    for unit in ("skill", "share that rose, by what was predicted", "ticks", "loss"):
        assert f'font-size="11">{unit}</text>' in page
