"""Name the features that a model is shown together, and hash what they are.

Stage 60, store. Reads the families and their SQL; keeps store.feature_sets. A set whose features
or SQL changed is another version with another hash: a model is never shown rows of it in silence.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.bar import FEATURE_WIDTHS
from thor.errors import NotFound, Rejected

# Features that mean the same at any price level and of any series; without those of ticks, which
# imported bars lack.
BASE = (
    *("log_return_1", "log_return_5", "log_return_20", "return_15min", "return_60min"),
    *("efficiency_20", "drawdown_60", "rsi_14", "roc_10"),
    *("bollinger_position_20", "bollinger_width_20", "stochastic_k_14", "stochastic_d_3"),
    *("cci_20", "natr_14", "di_plus_14", "di_minus_14", "adx_14"),
    *("realised_15min", "realised_60min", "deviation_20", "parkinson_20", "garman_klass_20"),
    *("vol_forecast_ewma_94", "minutes_since_open", "minutes_to_close", "day_of_week"),
    *("prior_close_distance", "prior_high_distance", "prior_low_distance"),
    *("prior_range_position", "return_session", "drawdown_session", "realised_session"),
    *("vwap_distance", "obv_share_session", "rel_strength_60min", "rel_strength_session"),
    *("rank_60min", "corr_es_60widths", "beta_es_60widths", "corr_nq_60widths"),
    *("beta_nq_60widths", "lead_es_1width", "lead_nq_1width", "volume_z_20sessions"),
    *("vol_regime_60min_20sessions", "volume_ratio_20", "vwap_distance_20", "obv_share_20"),
)
# Of daily bars, for regimes: see thor.learning.daily.
REGIME = ("range_60d", "volume_60d", "move_60d")
_SEEDED = {"base": ("1m", BASE)}


class FeatureSet(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a set; `look_back` is the time before a bar that its features read."""

    name: str
    version: int
    hash: str
    names: tuple[str, ...]
    width: str
    look_back: timedelta


def current(connection: Connection[Any], name: str) -> FeatureSet:
    """Return the newest version of a set; where its features or SQL changed, a new one.

    The set `base` is there from the beginning. Raises `NotFound` for a set that was never
    defined, `Rejected` where a feature of it is no longer there.
    """
    row = database.row(connection, "feature_set", {"name": name})
    if row is None and name not in _SEEDED:
        raise NotFound(f"--set: {name}: there is no such set; `thor features define` makes one")
    width, names = _SEEDED[name] if row is None else (row["width"], row["names"])
    return define(connection, name, width, names)


def define(connection: Connection[Any], name: str, width: str, names: Sequence[str]) -> FeatureSet:
    """Return the set of these features, a new version where its newest is another.

    Raises `Rejected` for an unknown width or feature, or a name that is none.
    """
    if width not in FEATURE_WIDTHS:
        raise Rejected(f"width: {width!r} is none of {', '.join(FEATURE_WIDTHS)}")
    rows = database.rows(connection, "feature_families")
    family_of = {feature: row for row in rows for feature in row["names"]}
    unique = tuple(dict.fromkeys(names))
    if unknown := [one for one in unique if one not in family_of]:
        raise Rejected(
            f"features: {', '.join(unknown)}: not known; feat.catalogue lists the features"
        )
    if not unique:
        raise Rejected("features: a set has at least one")
    families = {family_of[one]["family"]: family_of[one]["sha256"] for one in unique}
    texts = [f"{family}={sha256}" for family, sha256 in sorted(families.items())]
    asked = {"width": width, "families": list(families)}
    found = database.one(connection, "feature_look_back", asked)
    return _kept(connection, name, width, unique, texts, found["look_back"])


def daily(connection: Connection[Any], code: str) -> FeatureSet:
    """Return the set that regimes are made of; `code` is the hash of what computes it."""
    return _kept(connection, "regime_daily", "1d", REGIME, [code], timedelta(days=90))


def _kept(
    connection: Connection[Any],
    name: str,
    width: str,
    names: Sequence[str],
    texts: Sequence[str],
    look_back: timedelta,
) -> FeatureSet:
    if not name.replace("_", "a").isalnum() or name != name.lower() or not name[0].isalpha():
        raise Rejected(f"set: {name!r} is no name: take small letters, digits and _")
    content = "\0".join([name, width, *names, *texts])
    values = {
        "name": name,
        "hash": hashlib.sha256(content.encode()).hexdigest(),
        "names": list(names),
        "width": width,
        "look_back": look_back,
    }
    database.rows(connection, "add_feature_set", values)
    # The texts may be those of an older version again: then that one is meant.
    row = database.one(connection, "feature_set_of_hash", {"hash": values["hash"]})
    return msgspec.convert({**row, "names": tuple(row["names"])}, FeatureSet)
