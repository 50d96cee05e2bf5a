"""Write Thor's Grafana dashboards: `python ops/grafana/make_dashboards.py`.

Each panel is a title, its SQL over Thor's views, and how it is drawn. Grafana fills the macros
(`$__timeFilter`, `$__timeGroup` …) and the variables (`$symbol` …); docs/grafana.md explains both.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "thor"}
SCHEMA_VERSION = 42
COLUMNS = 24

Json = dict[str, Any]

SYMBOL = (
    "symbol",
    "Symbol",
    "select symbol from reference.series order by kind desc, symbol",
    "ES",
)
WIDTHS = ("width", "Bars", "1s,1m,5m,1h,1d", "1m")
FEATURE_WIDTHS = ("width", "Bars", "1m,5m,1h", "1m")


def panel(title: str, kind: str, sql: str, **given: Any) -> Json:
    """Return a panel: its kind of drawing, its SQL, its width and height in grid units."""
    form = "time_series" if kind in ("timeseries", "candlestick") else "table"
    defaults: Json = {"custom": given.get("custom", {}), "unit": given.get("unit", "short")}
    if "decimals" in given:
        defaults["decimals"] = given["decimals"]
    options: Json = {
        "timeseries": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
        "stat": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "none", "graphMode": "none", "textMode": "auto", "orientation": "auto",
        },
        "table": {"showHeader": True, "cellHeight": "sm"},
        "candlestick": {
            "mode": "candles+volume", "candleStyle": "candles", "colorStrategy": "open-close",
            "fields": {}, "includeAllFields": False,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        },
        "bargauge": {
            "displayMode": "basic", "orientation": "horizontal",
            "reduceOptions": {"calcs": [], "fields": "", "values": True},
        },
    }[kind]  # fmt: skip
    overrides = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "unit", "value": unit}],
        }
        for name, unit in given.get("units", {}).items()
    ]
    return {
        "title": title,
        "description": given.get("about", ""),
        "type": kind,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": "A",
                "datasource": SOURCE,
                "editorMode": "code",
                "format": form,
                "rawQuery": True,
                "rawSql": sql.strip(),
            }
        ],
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
        "gridPos": {"w": given.get("w", 12), "h": given.get("h", 8), "x": 0, "y": 0},
    }


def query(name: str, label: str, sql: str, first: str, *, is_multi: bool = False) -> Json:
    """Return a variable whose values a query gives."""
    chosen = [first] if is_multi else first
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": sql,
        "definition": sql,
        "refresh": 2,
        "sort": 0,
        "multi": is_multi,
        "includeAll": False,
        "current": {"text": chosen, "value": chosen},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def choice(name: str, label: str, values: str, first: str) -> Json:
    """Return a variable with a fixed list of values."""
    return {
        "name": name,
        "label": label,
        "type": "custom",
        "query": values,
        "multi": False,
        "includeAll": False,
        "current": {"text": first, "value": first},
        "options": [
            {"text": value, "value": value, "selected": value == first}
            for value in values.split(",")
        ],
        "hide": 0,
        "skipUrlSync": False,
    }


def dashboard(
    uid: str, title: str, about: str, since: str, variables: list[Json], panels: list[Json]
) -> Json:
    """Return a dashboard: its panels are laid out in rows, from the left."""
    x = y = height = 0
    for number, one in enumerate(panels, 1):
        one["id"] = number
        place = one["gridPos"]
        if x + place["w"] > COLUMNS:
            x, y, height = 0, y + height, 0
        place["x"], place["y"] = x, y
        x, height = x + place["w"], max(height, place["h"])
    return {
        "uid": f"thor-{uid}",
        "title": f"Thor: {title}",
        "description": about,
        "tags": ["thor"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": since, "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "annotations": {"list": []},
        "links": [
            {
                "title": "Thor", "type": "dashboards", "tags": ["thor"], "asDropdown": True,
                "includeVars": True, "keepTime": True, "icon": "external link", "url": "",
                "targetBlank": False, "tooltip": "",
            }
        ],
        "templating": {"list": variables},
        "panels": panels,
    }  # fmt: skip


def market() -> Json:
    """The market of one symbol, and the desk's board."""
    bars = "from market.bars_${width:raw} where symbol = '$symbol' and $__timeFilter(bar_start)"
    return dashboard(
        "market", "market", "Prices, spread, volume, VWAP, signals and the TOTAL.", "now-3h",
        [query(*SYMBOL), choice(*WIDTHS)],
        [
            panel(
                "$symbol, $width bars", "candlestick",
                f"select bar_start as time, open::float8, high::float8, low::float8, "
                f"close::float8, volume\n{bars} and open is not null\norder by bar_start",
                w=24, h=12, about="Bars of ticks, or a vendor's where its ticks are not there.",
            ),
            panel(
                "Close and the day's VWAP", "timeseries",
                f"select bar_start as time, close::float8 as close,\n"
                f"  (sum(vwap * volume) over day / nullif(sum(volume) over day, 0))::float8 "
                f'as "VWAP of what is shown"\n{bars}\n'
                "window day as (partition by trade_date order by bar_start)\norder by bar_start",
                about="The VWAP restarts with each trade date; of the first it has what is shown.",
            ),
            panel(
                "Spread", "timeseries",
                f'select bar_start as time, spread_mean::float8 as "mean spread",\n'
                f'  (ask_close - bid_close)::float8 as "at the close of the bar"\n{bars}\n'
                "order by bar_start",
                about="In points: the mean over the quotes of a bar, and the last of them.",
            ),
            panel(
                "Volume by side", "timeseries",
                f"select bar_start as time, volume_buy as bought, volume_sell as sold,\n"
                f'  volume - coalesce(volume_buy + volume_sell, 0) as "side unknown"\n{bars}\n'
                "order by bar_start",
                custom={
                    "drawStyle": "bars", "fillOpacity": 60, "lineWidth": 0,
                    "stacking": {"mode": "normal", "group": "A"},
                },
                about="Contracts, by who crossed the spread.",
            ),
            panel(
                "Ticks and trades a bar", "timeseries",
                f"select bar_start as time, ticks, trades\n{bars}\norder by bar_start",
            ),
            panel(
                "TOTAL", "timeseries",
                "select moment as time, avg_weighted::float8 as average, "
                "signal_weight_sum::float8 as \"sum of signal weights\"\n"
                "from studies.total_between(\n"
                "  greatest($__timeFrom()::timestamptz, $__timeTo()::timestamptz - "
                "interval '30 days'), $__timeTo()::timestamptz,\n"
                "  greatest(interval '1 minute', ($__timeTo()::timestamptz - "
                "$__timeFrom()::timestamptz) / 24)\n)\norder by moment",
                about="The desk's weighted average, at 24 moments of the range.",
            ),
            panel(
                "Signals", "table",
                "select symbol, signal, last::float8, change::float8, basis::float8, "
                "basis_kind, state, reason\n"
                "from studies.signals_at($__timeTo()::timestamptz)\norder by symbol",
                h=9, about="As of the end of the range.",
            ),
            panel(
                "Board", "table",
                "select symbol, last::float8, bid::float8, ask::float8, "
                "net_change::float8, net_change_percent::float8, volume, vwap::float8,\n"
                "  spread_ticks::float8, high_52w::float8, low_52w::float8, source, state, age_ms\n"
                "from market.quote_metrics($__timeTo()::timestamptz)\norder by sort_order, symbol",
                w=24, h=10, units={"age_ms": "ms"}, about="As of the end of the range.",
            ),
        ],
    )  # fmt: skip


def pipeline() -> Json:
    """What comes in, how late, and what waits."""
    return dashboard(
        "pipeline", "pipeline", "Counts of ingest, lag, gaps, refused ticks, bars, the lake.",
        "now-1h", [query(*SYMBOL)],
        [
            *(
                panel(
                    title, "stat", f"select {column} from market.ingest_totals",
                    w=4, h=4,
                    about="Since the database was made.",
                )
                for title, column in (
                    ("Received", "received"), ("Inserted", "inserted"),
                    ("Duplicate", "duplicate"), ("Refused", "rejected"), ("Lost", "lost"),
                )
            ),
            panel(
                "Bars to refresh", "stat",
                "select count(*) as ranges from market.bars_to_refresh",
                w=4, h=4,
                about="Ranges of late ticks whose bars wait; 0 most of the time.",
            ),
            panel(
                "Ticks taken in", "timeseries",
                "select $__timeGroupAlias(committed_at, $__interval), sum(inserted)::bigint "
                "as inserted,\n  sum(duplicate)::bigint as duplicate, "
                "sum(rejected)::bigint as refused\n"
                "from market.ingest_batches where $__timeFilter(committed_at)\n"
                "group by 1 order by 1",
                about="By the batch; batches older than a day are folded together.",
            ),
            panel(
                "Lag, $symbol", "timeseries",
                "select m.moment as time,\n"
                "  extract(epoch from t.created_at - t.received_at)::float8 "
                '* 1000 as "collector to database",\n'
                "  extract(epoch from t.received_at - t.ts)::float8 "
                '* 1000 as "market to collector"\n'
                "from generate_series(\n"
                "  $__timeFrom()::timestamptz, $__timeTo()::timestamptz,\n"
                "  greatest(interval '1 second', ($__timeTo()::timestamptz - "
                "$__timeFrom()::timestamptz) / 300)\n) as m (moment)\n"
                "cross join lateral (\n"
                "  select k.ts, k.received_at, k.created_at from market.ticks as k\n"
                "  where k.symbol = '$symbol' and k.ts <= m.moment\n"
                "    and k.ts > m.moment - interval '1 minute'\n"
                "  order by k.ts desc, k.seq desc limit 1\n) as t\norder by 1",
                unit="ms", about="Of the newest tick at 300 moments of the range.",
            ),
            panel(
                "Sources", "table",
                "select c.source, c.ts as \"its time\", c.changed_at as \"last heard\",\n"
                "  count(h.symbol) as symbols, max(h.heard_at) as \"symbols last looked at\"\n"
                "from market.source_clocks as c\n"
                "left join market.heard as h on h.source = c.source\n"
                "group by c.source, c.ts, c.changed_at\norder by c.changed_at desc",
            ),
            panel(
                "Gaps", "table",
                "select gap_start, gap_end, extract(epoch from gap_end - gap_start)::float8 "
                "as seconds, symbol, source, cause, filled_by\n"
                "from market.gaps where $__timeFilter(gap_start)\n"
                "order by gap_start desc limit 500",
                units={"seconds": "s"},
            ),
            panel(
                "Refused, by reason", "table",
                "select source, field, left(reason, 120) as reason, count(*) as entries, "
                "sum(ticks)::bigint as ticks,\n  max(rejected_at) as newest\n"
                "from market.rejected_ticks where $__timeFilter(rejected_at)\n"
                "group by 1, 2, 3 order by ticks desc limit 100",
            ),
            panel(
                "Waiting work", "table",
                "select 'bars' as work, null as width, 'late ticks' as reason, "
                "count(*) as ranges, min(recorded_at) as oldest\n"
                "from market.bars_to_refresh having count(*) > 0\n"
                "union all\n"
                "select 'rebuild of bars', null, 'asked', count(*), min(asked_at)\n"
                "from ops.bar_rebuilds where rebuilt_at is null having count(*) > 0\n"
                "union all\n"
                "select 'features', width, reason, count(*), min(recorded_at)\n"
                "from store.features_to_refresh group by width, reason\norder by oldest",
                about="An empty table: every bar and every feature is of today's ticks.",
            ),
            panel(
                "Late ticks a minute", "timeseries",
                "select $__timeGroupAlias(bar_start, $__interval), symbol as metric, "
                "sum(late_ticks)::bigint as value\n"
                "from market.bars_1m where $__timeFilter(bar_start) and late_ticks > 0\n"
                "group by 1, 2 order by 1, 2",
            ),
            panel(
                "Lake", "table",
                "select r.due_at, r.job, r.status, r.ended_at - r.started_at as took, r.error\n"
                "from ops.job_runs as r inner join ops.jobs as j on j.name = r.job\n"
                "where (array_to_string(j.command, ' ') ~ '(export|lake|drop_old)')\n"
                "  and $__timeFilter(r.due_at)\norder by r.due_at desc limit 100",
                about="Runs of the jobs that write, verify and thin out the lake.",
            ),
            panel(
                "Trade dates whose ticks are in the lake only", "table",
                "select trade_date, ticks, evidence from market.dropped_ranges\n"
                "order by trade_date desc limit 500",
            ),
        ],
    )  # fmt: skip


def features() -> Json:
    """Any feature of any family."""
    view = "feat.${family:raw}_${width:raw}"
    return dashboard(
        "features", "features", "The features as they are stored, by family and name.", "now-6h",
        [
            query(*SYMBOL[:3], SYMBOL[3], is_multi=True),
            choice(*FEATURE_WIDTHS),
            query(
                "family", "Family",
                "select distinct family from feat.catalogue order by family", "oscillators",
            ),
            query(
                "feature", "Feature",
                "select name from feat.catalogue where family = '$family' and width = '$width' "
                "order by name", "rsi_14", is_multi=True,
            ),
        ],
        [
            panel(
                "$feature", "timeseries",
                "select f.bar_start as time, f.symbol || ' ' || n.name as metric,\n"
                "  (to_jsonb(f) ->> n.name)::float8 as value\n"
                f"from {view} as f cross join unnest(array[$feature]) as n (name)\n"
                "where f.symbol in ($symbol) and $__timeFilter(f.bar_start)\norder by 1, 2",
                w=24, h=11,
            ),
            panel(
                "What they are", "table",
                "select name, unit, definition, look_back, source from feat.catalogue\n"
                "where family = '$family' and width = '$width' order by name",
                w=24, h=8,
            ),
            panel(
                "Values", "table",
                "select n.name, f.symbol, count(*) as bars, count(v.value) as known,\n"
                "  min(v.value) as least, avg(v.value) as mean, max(v.value) as greatest,\n"
                "  stddev_samp(v.value) as deviation\n"
                f"from {view} as f cross join unnest(array[$feature]) as n (name)\n"
                "cross join lateral (select (to_jsonb(f) ->> n.name)::float8 as value) as v\n"
                "where f.symbol in ($symbol) and $__timeFilter(f.bar_start)\n"
                "group by 1, 2 order by 1, 2",
            ),
            panel(
                "Known this long after the bar", "timeseries",
                "select f.bar_start as time, f.symbol as metric,\n"
                "  extract(epoch from f.made_at - f.bar_start)::float8 as value\n"
                "from store.features_${width:raw} as f\n"
                "where f.symbol in ($symbol) and $__timeFilter(f.bar_start)\norder by 1, 2",
                unit="s", about="From the start of the bar until its row was first written.",
            ),
            panel(
                "To be made anew", "table",
                "select reason, symbol, family, ts_from, ts_to, recorded_at\n"
                "from store.features_to_refresh where width = '$width'\n"
                "order by recorded_at limit 200",
                w=24,
            ),
        ],
    )  # fmt: skip


def jobs() -> Json:
    """The scheduler's jobs and their runs."""
    return dashboard(
        "jobs", "jobs", "What the scheduler ran, and what it runs next.", "now-7d",
        [query("job", "Job", "select name from ops.jobs order by name", "export_trade_date")],
        [
            panel(
                "Jobs", "table",
                "select name, case when fault is null then 'well' else fault end as state, "
                "is_enabled,\n  schedule, zone, policy, next_at, last_due_at, last_status, "
                "last_succeeded_at, failures\n"
                "from ops.jobs_at($__timeTo()::timestamptz)\norder by fault is null, name",
                w=24, h=10, about="As of the end of the range.",
            ),
            panel(
                "Runs by outcome", "timeseries",
                "select $__timeGroupAlias(due_at, $__interval), status as metric, "
                "count(*) as value\n"
                "from ops.job_runs where $__timeFilter(due_at)\ngroup by 1, 2 order by 1, 2",
                custom={"drawStyle": "bars", "fillOpacity": 60, "stacking": {"mode": "normal"}},
            ),
            panel(
                "How long they took", "timeseries",
                "select due_at as time, job as metric,\n"
                "  extract(epoch from ended_at - started_at)::float8 as value\n"
                "from ops.job_runs where $__timeFilter(due_at) and ended_at is not null\n"
                "order by 1, 2",
                unit="s", custom={"drawStyle": "points"},
            ),
            panel(
                "Started late", "timeseries",
                "select due_at as time, job as metric,\n"
                "  extract(epoch from started_at - due_at)::float8 as value\n"
                "from ops.job_runs where $__timeFilter(due_at) and started_at is not null\n"
                "order by 1, 2",
                unit="s", custom={"drawStyle": "points"},
                about="How long after its moment a run began.",
            ),
            panel(
                "Runs that did not succeed", "table",
                "select due_at, job, status, attempt, host, exit_code, error\n"
                "from ops.job_runs\n"
                "where $__timeFilter(due_at) and status in ('failed', 'timed_out', "
                "'abandoned', 'retrying')\norder by due_at desc limit 200",
            ),
            panel(
                "Runs of $job", "table",
                "select due_at, status, attempt, started_at, "
                "extract(epoch from ended_at - started_at)::float8 as seconds,\n"
                "  host, error, right(log, 400) as \"end of its output\"\n"
                "from ops.job_runs where job = '$job' and $__timeFilter(due_at)\n"
                "order by due_at desc limit 200",
                w=24, h=10, units={"seconds": "s"},
            ),
        ],
    )  # fmt: skip


def database() -> Json:
    """What the database takes, and what it is busy with."""
    return dashboard(
        "database", "database", "Sizes, chunks, columnstore, connections, slow statements.",
        "now-24h", [],
        [
            panel(
                "Size", "stat", "select pg_database_size(current_database()) as size",
                w=4, h=4, unit="bytes",
            ),
            panel(
                "Edition", "stat", "select edition || ', ' || nature as edition from ops.edition",
                w=4, h=4, unit="string",
            ),
            panel(
                "Ticks of the range", "stat",
                "select coalesce(sum(inserted), 0)::bigint as ticks from market.ingest_batches\n"
                "where $__timeFilter(committed_at)",
                w=4, h=4,
            ),
            panel(
                "Saved by columns", "stat",
                "select sum(bytes_in_rows) - sum(bytes_in_columns) as saved from ops.sizes\n"
                "where bytes_in_rows is not null",
                w=4, h=4, unit="bytes", about="Empty on the plain edition.",
            ),
            panel(
                "Connections", "stat",
                "select count(*) as connections from pg_stat_activity\n"
                "where datname = current_database()",
                w=4, h=4,
            ),
            panel(
                "Found in memory", "stat",
                "select blks_hit::float8 / nullif(blks_hit + blks_read, 0) as share\n"
                "from pg_stat_database where datname = current_database()",
                w=4, h=4, unit="percentunit", decimals=2,
            ),
            panel(
                "Tables", "table",
                "select relation, total_bytes, index_bytes, parts, parts_in_columns, "
                "bytes_in_columns, bytes_in_rows\n"
                "from ops.sizes where total_bytes > 0\norder by total_bytes desc limit 100",
                h=11,
                units=dict.fromkeys(
                    ("total_bytes", "index_bytes", "bytes_in_columns", "bytes_in_rows"), "bytes"
                ),
            ),
            panel(
                "Chunks and partitions", "table",
                "select relation, range_start, range_end, is_in_columns, total_bytes, "
                "bytes_in_rows\nfrom ops.parts\n"
                "where range_end is null or range_end >= $__timeFrom()::timestamptz\n"
                "order by range_start desc nulls last, relation limit 500",
                h=11, units={"total_bytes": "bytes", "bytes_in_rows": "bytes"},
                about="Those that reach into the range or lie after its start.",
            ),
            panel(
                "Slow statements", "table",
                "select statement, role, calls, total_ms, mean_ms, max_ms, rows_returned, "
                "hit_share\nfrom ops.slow_statements(50)",
                w=24, h=11,
                units={
                    "total_ms": "ms", "mean_ms": "ms", "max_ms": "ms", "hit_share": "percentunit",
                },
                about="By all the time they took; needs pg_stat_statements on the server.",
            ),
            panel(
                "Who is connected", "table",
                "select usename as role, application_name as application, count(*) as "
                "connections\nfrom pg_stat_activity where datname = current_database()\n"
                "group by 1, 2 order by 3 desc, 1, 2",
            ),
            panel(
                "Rows changed, and dead ones", "table",
                "select format('%I.%I', schemaname, relname) as relation, n_live_tup as live, "
                "n_dead_tup as dead, n_tup_ins as inserted,\n  n_tup_upd as updated, "
                "n_tup_del as deleted, last_autovacuum, last_autoanalyze\n"
                "from pg_stat_user_tables\n"
                "where schemaname !~ '^_timescaledb' order by n_dead_tup desc, 1 limit 50",
            ),
        ],
    )  # fmt: skip


def models() -> Json:
    """What the promoted models predict, and what came true of it."""
    return dashboard(
        "models", "models", "What the promoted models predict, and what came true of it.",
        "now-24h",
        [query(*SYMBOL[:3], SYMBOL[3], is_multi=True)],
        [
            panel(
                "Outlook", "table",
                "select symbol, horizon, known_at, is_live, direction, magnitude, volatility,\n"
                "  regime, confidence, refused\nfrom model.outlook\n"
                "where symbol in ($symbol) order by symbol, horizon",
                w=24, h=6, about="The newest bar of each champion, all targets in a row.",
                units={"confidence": "percentunit"},
            ),
            panel(
                "Hit rate", "timeseries",
                "select p.label_end as time, p.symbol || ' ' || p.model_id as metric,\n"
                "  avg(p.is_hit::integer) over (\n"
                "    partition by p.symbol, p.model_id order by p.bar_start\n"
                "    rows between 99 preceding and current row\n  )::float8 as value\n"
                "from feedback.predictions as p\n"
                "where p.symbol in ($symbol) and p.is_hit is not null and p.revision = 1\n"
                "and $__timeFilter(p.bar_start)\norder by 1, 2",
                unit="percentunit", about="Of the last hundred outcomes of each model.",
            ),
            panel(
                "Hit rate by trade date", "table",
                "select trade_date, model_id, target, horizon, symbol, predictions, refused,\n"
                "  outcomes, hit_rate, hit_rate_low, hit_rate_high, expected\n"
                "from feedback.skill_daily where symbol in ($symbol)\n"
                "order by trade_date desc, model_id, symbol limit 200",
                units=dict.fromkeys(
                    ("hit_rate", "hit_rate_low", "hit_rate_high", "expected"), "percentunit"
                ),
            ),
            panel(
                "Confidence", "timeseries",
                "select known_at as time, symbol || ' ' || model_id as metric,\n"
                "  confidence as value\nfrom model.predictions\n"
                "where symbol in ($symbol) and confidence is not null\n"
                "and $__timeFilter(bar_start)\norder by 1, 2",
                unit="percentunit",
            ),
            panel(
                "Predicted this long after the bar was known", "timeseries",
                "select known_at as time, symbol || ' ' || model_id as metric,\n"
                "  latency_ms as value\nfrom model.predictions\n"
                "where symbol in ($symbol) and kind = 'live' and $__timeFilter(bar_start)\n"
                "order by 1, 2",
                unit="ms",
            ),
            panel(
                "Calibration", "table",
                "select model_id, bin, outcomes, predicted, happened\n"
                "from feedback.calibration order by model_id desc, bin",
                units={"predicted": "percentunit", "happened": "percentunit"},
            ),
            panel(
                "Drift", "table",
                "select model_id, feature, rows, psi, usual_psi, demotes_at, level\n"
                "from feedback.drift order by psi / demotes_at desc nulls last, 1, 2 limit 200",
                about="Population stability index of the newest 500 rows.",
            ),
            panel(
                "Not predicted", "table",
                "select symbol, split_part(refused, ':', 1) as why, count(*) as bars,\n"
                "  max(bar_start) as newest\nfrom model.predictions\n"
                "where symbol in ($symbol) and refused is not null\n"
                "and $__timeFilter(bar_start)\ngroup by 1, 2 order by 3 desc, 1, 2",
            ),
            panel(
                "Demoted", "table",
                "select demoted_at, model_id, target, horizon, cause, feature, measured,\n"
                "  threshold, successor_id, reason\n"
                "from model.demotions order by demotion_id desc limit 100",
                about="Without a successor nothing is predicted until another is promoted.",
            ),
            panel(
                "Parity with the lake", "table",
                "select trade_date, symbol, rows, equal, different, missing, worst_feature,\n"
                "  worst_shown, worst_computed, checked_at\n"
                "from feedback.parity order by trade_date desc, symbol limit 100",
                w=24, about="Rows that models were shown, bit for bit.",
            ),
        ],
    )  # fmt: skip


def trading() -> Json:
    """What the accounts hold and earn, what works, and what risk refused."""
    end = "$__timeTo()::timestamptz"
    # A recording ends before the range does.
    moment = f"market.moment({end})"
    days = f"'$account', ($__timeFrom()::timestamptz)::date, ({end})::date + 1,\n  {moment}"
    return dashboard(
        "trading", "trading", "Accounts, positions, profit, orders and verdicts.", "now-1d",
        [query("account", "Account", "select account_id from trade.accounts order by 1", "PAPER")],
        [
            panel(
                "Account", "table",
                "select account_id, cash::float8, unrealised::float8, net_liquidation::float8, "
                "pnl_day::float8,\n  margin_initial::float8, available_funds::float8, "
                f"drawdown::float8, open_orders\nfrom trade.account_at({moment})\n"
                "where account_id = '$account'",
                w=18, h=4, about="As of the end of the range.",
            ),
            panel(
                "Kill switch", "stat",
                "select case when is_latched then 'LATCHED' else 'off' end as state\n"
                "from trade.kill_switch",
                w=6, h=4, unit="string",
            ),
            panel(
                "Positions", "table",
                "select series, quantity, average_price::float8, mark::float8, mark_kind, "
                "unrealised::float8,\n  pnl_day::float8, realised_today::float8, "
                "margin_initial::float8\n"
                f"from trade.positions_at({moment}) where account_id = '$account'\norder by series",
                about="As of the end of the range, with what was closed on that trade date.",
            ),
            panel(
                "Working orders", "table",
                "select series, side, working_quantity, type, limit_price::float8, "
                "stop_price::float8,\n  last::float8, distance::float8, status, placed_at\n"
                "from trade.working_orders where account_id = '$account'\norder by placed_at",
                about="Now, whatever the range.",
            ),
            panel(
                "Net realised profit", "timeseries",
                'select at as time, net_sum::float8 as "net of commission"\n'
                "from trade.fills where account_id = '$account' and $__timeFilter(at)\n"
                "order by number",
                about="Realised less commission since the account's last reset.",
            ),
            panel(
                "Profit by trade date", "table",
                "select trade_date, series, quantity, realised::float8, commission::float8, "
                f"pnl::float8\nfrom trade.pnl_days(\n  {days}\n)\n"
                "order by trade_date desc, series limit 500",
            ),
            panel(
                "Fills", "table",
                "select at, series, side, quantity, price::float8, commission::float8, "
                "slippage::float8,\n  latency_ms::float8, realised::float8, position\n"
                "from trade.fills where account_id = '$account' and $__timeFilter(at)\n"
                "order by number desc limit 200",
                units={"latency_ms": "ms"},
            ),
            panel(
                "Refused by risk", "table",
                "select at, symbol, side, quantity, rule, limit_value::float8, figure::float8, "
                "reason\nfrom trade.verdicts where account_id = '$account' and not is_allowed\n"
                "  and $__timeFilter(at)\norder by at desc limit 200",
            ),
            panel(
                "Net liquidating value", "timeseries",
                "select trade_date::timestamp at time zone 'UTC' as time,\n"
                '  net_liquidation::float8 as "net liquidating value"\n'
                f"from trade.value_days(\n  {days}\n)\norder by trade_date",
                about="At the end of each trade date, marked at the settlement, else the last.",
            ),
            panel(
                "Limits used", "table",
                'select rule, symbol, used::float8, value::float8 as "limit", subject, version, '
                "valid_from, who\nfrom trade.limits_used_at(\n  '$account', "
                f"{moment}, {end}\n)\n"
                "where used is not null\norder by used / nullif(value, 0) desc nulls last",
                about="At the end of the range, working orders counted as filled.",
            ),
        ],
    )  # fmt: skip


DASHBOARDS = (market, pipeline, features, models, jobs, database, trading)


def rendered() -> dict[str, str]:
    """Return each file's name and text."""
    return {
        f"{make.__name__}.json": json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
        for make in DASHBOARDS
    }


if __name__ == "__main__":
    for name, text in rendered().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
