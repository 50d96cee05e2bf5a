"""Fit models and baselines on a fold, and predict the rows that it left out.

Stage 70, models. The one module that knows scikit-learn and joblib. Everything that is fitted is
fitted on the fold's own rows: fillings, scales, calibration, baselines. One seed, and a number of
threads that is held, so the same rows give the same model.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import joblib
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController, threadpool_limits

from thor.errors import Rejected
from thor.learning import scores
from thor.learning.folds import Fold, purged
from thor.learning.rows import Rows

Array = np.ndarray[Any, Any]

REGIMES = 3
# What skill is over, by target; the others are shown beside.
BASELINES = {
    "direction": ("majority", "last_return"),
    "magnitude": ("mean", "last_return"),
    "volatility": ("ewma_94", "mean"),
    "regime": ("one_gaussian",),
}
MODELS = {
    "direction": ("logistic", "boosting"),
    "magnitude": ("ridge", "boosting"),
    "volatility": ("ridge", "boosting"),
    "regime": ("mixture",),
}
# Minutes hold little to learn: a model that is held back hard errs least.
_SETTINGS: dict[str, dict[str, Any]] = {
    "logistic": {"C": 0.0001, "max_iter": 300},
    "ridge": {"alpha": 1000.0},
    "boosting": {
        "max_iter": 50,
        "learning_rate": 0.04,
        "max_leaf_nodes": 4,
        "max_features": 0.5,
        "min_samples_leaf": 200,
        "l2_regularization": 1.0,
        "early_stopping": False,
    },
    "mixture": {"n_components": REGIMES, "n_init": 3, "reg_covar": 1e-4},
}
# A sign holds less than a size: two days of what moves slowly are a few looks at it.
_OF_A_SIGN = {"max_iter": 30, "max_leaf_nodes": 3, "max_features": 0.3, "min_samples_leaf": 300}
# The newest share of the rows is kept from the fit and calibrates its probabilities.
_CALIBRATED_SHARE = 0.2
_PERMUTED_ROWS = 2_000
BACKENDS = ("loky", "threading", "sequential", "dask", "ray")


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a model or baseline said of a fold's rows: the loss a row, and the values.

    Probabilities are a column a class; values are logs, or of regimes the number.
    """

    model: str
    is_baseline: bool
    values: Array
    loss: Array
    importance: Array | None = None
    # Of a regime: its number and its probability, by what was known before the fold.
    regimes: tuple[Array, Array] | None = None
    # Of a direction: the loss of its sign alone, 0 where there was no move.
    sign_loss: Array | None = None

    @property
    def skill_loss(self) -> Array:
        """What skill is measured by: of a direction the sign, of all else the loss."""
        return self.loss if self.sign_loss is None else self.sign_loss


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model and the columns that it was shown: those that varied where it learned."""

    model: Any
    columns: tuple[int, ...]

    def shown(self, x: Array) -> Array:
        """Return its columns of all features."""
        return x[:, list(self.columns)]


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A fold and what each model and baseline said of it."""

    fold: Fold
    predicted: tuple[Predicted, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a training fits: its seed, threads a fit, jobs and where they run, embargo."""

    seed: int
    threads: int
    jobs: int
    backend: str
    embargo_us: int


def settings(name: str, target: str) -> dict[str, Any]:
    """Return how a model of a target is set."""
    is_of_a_sign = name == "boosting" and target == "direction"
    return _SETTINGS[name] | (_OF_A_SIGN if is_of_a_sign else {})


def checked(rows: Rows) -> dict[str, Any]:
    """Return what is odd about the rows; raise `Rejected` where nothing can be learned of them."""
    if rows.target == "direction":
        classes, counts = np.unique(rows.y, return_counts=True)
        if len(classes) < 2:
            raise Rejected(
                f"target: every one of the {len(rows.y)} labels is {classes[0]:g}; take a longer "
                "span or another horizon"
            )
        facts = {"classes": {f"{one:g}": int(n) for one, n in zip(classes, counts, strict=True)}}
    else:
        if len(rows.y) and np.all(rows.y == rows.y[0]) and rows.target != "regime":
            raise Rejected(f"target: every one of the {len(rows.y)} labels is {rows.y[0]:g}")
        facts = {}
    constant = [name for at, name in enumerate(rows.names) if _is_constant(rows.x[:, at])]
    if len(constant) == len(rows.names):
        raise Rejected(
            f"features: {', '.join(constant)}: constant over the span, so there is nothing to "
            "learn from"
        )
    return {**facts, "constant_features": constant}


def _is_constant(column: Array) -> bool:
    there = column[~np.isnan(column)]
    # A feature that is sometimes missing tells something by that.
    return len(there) == 0 or (len(there) == len(column) and bool(np.all(there == there[0])))


def run(
    rows: Rows,
    folds: Iterable[Fold],
    weights: Array,
    plan: Plan,
    done: Callable[[FoldResult], None] = lambda _: None,
) -> list[FoldResult]:
    """Fit and predict every fold, `plan.jobs` at a time, and return the results in order."""
    if plan.backend not in BACKENDS:
        raise Rejected(f"THOR_JOBLIB_BACKEND: {plan.backend!r} is none of {', '.join(BACKENDS)}")
    tasks = (joblib.delayed(one_fold)(rows, fold, weights, plan) for fold in folds)
    found = []
    for result in _results(tasks, plan):
        done(result)
        found.append(result)
    return sorted(found, key=lambda one: one.fold.number)


def _results(tasks: Iterable[Any], plan: Plan) -> Iterator[FoldResult]:
    if plan.backend == "sequential" or (plan.jobs == 1 and plan.backend in ("loky", "threading")):
        for function, given, named in tasks:
            yield function(*given, **named)
        return
    with _backend(plan):
        yield from joblib.Parallel(n_jobs=plan.jobs, return_as="generator")(tasks)


def _backend(plan: Plan) -> AbstractContextManager[Any]:
    if plan.backend not in ("dask", "ray"):
        found: AbstractContextManager[Any] = joblib.parallel_config(plan.backend)
        return found
    try:
        if plan.backend == "dask":
            from distributed import Client, get_client

            try:
                get_client()
                client: AbstractContextManager[Any] = nullcontext()
            except ValueError:
                client = Client(  # type: ignore[no-untyped-call]
                    n_workers=plan.jobs,
                    threads_per_worker=1,
                    # Without processes: that is what loky is for. Another cluster is named by
                    # DASK_SCHEDULER_ADDRESS.
                    processes=False,
                    dashboard_address=None,
                )
            return _Joined(client, "dask")
        from ray.util.joblib import register_ray

        register_ray()
        return _Joined(nullcontext(), "ray")
    except ImportError as error:
        raise Rejected(
            f"THOR_JOBLIB_BACKEND: {plan.backend} is not installed: pip install "
            f"{'distributed' if plan.backend == 'dask' else 'ray'}"
        ) from error


class _Joined(AbstractContextManager[Any]):
    """A cluster, and joblib upon it."""

    def __init__(self, cluster: AbstractContextManager[Any], backend: str) -> None:
        self._cluster, self._backend = cluster, backend

    def __enter__(self) -> Any:
        self._cluster.__enter__()
        self._config = joblib.parallel_config(self._backend)
        self._config.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._config.__exit__(*error)
        self._cluster.__exit__(*error)


def one_fold(rows: Rows, fold: Fold, weights: Array, plan: Plan) -> FoldResult:
    """Fit every model and baseline on a fold's rows and predict those that it left out."""
    found = []
    with threadpool_limits(plan.threads):
        truth = labels(rows)
        of_test = truth[fold.test]
        for name in BASELINES[rows.target]:
            values = _baseline(name, rows, truth, fold)
            found.append(
                Predicted(
                    name,
                    True,
                    values,
                    losses(rows, of_test, values),
                    sign_loss=sign_losses(rows, of_test, values),
                )
            )
        for name in MODELS[rows.target]:
            fitted = fit(name, rows, fold.train, weights, plan)
            values = predict(fitted, rows, fold.test)
            numbers = None
            if rows.target == "regime":
                numbers = regimes(fitted, rows.x[fold.test], regime_order(fitted))
            found.append(
                Predicted(
                    name,
                    False,
                    values,
                    losses(rows, of_test, values),
                    _importance(fitted, rows, truth, fold, plan.seed),
                    numbers,
                    sign_losses(rows, of_test, values),
                )
            )
    return FoldResult(fold, tuple(found))


def labels(rows: Rows) -> Array:
    """Return labels as they are fitted: classes, logs of a move, logs of a volatility."""
    if rows.target == "volatility":
        return np.log(np.maximum(rows.y, 1e-9))
    return rows.y


def classes_of(rows: Rows) -> Array:
    """Return the classes of a direction, in order."""
    return np.unique(rows.y)


def fit(name: str, rows: Rows, train: Array, weights: Array, plan: Plan) -> Fitted:
    """Fit a model on these rows, with the plan's threads; calibrated where it is a direction.

    Raises `Rejected` where every feature is constant in them.
    """
    with threadpool_limits(plan.threads):
        if rows.target == "direction":
            return _fit_direction(name, rows, train, weights, plan)
        columns = _varying(rows, train)
        model = _model(name, rows.target, plan.seed)
        x = _part(rows, train, columns)
        if rows.target == "regime":
            return Fitted(model.fit(x), columns)
        return Fitted(_fit(model, x, labels(rows)[train], weights[train]), columns)


def _varying(rows: Rows, train: Array) -> tuple[int, ...]:
    """Return the columns with two values or more in these rows."""
    found = tuple(at for at in range(len(rows.names)) if _has_two(rows.x[train, at]))
    if not found:
        raise Rejected(
            f"features: all of them are constant in {len(train)} rows that a fold learns from; "
            "take a longer span"
        )
    return found


def _part(rows: Rows, at: Array, columns: tuple[int, ...]) -> Array:
    found: Array = rows.x[np.ix_(at, np.asarray(columns))]
    return found


def _has_two(column: Array) -> bool:
    there = column[~np.isnan(column)]
    return len(there) > 0 and bool(np.any(there != there[0]))


def _fit_direction(name: str, rows: Rows, train: Array, weights: Array, plan: Plan) -> Fitted:
    model = _model(name, rows.target, plan.seed)
    first = int(len(train) * (1 - _CALIBRATED_SHARE))
    kept = train[first:]
    part = purged(rows.known_us, rows.label_end_us, train[:first], kept, plan.embargo_us)
    # Numbers from 0: the calibration of scikit-learn 1.9 takes a label for its class's index.
    codes = np.searchsorted(classes_of(rows), rows.y)
    of_part, of_kept = set(np.unique(codes[part])), set(np.unique(codes[kept]))
    if of_part != of_kept or len(part) < len(kept):
        # Too few rows to keep some from the fit.
        columns = _varying(rows, train)
        x = _part(rows, train, columns)
        return Fitted(_fit(model, x, codes[train], weights[train]), columns)
    columns = _varying(rows, part)
    fitted = _fit(model, _part(rows, part, columns), codes[part], weights[part])
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method="temperature")
    x = _part(rows, kept, columns)
    with warnings.catch_warnings():
        # The frozen model has its weights already; these are for the calibration alone.
        warnings.simplefilter("ignore", UserWarning)
        calibrated.fit(x, codes[kept], sample_weight=weights[kept])
    return Fitted(calibrated, columns)


def _fit(model: Any, x: Array, y: Array, weights: Array) -> Any:
    named = {}
    if hasattr(model, "steps"):
        named[f"{model.steps[-1][0]}__sample_weight"] = weights
    else:
        named["sample_weight"] = weights
    with warnings.catch_warnings():
        # A fit that stops at its most iterations is as good as any other here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y, **named)


def _model(name: str, target: str, seed: int) -> Any:
    given = settings(name, target)
    if name == "mixture":
        return make_pipeline(StandardScaler(), GaussianMixture(random_state=seed, **given))
    if name == "boosting":
        kind = (
            HistGradientBoostingClassifier
            if target == "direction"
            else (HistGradientBoostingRegressor)
        )
        return kind(random_state=seed, **given)
    last = LogisticRegression(**given) if name == "logistic" else Ridge(**given)
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(filled, StandardScaler(), last)


def predict(fitted: Fitted, rows: Rows, test: Array) -> Array:
    """Return what a fitted model says of these rows."""
    return values_of(fitted, rows.target, rows.x[test], classes_of(rows))


@cache
def _libraries_of_threads() -> ThreadpoolController:
    # Looking for them takes some milliseconds, as long as a few rows take.
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Hold the libraries to one thread: a few rows are done before a second one has begun."""
    found: AbstractContextManager[Any] = _libraries_of_threads().limit(limits=1)
    return found


def values_of(fitted: Fitted, target: str, x: Array, classes: Array) -> Array:
    """Return probabilities, a column each of `classes`; values; or of regimes the log densities.

    `x` has all features.
    """
    model, x = fitted.model, fitted.shown(x)
    if target == "regime":
        return np.asarray(model.score_samples(x))
    if target != "direction":
        return np.asarray(model.predict(x), np.float64)
    given = np.asarray(model.predict_proba(x), np.float64)
    found = np.zeros((len(x), len(classes)))
    found[:, np.asarray(model.classes_, np.int64)] = given
    return found


def losses(rows: Rows, truth: Array, values: Array) -> Array:
    """Return the loss of each row: log loss, squared error, minus the log density."""
    if rows.target == "regime":
        return -values
    if rows.target == "direction":
        return scores.log_loss(values, classes_of(rows), truth)
    found: Array = (truth - values) ** 2
    return found


def sign_losses(rows: Rows, truth: Array, values: Array) -> Array | None:
    """Return the log loss of each row's sign, given that there is a move; None of other targets.

    Whether there is a move follows from volatility and the hour, in a market without any direction
    too: a model that knows only that has no skill in direction.
    """
    if rows.target != "direction":
        return None
    classes = classes_of(rows)
    up = np.clip(values[:, classes > 0].sum(axis=1), 1e-9, None)
    down = np.clip(values[:, classes < 0].sum(axis=1), 1e-9, None)
    given = np.where(truth > 0, up, down) / (up + down)
    return np.where(truth == 0, 0.0, -np.log(given))


def minutes(rows: Rows, at: Array) -> Array:
    """Return the minutes of each label."""
    return np.maximum((rows.label_end_us[at] - rows.known_us[at]) / 60e6, 1.0)


def _baseline(name: str, rows: Rows, truth: Array, fold: Fold) -> Array:
    train, test = fold.train, fold.test
    if name == "one_gaussian":
        one = GaussianMixture(1, reg_covar=1e-4, random_state=0)
        return np.asarray(
            make_pipeline(StandardScaler(), one).fit(rows.x[train]).score_samples(rows.x[test])
        )
    if rows.target == "direction":
        groups = np.zeros(len(rows.y), np.int8)
        if name == "last_return":
            groups = np.sign(np.nan_to_num(rows.last_return)).astype(np.int8)
        return _frequencies(rows, groups, train, test)
    if name == "mean":
        return np.full(len(test), truth[train].mean())
    if name == "ewma_94":
        # A day has as many minutes as the label; its level is fitted, as any model's is.
        every = np.concatenate([train, test])
        with np.errstate(divide="ignore", invalid="ignore"):
            forecast = np.log(rows.vol_forecast[every] * np.sqrt(minutes(rows, every)))
        forecast = np.where(np.isfinite(forecast), forecast, np.nan)
        of_train, of_test = forecast[: len(train)], forecast[len(train) :]
        level = np.nanmean(truth[train] - of_train) if np.isfinite(of_train).any() else np.nan
        mean = truth[train].mean()
        return np.where(np.isfinite(of_test + level), of_test + level, mean)
    moves = np.nan_to_num(rows.last_return)
    centred = moves[train] - moves[train].mean()
    squares = float(centred @ centred)
    slope = float(centred @ truth[train]) / squares if squares > 0 else 0.0
    found: Array = truth[train].mean() + slope * (moves[test] - moves[train].mean())
    return found


def _frequencies(rows: Rows, groups: Array, train: Array, test: Array) -> Array:
    classes = classes_of(rows)
    found = np.empty((len(test), len(classes)))
    for group in np.unique(groups[test]):
        part = train[groups[train] == group]
        part = part if len(part) else train
        # One of each more: a class that was never seen is not impossible.
        counts = np.array([(rows.y[part] == one).sum() + 1 for one in classes], float)
        found[groups[test] == group] = counts / counts.sum()
    return found


def _importance(fitted: Fitted, rows: Rows, truth: Array, fold: Fold, seed: int) -> Array:
    """Return by how much the mean loss rises where a feature's rows are shuffled."""
    rng = np.random.default_rng(seed)
    test = fold.test
    if len(test) > _PERMUTED_ROWS:
        test = np.sort(rng.choice(test, _PERMUTED_ROWS, replace=False))
    x = np.array(rows.x[test], order="F")
    classes = classes_of(rows) if rows.target == "direction" else np.empty(0)

    def mean_loss() -> float:
        values = values_of(fitted, rows.target, x, classes)
        signs = sign_losses(rows, truth[test], values)
        return float((losses(rows, truth[test], values) if signs is None else signs).mean())

    before = mean_loss()
    found = np.zeros(x.shape[1])
    for column in fitted.columns:
        own = x[:, column].copy()
        x[:, column] = own[rng.permutation(len(own))]
        found[column] = mean_loss() - before
        x[:, column] = own
    return found


def sides(rows: Rows, test: Array, values: Array) -> Array:
    """Return the side of the simplest rule: 1 long, -1 short, 0 none.

    Of a direction the likeliest class; of a magnitude the sign of a move that is larger than its
    costs. Other targets are not traded.
    """
    if rows.target == "direction":
        return np.asarray(np.sign(classes_of(rows)[values.argmax(axis=1)]), np.int64)
    if rows.target != "magnitude":
        return np.zeros(len(test), np.int64)
    ticks = values * _ticks_a_log(rows)[rows.symbol[test]]
    found: Array = np.where(np.abs(ticks) > rows.cost_ticks[test], np.sign(values), 0)
    return np.asarray(found, np.int64)


def _ticks_a_log(rows: Rows) -> Array:
    """Return about how many ticks a log return of 1 is, by symbol."""
    found = np.zeros(len(rows.symbols))
    for one in range(len(rows.symbols)):
        of = (rows.symbol == one) & (rows.y != 0)
        if of.any():
            found[one] = np.median(rows.magnitude_ticks[of] / np.expm1(rows.y[of]))
    return found


def regimes(fitted: Fitted, x: Array, order: Sequence[int]) -> tuple[Array, Array]:
    """Return the number of each row's regime, the calmest 0, and its probability."""
    given = fitted.model.predict_proba(fitted.shown(x))[:, list(order)]
    at = given.argmax(axis=1)
    return at, given[np.arange(len(x)), at]


def regime_order(fitted: Fitted) -> list[int]:
    """Return the mixture's components by the mean of the first feature, the calmest first."""
    return [int(one) for one in np.argsort(fitted.model.steps[-1][1].means_[:, 0], kind="stable")]
