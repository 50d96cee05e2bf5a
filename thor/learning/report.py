"""Draw the report of a training: one HTML page that needs nothing beside itself.

Stage 70, models. Pure; takes rows of model.runs and model.folds and the points to draw.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

# Small, so that its words can be read on a phone, where it is drawn 320 wide.
_WIDTH, _HEIGHT = 460, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 20, 26
_TICKS = 5
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #1d2733; background: #fff;
  max-width: 1200px; margin: 24px auto; padding: 0 16px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 6px; }
p { margin: 4px 0 8px; color: #46566a; max-width: 72ch; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 3px 7px; border-bottom: 1px solid #e2e8f0;
  white-space: nowrap; }
th:first-child, td:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
th { color: #46566a; font-weight: 600; } tr.best { font-weight: 600; }
tr.first td { border-top: 1px solid #b9c5d3; }
.scroll { overflow-x: auto; } svg { width: 100%; max-width: 620px; height: auto; display: block; }
svg line { stroke: #dde4ec; } svg line.axis { stroke: #8a99ab; }
svg .own { stroke: #2f6fde; fill: #2f6fde; } svg polyline.own { fill: none; }
.good { color: #0b7a43; } .bad { color: #b42318; } dl { display: grid;
  grid-template-columns: max-content 1fr; gap: 2px 16px; } dt { color: #46566a; } dd { margin: 0;
  overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { color: #dbe4ee; background: #10161d; }
  p, th, dt { color: #9fb0c3; } th, td { border-color: #2a3542; }
  tr.first td { border-top-color: #51617a; }
  svg line { stroke: #232d39; } svg line.axis { stroke: #6b7b8f; }
  svg .own { stroke: #6ea2ff; fill: #6ea2ff; }
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
        _folds_table(folds, run["best_model"]),
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
    over = run["metrics"]["skill_over"]
    better_rules = [f"{name} ({over[name]:+.4f})" for name in over if over[name] < 0]
    if run["skill_low"] > 0:
        but = f' <b class="bad">It is worse than {escape(", ".join(better_rules))}.</b>'
        return (
            f'<b class="good">{escape(run["best_model"])} is better than '
            f"{escape(run['baseline'])}</b>, by the whole of the interval."
            + (but if better_rules else "")
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
    if run["metrics"].get("sign_accuracy") is not None:
        shown["Sign right"] = f"{run['metrics']['sign_accuracy']:.1%} of the moves"
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
    what = {
        "regime": "the mean log likelihood of a day above that of one Gaussian",
        "direction": "1 - loss / loss of the baseline, of the sign where there was a move (whether "
        "there is one, volatility tells)",
    }.get(run["target"], "1 - loss / loss of the baseline")
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


def _folds_table(folds: Sequence[dict[str, Any]], best: str) -> str:
    names = ("fold", "model", "learned", "purged", "predicted", "from", "to", "loss", "skill",
             "95% from", "to", "trades", "ticks")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f'<tr class="{_row_class(at, row, folds, best)}">'
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
        for at, row in enumerate(folds)
    )
    table = f"<table><thead><tr>{head}</tr></thead>{body}</table>"
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _row_class(at: int, row: dict[str, Any], folds: Sequence[dict[str, Any]], best: str) -> str:
    is_first = at > 0 and folds[at - 1]["fold"] != row["fold"]
    return " ".join(["best"] * (row["model"] == best) + ["first"] * is_first)


def _intervals(run: dict[str, Any], folds: Sequence[dict[str, Any]]) -> str:
    own = [row for row in folds if row["model"] == run["best_model"]]
    values = [0.0, *(row["skill_low"] for row in own), *(row["skill_high"] for row in own)]
    axis = _Axis(0.4, len(own) + 0.6, min(values), max(values))
    drawn = [axis.level(0.0)]
    for row in own:
        x = axis.x(row["fold"])
        drawn.append(
            f'<line class="own" x1="{x:.1f}" x2="{x:.1f}" y1="{axis.y(row["skill_low"]):.1f}" '
            f'y2="{axis.y(row["skill_high"]):.1f}" stroke-width="2"/>'
            f'<circle class="own" cx="{x:.1f}" cy="{axis.y(row["skill"]):.1f}" r="3.5"/>'
            + axis.below(row["fold"], f"fold {row['fold']}")
        )
    return axis.svg("Skill by fold with its interval", "skill", drawn)


def _calibration(bins: Sequence[dict[str, float]]) -> str:
    values = [one[key] for one in bins for key in ("predicted", "happened")]
    low, high = min(values), max(values)
    axis = _Axis(low, high, low, high)
    drawn = [
        f'<line class="axis" x1="{axis.x(low):.1f}" y1="{axis.y(low):.1f}" '
        f'x2="{axis.x(high):.1f}" y2="{axis.y(high):.1f}" stroke-dasharray="4 4"/>'
    ]
    drawn += [
        f'<circle class="own" cx="{axis.x(one["predicted"]):.1f}" '
        f'cy="{axis.y(one["happened"]):.1f}" r="3.5"/>'
        for one in bins
    ]
    drawn += [axis.below(at, _figure(at, 0.05)) for at in round_steps(low, high)]
    return axis.svg("Predicted and happened", "share that rose, by what was predicted", drawn)


def _line(points: Sequence[tuple[float, float]], unit: str) -> str:
    if len(points) < 2:
        return "<p>Nothing was traded.</p>"
    ys = [y for _, y in points]
    axis = _Axis(points[0][0], points[-1][0], min(0.0, *ys), max(0.0, *ys))
    path = " ".join(f"{axis.x(x):.1f},{axis.y(y):.1f}" for x, y in points)
    drawn = [
        axis.level(0.0),
        f'<polyline class="own" points="{path}" stroke-width="1.5"/>',
        *(
            axis.below(at, datetime.fromtimestamp(at, UTC).strftime("%d %b"), anchor)
            for at, anchor in ((points[0][0], "start"), (points[-1][0], "end"))
        ),
    ]
    return axis.svg("Sum over time", unit, drawn)


def _bars(values: Sequence[tuple[str, float]]) -> str:
    if not values:
        return ""
    top = max(max(value for _, value in values), 1e-12)
    rows = []
    for at, (name, value) in enumerate(values):
        y = 17 * at + 13
        length = max(0.0, value) / top * 210
        rows.append(
            f'<text x="186" y="{y}" text-anchor="end" fill="currentColor" font-size="11">'
            f'{escape(name)}</text><rect class="own" x="192" y="{y - 9}" width="{length:.1f}" '
            f'height="10" stroke="none"/><text x="{197 + length:.1f}" y="{y}" '
            f'fill="currentColor" font-size="10">{value:.2g}</text>'
        )
    height = 17 * len(values) + 6
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Importance">'
        f"{''.join(rows)}</svg>"
    )


def round_steps(low: float, high: float) -> list[float]:
    """Return a few round values from `low` to `high`: multiples of 1, 2 or 5 times a power of 10.

    A span of one value gives that value.
    """
    if not high > low:
        return [low]
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _figure(value: float, step: float) -> str:
    """Return a value with the decimals that its step needs, thousands apart."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 2
    return f"{0.0 if abs(value) < step / 1e6 else value:,.{decimals}f}"


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
        return f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'

    def below(self, value: float, words: str, anchor: str = "middle") -> str:
        return (
            f'<text x="{self.x(value):.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}" '
            f'fill="currentColor" font-size="11">{escape(words)}</text>'
        )

    def svg(self, name: str, unit: str, drawn: Sequence[str]) -> str:
        steps = round_steps(self._y0, self._y1)
        step = steps[1] - steps[0] if len(steps) > 1 else abs(steps[0]) / 100
        marks = "".join(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{self.y(at):.1f}" '
            f'y2="{self.y(at):.1f}"/><text x="{_LEFT - 6}" y="{self.y(at) + 4:.1f}" '
            f'text-anchor="end" fill="currentColor" font-size="11">{_figure(at, step)}</text>'
            for at in steps
        )
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="{escape(name)}, {escape(unit)}">'
            f'<text x="4" y="11" fill="currentColor" font-size="11">{escape(unit)}</text>'
            f"{marks}{''.join(drawn)}</svg>"
        )


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
