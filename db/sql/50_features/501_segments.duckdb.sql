-- Stage     50 features
-- Makes     feat._symbols(of_symbols),
--           feat._is_width(of_width, width),
--           feat._upper_bound(ts_from, ts_to),
--           feat._is_listed(of_symbols)
-- Kind      macro
-- Grain     one value a call
-- Known at  –
-- Reads     reference.series
-- Nulls     of_symbols as it is
-- Why       DuckDB has no procedural language, so expressions check the
--           arguments of a call. The upper bound holds its check: beside it,
--           the optimiser would find the range empty and evaluate nothing.

create macro feat._symbols(of_symbols) as (
    upper(of_symbols::text[]::text)::text[]
);

create macro feat._is_width(of_width, width) as (
    case
        when of_width = width then true
        when of_width in ('1m', '5m', '1h') then false
        else error('width: ' || of_width || ': take 1m, 5m or 1h')
    end
);

create macro feat._upper_bound(ts_from, ts_to) as (
    case
        when ts_from::timestamptz > ts_to::timestamptz
            then error('from: ' || ts_from || ' is after to: ' || ts_to)
        else coalesce(ts_to::timestamptz, timestamptz 'infinity')
    end::timestamptz
);

create macro feat._is_listed(of_symbols) as (
    select
        coalesce(
            error(
                'symbols: ' || string_agg(u.symbol, ', ') || ': not listed'
            ), true
        )
    from (select unnest(feat._symbols(of_symbols)) as symbol) as u
    where u.symbol not in (select s.symbol from reference.series as s)
);
