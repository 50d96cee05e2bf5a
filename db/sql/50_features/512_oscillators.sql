-- Room      50 features
-- Makes     feat.oscillators(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.closes(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.fade(integer, double precision),
--           feat.step(bigint, bigint, double precision, double precision,
--           double precision)
-- Nulls     before a look-back's first bar; where nothing moved
-- Why       Smoothed as in feat.trend; spans this short are forgotten after two
--           blocks. The signal smooths what is smoothed: a second stage, for
--           which the first begins a block before the range.

create function feat.oscillators(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    rsi_14 float8,
    macd_12_26 float8,
    macd_signal_9 float8,
    macd_histogram float8,
    roc_10 float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with closes as (
        select
            c.*,
            row_number() over w as number,
            lag(c.close) over w as close_1,
            lag(c.close, 10) over w as close_10
        from feat.closes(
            of_width, of_symbols, ts_from, ts_to, 512, interval '0 hours'
        ) as c
        window w as (partition by c.symbol order by c.bar_start)
    ),

    bars as (
        select
            c.*,
            floor((c.number - 1) / 256.0::float8) as block,
            c.number - 1 - 256 * floor((c.number - 1) / 256.0::float8) as k,
            greatest(c.close - c.close_1, 0) as gain,
            greatest(c.close_1 - c.close, 0) as loss
        from closes as c
    ),

    firsts as (
        select
            b.symbol,
            min(b.block) as block
        from bars as b
        where b.bar_start >= ts_from
        group by b.symbol
    ),

    seeds as (
        select
            b.symbol,
            avg(b.gain) filter (where b.number between 2 and 15) as gain,
            avg(b.loss) filter (where b.number between 2 and 15) as loss,
            avg(b.close) filter (where b.number between 15 and 26) as fast,
            avg(b.close) filter (where b.number <= 26) as slow
        from bars as b
        where b.number <= 26
        group by b.symbol
    ),

    steps as (
        select
            b.*,
            feat.step(b.number, 15, s.gain, b.gain, 1.0::float8 / 14) as up,
            feat.step(b.number, 15, s.loss, b.loss, 1.0::float8 / 14) as down,
            feat.step(b.number, 26, s.fast, b.close, 2.0::float8 / 13) as fast,
            feat.step(b.number, 26, s.slow, b.close, 2.0::float8 / 27) as slow
        from bars as b
        inner join seeds as s on s.symbol = b.symbol
    ),

    ends as (
        select
            s.symbol,
            s.block,
            sum(s.up * feat.fade(27, 255 - s.k)) as up,
            sum(s.down * feat.fade(27, 255 - s.k)) as down,
            sum(s.fast * feat.fade(12, 255 - s.k)) as fast,
            sum(s.slow * feat.fade(26, 255 - s.k)) as slow
        from steps as s
        group by s.symbol, s.block
    ),

    carries as (
        select
            e.symbol,
            e.block,
            lag(e.up, 1, 0) over w
            + feat.fade(27, 256) * lag(e.up, 2, 0) over w as up,
            lag(e.down, 1, 0) over w
            + feat.fade(27, 256) * lag(e.down, 2, 0) over w as down,
            lag(e.fast, 1, 0) over w as fast,
            lag(e.slow, 1, 0) over w
            + feat.fade(26, 256) * lag(e.slow, 2, 0) over w as slow
        from ends as e
        window w as (partition by e.symbol order by e.block)
    ),

    smooth as (
        select
            s.symbol,
            s.bar_start,
            s.known_at,
            s.close,
            s.close_10,
            s.number,
            s.block,
            s.k,
            (sum(s.up * feat.fade(27, -s.k)) over w
            + feat.fade(27, 1) * c.up) * feat.fade(27, s.k) as up,
            (sum(s.down * feat.fade(27, -s.k)) over w
            + feat.fade(27, 1) * c.down) * feat.fade(27, s.k) as down,
            (sum(s.fast * feat.fade(12, -s.k)) over w
            + feat.fade(12, 1) * c.fast) * feat.fade(12, s.k)
            - (sum(s.slow * feat.fade(26, -s.k)) over w
            + feat.fade(26, 1) * c.slow) * feat.fade(26, s.k) as macd
        from steps as s
        inner join carries as c
            on c.symbol = s.symbol and c.block = s.block
        inner join firsts as f on f.symbol = s.symbol
        where s.block >= f.block - 1
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    ),

    signal_seeds as (
        select
            s.symbol,
            avg(s.macd) filter (where s.number between 26 and 34) as signal
        from smooth as s
        group by s.symbol
    ),

    signal_steps as (
        select
            s.*,
            feat.step(s.number, 34, f.signal, s.macd, 2.0::float8 / 10)
                as signal
        from smooth as s
        inner join signal_seeds as f on f.symbol = s.symbol
    ),

    signal_carries as (
        select
            s.symbol,
            s.block + 1 as block,
            sum(s.signal * feat.fade(9, 255 - s.k)) as signal
        from signal_steps as s
        group by s.symbol, s.block
    ),

    signals as (
        select
            s.*,
            (sum(s.signal * feat.fade(9, -s.k)) over w
            + feat.fade(9, 1) * coalesce(c.signal, 0)) * feat.fade(9, s.k)
                as line
        from signal_steps as s
        left join signal_carries as c
            on c.symbol = s.symbol and c.block = s.block
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.number >= 15
            then 100 * s.up / nullif(s.up + s.down, 0) end as rsi_14,
        case when s.number >= 26 then s.macd end as macd_12_26,
        case when s.number >= 34 then s.line end as macd_signal_9,
        case when s.number >= 34 then s.macd - s.line end as macd_histogram,
        100 * (s.close / nullif(s.close_10, 0) - 1) as roc_10
    from signals as s
    where s.bar_start >= ts_from;
end;

comment on function feat.oscillators(text, text[], timestamptz, timestamptz) is
    'Momentum of the bars with ts_from <= bar_start < ts_to.';
