"""Draw the report of a training: one HTML page that needs nothing beside itself.

Stage 70, models. Pure; takes rows of model.runs and model.folds and the points to draw.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 28
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1d2733; background: #fff;
  max-width: 980px; margin: 24px auto; padding: 0 16px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 6px; }
p { margin: 4px 0 8px; color: #46566a; max-width: 72ch; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 3px 10px; border-bottom: 1px solid #e2e8f0; }
th:first-child, td:first-child { text-align: left; } th { color: #46566a; font-weight: 600; }
.scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; }
.good { color: #0b7a43; } .bad { color: #b42318; } dl { display: grid;
  grid-template-columns: max-content 1fr; gap: 2px 16px; } dt { color: #46566a; } dd { margin: 0; }
@media (prefers-color-scheme: dark) { body { color: #dbe4ee; background: #10161d; }
  p, th, dt { color: #9fb0c3; } th, td { border-color: #2a3542; }
  .good { color: #4cc38a; } .bad { color: #ff8f85; } }
"""
_RULES = {
    "direction": "takes the likelier side where the likeliest class is a move",
    "magnitude": "takes the side of a predicted move that is larger than its costs",
}


def page(run: dict[str, Any], folds: Sequence[dict[str, Any]], plots: dict[str, Any]) -> str:
    """Return the report as a page."""
    title = f"{run['target']} of {', '.join(run['symbols'])}, {run['horizon']} ahead"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Training {run['run_id']}: {_verdict(run)}</p>",
        _facts(run),
        "<h2>Skill over the baseline, by fold</h2>",
        f"<p>{_skill_words(run)}</p>",
        _intervals(run, folds),
        _folds_table(folds),
    ]
    if plots["calibration"]:
        error = run["metrics"].get("calibration_error", 0.0)
        parts += [
            "<h2>Calibration</h2>",
            "<p>What was predicted for a rise, in tenths of the rows, and how often it came. On "
            f"the line both are the same; the mean distance is {error:.3f}.</p>",
            _calibration(plots["calibration"]),
        ]
    if run["target"] in _RULES:
        parts += [
            "<h2>Profit and loss after costs</h2>",
            f"<p>The simplest rule {_RULES[run['target']]}, one position of a series at a time, at "
            f"the quotes of its bar and two commissions. {_profit_words(run)}</p>",
            _line(plots["profit"], "ticks"),
        ]
    parts += [
        "<h2>Stability over time</h2>",
        "<p>The sum of the baseline's loss minus the model's: it rises where the model is better. "
        "A skill that lasts is a line without a bend.</p>",
        _line(plots["stability"], "loss"),
        "<h2>Importance out of fold</h2>",
        "<p>By how much the mean loss rises where the rows of a feature are shuffled among those "
        "that the model has not seen. Features that go together share theirs.</p>",
        _bars(plots["importance"]),
        "<h2>How it was made</h2>",
        _made(run),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        + "\n".join(parts)
        + "</body></html>"
    )


def _verdict(run: dict[str, Any]) -> str:
    if run["skill_low"] > 0:
        return (
            f'<b class="good">{escape(run["best_model"])} is better than '
            f"{escape(run['baseline'])}</b>, by the whole of the interval."
        )
    return (
        f'<b class="bad">no skill over {escape(run["baseline"])} was shown</b>: the interval of '
        "the best model reaches 0 or below. It cannot be promoted."
    )


def _facts(run: dict[str, Any]) -> str:
    shown = {
        "Best model": run["best_model"],
        "Skill": f"{run['skill']:+.4f}, 95% from {run['skill_low']:+.4f} to "
        f"{run['skill_high']:+.4f}, over {run['baseline']}",
        "Rows": f"{run['rows']:,} from {_when(run['span_from'])} to {_when(run['span_to'])}, "
        f"read from the {run['data_source']}",
        "Features": f"{run['set_name']} version {run['set_version']}",
    }
    if run["sharpe"] is not None:
        deflated = run["deflated_sharpe"]
        shown["Sharpe ratio"] = f"{run['sharpe']:+.3f} a trade" + (
            ""
            if deflated is None
            else f"; deflated: {deflated:.1%} likely to be above the best of {run['trials']} "
            "trials without skill"
        )
    constant = run["metrics"].get("constant_features")
    if constant:
        shown["Constant in this span"] = ", ".join(constant)
    return _list(shown)


def _list(shown: dict[str, Any]) -> str:
    rows = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>"
        for name, value in shown.items()
    )
    return f"<dl>{rows}</dl>"


def _skill_words(run: dict[str, Any]) -> str:
    over = run["metrics"]["skill_over"]
    others = ", ".join(f"{value:+.4f} over {name}" for name, value in over.items())
    what = (
        "the mean log likelihood of a day above that of one Gaussian"
        if run["target"] == "regime"
        else "1 - loss / loss of the baseline"
    )
    return escape(
        f"{what}, on rows that were not learned from, with the 95% interval of a bootstrap of "
        f"blocks of time. All folds together: {others}."
    )


def _profit_words(run: dict[str, Any]) -> str:
    best = run["best_model"]
    count, profit = run["metrics"]["trades"][best], run["metrics"]["profit_ticks"][best]
    return f"{count:,} trades made {profit:+,.1f} ticks."


def _made(run: dict[str, Any]) -> str:
    given = run["parameters"]
    return _list(
        {
            "Folds": f"{given['folds']}, {given['mode']}; rows whose label meets a fold's stretch "
            f"are left out, with an embargo of {given['embargo']}",
            "Seed and threads": f"{run['seed']}, {run['threads']}",
            "Code": run["code_version"],
            "Libraries": ", ".join(f"{name} {one}" for name, one in run["libraries"].items()),
            "Set": run["set_hash"],
            "Data": run["data_checksum"],
        }
    )


def _folds_table(folds: Sequence[dict[str, Any]]) -> str:
    names = ("fold", "model", "learned", "purged", "predicted", "from", "to", "loss", "skill",
             "95% from", "to", "trades", "ticks")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{escape(str(value))}</td>"
            for value in (
                row["fold"],
                row["model"],
                f"{row['train_rows']:,}",
                f"{row['purged_rows']:,}",
                f"{row['test_rows']:,}",
                _when(row["test_from"]),
                _when(row["test_to"]),
                f"{row['loss']:.5g}",
                f"{row['skill']:+.4f}",
                f"{row['skill_low']:+.4f}",
                f"{row['skill_high']:+.4f}",
                f"{row['trades']:,}",
                f"{row['profit_ticks']:+,.1f}",
            )
        )
        + "</tr>"
        for row in folds
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>{body}</table></div>'


def _intervals(run: dict[str, Any], folds: Sequence[dict[str, Any]]) -> str:
    own = [row for row in folds if row["model"] == run["best_model"]]
    values = [0.0, *(row["skill_low"] for row in own), *(row["skill_high"] for row in own)]
    axis = _Axis(0.4, len(own) + 0.6, min(values), max(values))
    drawn = [axis.level(0.0)]
    for row in own:
        x = axis.x(row["fold"])
        drawn.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{axis.y(row["skill_low"]):.1f}" '
            f'y2="{axis.y(row["skill_high"]):.1f}" stroke="#2f6fde" stroke-width="2"/>'
            f'<circle cx="{x:.1f}" cy="{axis.y(row["skill"]):.1f}" r="4" fill="#2f6fde"/>'
            + axis.below(row["fold"], str(row["fold"]))
        )
    return axis.svg("Skill by fold with its interval", drawn)


def _calibration(bins: Sequence[dict[str, float]]) -> str:
    values = [one[key] for one in bins for key in ("predicted", "happened")]
    low, high = min(values), max(values)
    axis = _Axis(low, high, low, high)
    drawn = [
        f'<line x1="{axis.x(low):.1f}" y1="{axis.y(low):.1f}" x2="{axis.x(high):.1f}" '
        f'y2="{axis.y(high):.1f}" stroke="#8a99ab" stroke-dasharray="4 4"/>'
    ]
    drawn += [
        f'<circle cx="{axis.x(one["predicted"]):.1f}" cy="{axis.y(one["happened"]):.1f}" r="4" '
        'fill="#2f6fde"/>'
        for one in bins
    ]
    drawn += [axis.below(at, f"{at:.2f}") for at in (low, high)]
    return axis.svg("Predicted and happened", drawn)


def _line(points: Sequence[tuple[float, float]], unit: str) -> str:
    if len(points) < 2:
        return "<p>Nothing was traded.</p>"
    ys = [y for _, y in points]
    axis = _Axis(points[0][0], points[-1][0], min(0.0, *ys), max(0.0, *ys))
    path = " ".join(f"{axis.x(x):.1f},{axis.y(y):.1f}" for x, y in points)
    drawn = [
        axis.level(0.0),
        f'<polyline points="{path}" fill="none" stroke="#2f6fde" stroke-width="1.5"/>',
        *(
            axis.below(at, datetime.fromtimestamp(at, UTC).strftime("%d %b"))
            for at in (points[0][0], points[-1][0])
        ),
    ]
    return axis.svg(f"Sum over time, {unit}", drawn)


def _bars(values: Sequence[tuple[str, float]]) -> str:
    if not values:
        return ""
    top = max(max(value for _, value in values), 1e-12)
    rows = []
    for at, (name, value) in enumerate(values):
        y = 18 * at + 14
        length = max(0.0, value) / top * 380
        rows.append(
            f'<text x="220" y="{y}" text-anchor="end" fill="currentColor" font-size="12">'
            f'{escape(name)}</text><rect x="228" y="{y - 10}" width="{length:.1f}" height="11" '
            f'fill="#2f6fde"/><text x="{232 + length:.1f}" y="{y}" fill="currentColor" '
            f'font-size="11">{value:.2g}</text>'
        )
    height = 18 * len(values) + 8
    return (
        f'<svg viewBox="0 0 {_WIDTH + 40} {height}" width="{_WIDTH + 40}" height="{height}" '
        f'role="img" aria-label="Importance">{"".join(rows)}</svg>'
    )


class _Axis:
    """Where values stand on a drawing."""

    def __init__(self, x0: float, x1: float, y0: float, y1: float) -> None:
        pad = (y1 - y0) * 0.06 or 1e-9
        self._x0, self._x1, self._y0, self._y1 = x0, x1 if x1 > x0 else x0 + 1, y0 - pad, y1 + pad

    def x(self, value: float) -> float:
        share = (value - self._x0) / (self._x1 - self._x0)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self._y0) / (self._y1 - self._y0)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)

    def level(self, value: float) -> str:
        y = self.y(value)
        return (
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            'stroke="#8a99ab"/>'
        )

    def below(self, value: float, words: str) -> str:
        return (
            f'<text x="{self.x(value):.1f}" y="{_HEIGHT - 8}" text-anchor="middle" '
            f'fill="currentColor" font-size="11">{escape(words)}</text>'
        )

    def svg(self, name: str, drawn: Sequence[str]) -> str:
        marks = "".join(
            f'<text x="{_LEFT - 6}" y="{self.y(at) + 4:.1f}" text-anchor="end" '
            f'fill="currentColor" font-size="11">{at:.3g}</text>'
            for at in (self._y0, (self._y0 + self._y1) / 2, self._y1)
        )
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
            f'role="img" aria-label="{escape(name)}">{marks}{"".join(drawn)}</svg>'
        )


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
