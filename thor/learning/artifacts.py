"""Write a fitted model as a file, and read one that was written by Thor and by nobody else.

Stage 70, models. A file is skops, data and the names of types and no code, with the facts of its
training beside them. Every type in it has to be in Thor's own list; the list inside the file is
not read, and nothing is ever unpickled. Checking a file imports nothing that fits, which takes
seconds: a promotion answers at once.
"""

import hashlib
import io
import json
import platform
import zipfile
from importlib.metadata import version
from typing import Any

from thor.errors import Refused

# Every type that a model of `fit` has, and no other.
ALLOWED = frozenset(
    {
        *(f"builtins.{name}" for name in ("dict", "list", "str", "tuple", "int", "float", "bool")),
        *(f"numpy.{name}" for name in ("dtype", "ndarray", "float32", "float64", "uint64")),
        *(f"numpy.{name}" for name in ("int32", "int64", "bool", "uint8", "uint32")),
        "numpy.random._generator.Generator",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
        "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.frozen._frozen.FrozenEstimator",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._ridge.Ridge",
        "sklearn.mixture._gaussian_mixture.GaussianMixture",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelEncoder",
    }
)
_SCHEMA, _FACTS = "schema.json", "facts.json"


def libraries() -> dict[str, str]:
    """Return the versions of what fits and stores a model."""
    names = ("scikit-learn", "numpy", "skops")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def written(model: Any, facts: dict[str, Any]) -> tuple[bytes, str]:
    """Return a model and its facts as a file, and the file's SHA-256 in hex."""
    import skops.io

    packed = io.BytesIO(skops.io.dumps(model))
    with zipfile.ZipFile(packed, "a") as file:
        file.writestr(_FACTS, json.dumps(facts))
    content = packed.getvalue()
    _unpacked(content)
    return content, hashlib.sha256(content).hexdigest()


def check(content: bytes, sha256: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a model's file, once it is what the database knows of it.

    `sha256` and `facts` are the database's. Raises `Refused`, naming the reason, where the bytes
    differ by one, a type is not allowed, a fact is another, or a newer library wrote it.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise Refused(
            f"artifact {sha256[:12]}: its file has SHA-256 {found[:12]}: it was changed after "
            "training; train anew"
        )
    own = _unpacked(content)
    for name, value in facts.items():
        if own.get(name) != value:
            raise Refused(
                f"artifact {sha256[:12]}: {name} is {own.get(name)!r} in its file and {value!r} "
                "in the database"
            )
    check_libraries(own.get("libraries", {}), libraries(), sha256)
    return own


def read(content: bytes, sha256: str, facts: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the model of a file and its facts. Raises `Refused` as `check` does."""
    own = check(content, sha256, facts)
    import skops.io

    return skops.io.loads(content, trusted=sorted(ALLOWED)), own


def check_libraries(made_by: dict[str, str], installed: dict[str, str], sha256: str) -> None:
    """Raise `Refused` where a library that wrote a model is newer than the one installed."""
    for name, made in made_by.items():
        if name != "python" and _parts(made) > _parts(installed.get(name, "0")):
            raise Refused(
                f"artifact {sha256[:12]}: {name} {made} wrote it, newer than the installed "
                f"{installed.get(name, 'none')}; install the lock that it was trained with"
            )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _unpacked(content: bytes) -> dict[str, Any]:
    """Return a file's facts. Raises `Refused` where it is no file of Thor's, or of other types."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            schema, facts = (json.loads(packed.read(name)) for name in (_SCHEMA, _FACTS))
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise Refused("artifact: it is no model's file of Thor") from error
    if others := sorted(_types(schema) - ALLOWED):
        raise Refused(f"artifact: it holds {', '.join(others)}, which no model of Thor has")
    found: dict[str, Any] = facts
    return found


def _types(node: Any) -> set[str]:
    found: set[str] = set()
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if "__class__" in one:
                found.add(f"{one.get('__module__')}.{one['__class__']}")
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return found
