-- Stage     10 reference
-- Reference data: read at the start of every job, changed by the CLI.

-- name: instruments
select
    i.symbol, i.name, i.exchange, i.asset_class, i.calendar, i.currency,
    trim_scale(i.tick_size) as tick_size,
    trim_scale(i.quote_increment) as quote_increment,
    trim_scale(i.multiplier) as multiplier, i.display_precision,
    trim_scale(i.margin) as margin, i.is_negative_legal, i.sort_order,
    i.aliases, i.version
from reference.instruments as i
order by i.sort_order, i.symbol;

-- name: series
select
    s.symbol,
    s.root
from reference.series as s;

-- name: sources
select
    s.source,
    s.kind,
    s.priority,
    s.stale_after,
    s.cadence,
    s.is_sampled
from reference.sources as s
order by s.priority, s.source;

-- name: claims
select
    r.symbol,
    coalesce(p.priority, s.priority) as priority,
    coalesce(s.stale_after, '5 s') as stale_after
from reference.series as r
cross join reference.sources as s
left join reference.source_preferences as p
    on p.source = s.source and p.symbol = r.root
where s.source = %(source)s::text;

-- name: add_instrument
insert into reference.instruments as i (
    symbol, name, exchange, asset_class, calendar, currency, tick_size,
    quote_increment, multiplier, display_precision, margin, is_negative_legal,
    sort_order, aliases
)
values (
    %(symbol)s::text, %(name)s::text, %(exchange)s::text,
    %(asset_class)s::text, %(calendar)s::text, %(currency)s::text,
    %(tick_size)s::numeric, %(quote_increment)s::numeric,
    %(multiplier)s::numeric, %(display_precision)s::smallint,
    %(margin)s::numeric, %(is_negative_legal)s::boolean,
    %(sort_order)s::integer, %(aliases)s::text []
)
on conflict (symbol) do update
    set
        name = excluded.name,
        exchange = excluded.exchange,
        asset_class = excluded.asset_class,
        calendar = excluded.calendar,
        currency = excluded.currency,
        tick_size = excluded.tick_size,
        quote_increment = excluded.quote_increment,
        multiplier = excluded.multiplier,
        display_precision = excluded.display_precision,
        margin = excluded.margin,
        is_negative_legal = excluded.is_negative_legal,
        sort_order = excluded.sort_order,
        aliases = excluded.aliases;

-- name: add_series
insert into reference.series (symbol, root, kind)
values (%(symbol)s::text, %(root)s::text, %(kind)s::text)
on conflict (symbol) do nothing;

-- name: add_tape_source
insert into reference.sources (source, kind, description)
values (%(source)s::text, 'tape', %(description)s::text)
on conflict (source) do nothing;

-- name: add_tape
insert into reference.tapes (
    source, sha256, file_name, format, vendor, records, symbols, first_ts,
    last_ts
)
values (
    %(source)s::text, %(sha256)s::text, %(file_name)s::text,
    %(format)s::text, %(vendor)s::text, %(records)s::bigint,
    %(symbols)s::text [], %(first_ts)s::timestamptz,
    %(last_ts)s::timestamptz
)
on conflict (source) do nothing;

-- name: tape
select
    t.source,
    t.sha256,
    t.file_name,
    t.replayed_at
from reference.tapes as t
where t.source = %(source)s::text;

-- Of some symbols those that a tape was replayed into.
-- name: recorded_series
select distinct u.symbol
from reference.tapes as t
cross join unnest(t.symbols) as u (symbol)
where u.symbol = any (%(symbols)s::text [])
order by u.symbol;

-- name: edition
select
    e.edition,
    e.nature,
    e.made_at
from ops.edition as e;

-- name: server
select
    current_setting('server_version_num')::integer as version_num,
    current_setting('server_version') as version,
    to_regclass('ops.edition') is not null as is_migrated;
