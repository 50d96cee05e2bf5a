"""Put the folds of a training together: which model is best, by how much, and what it earns.

Stage 70, models. Pure; takes what each fold predicted, gives rows for model.folds, figures for
model.runs, and what the report draws.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from thor.learning import fit, scores
from thor.learning.fit import FoldResult
from thor.learning.rows import Array, Rows
from thor.learning.scores import Skill

_POINTS = 400


@dataclass(frozen=True, slots=True)
class Summary:
    """What a training found out of sample; `plots` is what the report draws."""

    best: str
    baseline: str
    skills: dict[str, Skill]
    folds: list[dict[str, Any]]
    sharpes: dict[str, float | None]
    sharpe: float | None
    deflated_sharpe: float | None
    trials: int
    metrics: dict[str, Any]
    plots: dict[str, Any]


def summarise(
    rows: Rows,
    results: list[FoldResult],
    block: int,
    seed: int,
    earlier: list[float | None],
) -> Summary:
    """Return the best model by its loss over all folds, and everything about it.

    `block` rows are drawn together for an interval; `earlier` holds the Sharpe ratios of the
    models that were tried for this question before, which count as trials.
    """
    baseline = fit.BASELINES[rows.target][0]
    measure = scores.gain if rows.target == "regime" else scores.skill
    losses, whole = _joined(results), _joined(results, is_whole=True)
    skills = {
        name: measure(losses[name], losses[baseline], block, seed)
        for name in fit.MODELS[rows.target]
    }
    best = min(skills, key=lambda name: float(losses[name].sum()))
    profits = {name: _profits(rows, results, name) for name in losses}
    sharpes = {name: scores.sharpe(profits[name][1]) for name in fit.MODELS[rows.target]}
    tried = [*earlier, *sharpes.values()]
    known = [one for one in tried if one is not None]
    at, gains = profits[best]
    metrics: dict[str, Any] = {
        "losses": {name: float(loss.mean()) for name, loss in whole.items()},
        "skill_over": {
            name: float(measure(losses[best], losses[name], block, seed).value)
            for name in fit.BASELINES[rows.target]
        },
        "skills": {name: [one.value, one.low, one.high] for name, one in skills.items()},
        "profit_ticks": {name: float(gain.sum()) for name, (_, gain) in profits.items()},
        "trades": {name: len(gain) for name, (_, gain) in profits.items()},
    }
    importance = _importance(rows, results, best)
    metrics["importance"] = dict(importance[:20])
    plots: dict[str, Any] = {
        "importance": importance[:20],
        "stability": _stability(rows, results, losses, best, baseline),
        "profit": _profit_line(rows, at, gains),
        "calibration": [],
    }
    if rows.target == "direction":
        plots["calibration"] = _calibration(rows, results, best)
        metrics["calibration_error"] = scores.calibration_error(plots["calibration"])
        metrics["accuracy"] = _accuracy(rows, results, best)
        metrics["sign_accuracy"] = _sign_accuracy(rows, results, best)
    return Summary(
        best=best,
        baseline=baseline,
        skills=skills,
        folds=_folds(rows, results, baseline, block, seed),
        sharpes=sharpes,
        sharpe=sharpes[best],
        deflated_sharpe=scores.deflated_sharpe(gains, known),
        trials=len(tried),
        metrics=metrics,
        plots=plots,
    )


def _joined(results: list[FoldResult], *, is_whole: bool = False) -> dict[str, Array]:
    """Return the losses that skill is measured by, or the whole ones, of all folds by model."""
    found = {}
    for name in [one.model for one in results[0].predicted]:
        of = [_of(result, name) for result in results]
        found[name] = np.concatenate([one.loss if is_whole else one.skill_loss for one in of])
    return found


def _of(result: FoldResult, name: str) -> fit.Predicted:
    return next(one for one in result.predicted if one.model == name)


def _profits(rows: Rows, results: list[FoldResult], name: str) -> tuple[Array, Array]:
    """Return the rows at which a model trades, and each trade's profit after costs, ticks."""
    found = [_trades(rows, result, name) for result in results]
    return np.concatenate([at for at, _ in found]), np.concatenate([gain for _, gain in found])


def _trades(rows: Rows, result: FoldResult, name: str) -> tuple[Array, Array]:
    test = result.fold.test
    side = fit.sides(rows, test, _of(result, name).values)
    at, gain = scores.trades(
        side,
        rows.known_us[test],
        rows.label_end_us[test],
        rows.symbol[test],
        rows.magnitude_ticks[test],
        rows.cost_ticks[test],
    )
    return test[at], gain


def _folds(
    rows: Rows, results: list[FoldResult], baseline: str, block: int, seed: int
) -> list[dict[str, Any]]:
    measure = scores.gain if rows.target == "regime" else scores.skill
    found = []
    for result in results:
        fold, base = result.fold, _of(result, baseline).skill_loss
        for one in result.predicted:
            skill = measure(one.skill_loss, base, block, seed)
            _, gains = _trades(rows, result, one.model)
            found.append(
                {
                    "fold": fold.number,
                    "model": one.model,
                    "is_baseline": one.is_baseline,
                    "train_from": _at(rows.known_us[fold.train].min()),
                    "train_to": _at(rows.known_us[fold.train].max()),
                    "test_from": _at(rows.known_us[fold.test].min()),
                    "test_to": _at(rows.label_end_us[fold.test].max()),
                    "train_rows": len(fold.train),
                    "purged_rows": fold.purged,
                    "test_rows": len(fold.test),
                    "loss": float(one.loss.mean()),
                    "skill": skill.value,
                    "skill_low": skill.low,
                    "skill_high": skill.high,
                    "trades": len(gains),
                    "profit_ticks": float(gains.sum()),
                    "metrics": json.dumps({}),
                }
            )
    return found


def _importance(rows: Rows, results: list[FoldResult], best: str) -> list[tuple[str, float]]:
    given = [one for result in results if (one := _of(result, best).importance) is not None]
    mean = np.mean(given, axis=0)
    order = np.argsort(-mean, kind="stable")
    return [(rows.names[at], float(mean[at])) for at in order]


def _stability(
    rows: Rows, results: list[FoldResult], losses: dict[str, Array], best: str, baseline: str
) -> list[tuple[float, float]]:
    """Return points of the sum over time of what the best model's loss is below the baseline's."""
    tests = np.concatenate([result.fold.test for result in results])
    better = np.cumsum(losses[baseline] - losses[best])
    return _line(rows.known_us[tests] / 1e6, better)


def _profit_line(rows: Rows, at: Array, gains: Array) -> list[tuple[float, float]]:
    return _line(rows.label_end_us[at] / 1e6, np.cumsum(gains)) if len(gains) else []


def _line(x: Array, y: Array) -> list[tuple[float, float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, min(_POINTS, len(x))).astype(int))
    return [(float(x[at]), float(y[at])) for at in kept]


def _calibration(rows: Rows, results: list[FoldResult], best: str) -> list[dict[str, float]]:
    """Return how often a rise was predicted and happened, by tenths of the rows."""
    classes = fit.classes_of(rows)
    column = int(np.argmax(classes))
    given = np.concatenate([_of(result, best).values[:, column] for result in results])
    tests = np.concatenate([result.fold.test for result in results])
    return scores.calibration(given, rows.y[tests] == classes[column])


def _accuracy(rows: Rows, results: list[FoldResult], best: str) -> float:
    classes = fit.classes_of(rows)
    given = np.concatenate([classes[_of(result, best).values.argmax(axis=1)] for result in results])
    tests = np.concatenate([result.fold.test for result in results])
    return float((given == rows.y[tests]).mean())


def _sign_accuracy(rows: Rows, results: list[FoldResult], best: str) -> float | None:
    """Return how often the likelier side was right where there was a move; None without one."""
    classes = fit.classes_of(rows)
    given = np.concatenate([_of(result, best).values for result in results])
    truth = rows.y[np.concatenate([result.fold.test for result in results])]
    is_up = given[:, classes > 0].sum(axis=1) > given[:, classes < 0].sum(axis=1)
    moved = truth != 0
    return float((is_up == (truth > 0))[moved].mean()) if moved.any() else None


def _at(us: Any) -> datetime:
    return datetime.fromtimestamp(int(us) / 1e6, UTC)
