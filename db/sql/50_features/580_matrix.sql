-- Stage     50 features
-- Makes     feat._matrix, feat.matrix(text, text[], timestamptz, timestamptz)
-- Kind      view and function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bands(text, text[], timestamptz, timestamptz),
--           feat.context(text, text[], timestamptz, timestamptz),
--           feat.cross_asset(text, text[], timestamptz, timestamptz),
--           feat.microstructure(text, text[], timestamptz, timestamptz),
--           feat.oscillators(text, text[], timestamptz, timestamptz),
--           feat.range(text, text[], timestamptz, timestamptz),
--           feat.returns(text, text[], timestamptz, timestamptz),
--           feat.season(text, text[], timestamptz, timestamptz),
--           feat.session(text, text[], timestamptz, timestamptz),
--           feat.trend(text, text[], timestamptz, timestamptz),
--           feat.volatility(text, text[], timestamptz, timestamptz),
--           feat.volume(text, text[], timestamptz, timestamptz)
-- Nulls     as the families
-- Why       All features of a bar in one row, as a model reads them. No column
--           is listed: a new feature is in the matrix because its family is.
--           Nested loops are off, since the planner takes three equal keys to
--           leave almost no row.

create view feat._matrix as
select *
from feat.returns('1m', null, 'infinity', 'infinity') as f0
inner join feat.trend('1m', null, 'infinity', 'infinity') as f1
    using (symbol, bar_start, known_at)
inner join feat.oscillators('1m', null, 'infinity', 'infinity') as f2
    using (symbol, bar_start, known_at)
inner join feat.bands('1m', null, 'infinity', 'infinity') as f3
    using (symbol, bar_start, known_at)
inner join feat.range('1m', null, 'infinity', 'infinity') as f4
    using (symbol, bar_start, known_at)
inner join feat.volatility('1m', null, 'infinity', 'infinity') as f5
    using (symbol, bar_start, known_at)
inner join feat.context('1m', null, 'infinity', 'infinity') as f6
    using (symbol, bar_start, known_at)
inner join feat.session('1m', null, 'infinity', 'infinity') as f7
    using (symbol, bar_start, known_at)
inner join feat.volume('1m', null, 'infinity', 'infinity') as f8
    using (symbol, bar_start, known_at)
inner join feat.cross_asset('1m', null, 'infinity', 'infinity') as f9
    using (symbol, bar_start, known_at)
inner join feat.microstructure('1m', null, 'infinity', 'infinity') as f10
    using (symbol, bar_start, known_at)
inner join feat.season('1m', null, 'infinity', 'infinity') as f11
    using (symbol, bar_start, known_at);

create function feat.matrix(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns setof feat._matrix
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    select *
    from feat.returns(of_width, of_symbols, ts_from, ts_to) as f0
    inner join feat.trend(of_width, of_symbols, ts_from, ts_to) as f1
        using (symbol, bar_start, known_at)
    inner join feat.oscillators(of_width, of_symbols, ts_from, ts_to) as f2
        using (symbol, bar_start, known_at)
    inner join feat.bands(of_width, of_symbols, ts_from, ts_to) as f3
        using (symbol, bar_start, known_at)
    inner join feat.range(of_width, of_symbols, ts_from, ts_to) as f4
        using (symbol, bar_start, known_at)
    inner join feat.volatility(of_width, of_symbols, ts_from, ts_to) as f5
        using (symbol, bar_start, known_at)
    inner join feat.context(of_width, of_symbols, ts_from, ts_to) as f6
        using (symbol, bar_start, known_at)
    inner join feat.session(of_width, of_symbols, ts_from, ts_to) as f7
        using (symbol, bar_start, known_at)
    inner join feat.volume(of_width, of_symbols, ts_from, ts_to) as f8
        using (symbol, bar_start, known_at)
    inner join feat.cross_asset(of_width, of_symbols, ts_from, ts_to) as f9
        using (symbol, bar_start, known_at)
    inner join feat.microstructure(of_width, of_symbols, ts_from, ts_to) as f10
        using (symbol, bar_start, known_at)
    inner join feat.season(of_width, of_symbols, ts_from, ts_to) as f11
        using (symbol, bar_start, known_at);
end;

comment on view feat._matrix is
    'The columns of the matrix; it has no rows.';
comment on function feat.matrix(text, text[], timestamptz, timestamptz) is
    'Every feature of the bars of a width with ts_from <= bar_start < ts_to, '
    'of the symbols (null: all listed). A null bound is open.';
