-- Stage     55 lake
-- Statements that read rows for the lake, since COPY takes no arguments. Braces
-- are filled in.

-- The columns of a relation with their types, and the statement that reads it
-- as CSV. Types that Arrow lacks are read as text, arrays as JSON.
-- name: lake_statements
with columns as (
    select
        a.attname,
        a.attnum,
        format_type(a.atttypid, a.atttypmod) as kind,
        a.attgenerated = '' as is_stored
    from pg_catalog.pg_attribute as a
    where
        a.attrelid = %(relation)s::text::regclass
        and a.attnum > 0
        and not a.attisdropped
)

select
    array_agg(c.attname::text order by c.attnum) as names,
    array_agg(c.kind order by c.attnum) as kinds,
    array_agg(c.attname::text order by c.attnum)
        filter (where c.is_stored) as stored,
    format('copy %%s (', %(relation)s::text::regclass)
    || string_agg(quote_ident(c.attname), ', ' order by c.attnum)
        filter (where c.is_stored)
    || ') from stdin' as copy_in,
    'copy (select '
    || string_agg(
        case
            when c.kind like '%%[]' then format('to_json(r.%%I)', c.attname)
            else format('r.%%I', c.attname)
        end, ', ' order by c.attnum
    )
    || case
        when %(relation)s::text = 'market.ticks'
            then
                ' from market.ticks as r where r.symbol = {symbol}'
                ' and r.ts >= {ts_from}::timestamptz'
                ' and r.ts < {ts_to}::timestamptz'
                ' order by r.ts, r.seq, r.source'
        when
            %(relation)s::text like 'market.bars\_%%'
            or %(relation)s::text like 'store.features\_%%'
            then
                format(' from %%s as r', %(relation)s::text::regclass)
                || ' where r.symbol = {symbol}'
                ' and r.bar_start >= {ts_from}::timestamptz'
                ' and r.bar_start < {ts_to}::timestamptz'
                ' order by r.bar_start'
        when %(relation)s::text = 'store.feature_rows'
            then
                ' from store.feature_rows as r where r.symbol = {symbol}'
                -- The key begins with the set.
                ' and r.set_hash = any(array('
                'select s.hash from store.feature_sets as s))'
                ' and r.bar_start >= {ts_from}::timestamptz'
                ' and r.bar_start < {ts_to}::timestamptz'
                ' order by r.bar_start, r.set_hash, r.version'
        else format(' from %%s as r', %(relation)s::text::regclass)
    end
    || ') to stdout (format csv)' as copy_out
from columns as c;

-- How many ticks the planner takes a trade date to have.
-- name: lake_estimate_statement
select
    'explain (format json) select from market.ticks as t'
    ' where t.ts >= {ts_from}::timestamptz and t.ts < {ts_to}::timestamptz'
    as guess;

-- The gaps too: labels do not cross them. And the sets: what the columns of a
-- row are that a model was shown.
-- name: lake_reference
select 'reference.' || quote_ident(c.relname) as relation
from pg_catalog.pg_class as c
where c.relnamespace = 'reference'::regnamespace and c.relkind = 'r'
union all
select v.relation
from (values ('market.gaps'), ('store.feature_sets')) as v (relation)
order by 1;

-- The sources and contracts of the ticks of a span, which numbers stand for.
-- name: lake_words
select
    array_agg(distinct t.source) as sources,
    array_remove(array_agg(distinct t.contract), null) as contracts
from (
    select
        f.source,
        f.contract
    from market.ticks as f
    where
        f.symbol = %(symbol)s::text
        and f.ts >= %(ts_from)s::timestamptz
        and f.ts < %(ts_to)s::timestamptz
    order by f.ts
    limit %(limit)s::bigint
) as t;

-- Ticks in rows of one width, as thor/lake/export/blocks.py reads them: null is
-- the least number of its type, `marks` holds what is true or a word.
-- name: lake_tick_statements
with words as (
    select
        coalesce((
            select
                'case t.source'
                || string_agg(format(' when %%L then %%s', s.w, s.n << 4), '')
                || ' else 0 end'
            from unnest(%(sources)s::text[]) with ordinality as s (w, n)
        ), '0') as source,
        coalesce((
            select
                'case t.contract'
                || string_agg(
                    format(' when %%L then %%s', c.w, (c.n + 1) << 16), ''
                )
                || ' else 65536 end'
            from unnest(%(contracts)s::text[]) with ordinality as c (w, n)
        ), '65536') as contract
)

select
    'copy (select t.ts, t.seq, '
    'coalesce((t.last * 100000000)::int8, (-9223372036854775808)::int8), '
    'coalesce((t.bid * 100000000)::int8, (-9223372036854775808)::int8), '
    'coalesce((t.ask * 100000000)::int8, (-9223372036854775808)::int8), '
    'coalesce(t.last_size, (-2147483648)::int4), '
    'coalesce(t.bid_size, (-2147483648)::int4), '
    'coalesce(t.ask_size, (-2147483648)::int4), '
    'coalesce(t.volume, (-9223372036854775808)::int8), '
    'coalesce(t.volume_delta, (-9223372036854775808)::int8), '
    't.received_at, t.created_at, '
    'case when t.is_trade then 1 else 0 end'
    ' | case when t.is_sampled then 2 else 0 end'
    ' | case t.side when ''B'' then 4 when ''S'' then 8 else 0 end'
    ' | '
    || replace(replace(w.source, '{', '{{'), '}', '}}')
    || ' | case when t.contract is null then 0 else '
    || replace(replace(w.contract, '{', '{{'), '}', '}}')
    || ' end from market.ticks as t where t.symbol = {symbol}'
    ' and t.ts >= {ts_from}::timestamptz and t.ts < {ts_to}::timestamptz'
    ' order by t.ts, t.seq, t.source) to stdout (format binary)' as copy_out
from words as w;
