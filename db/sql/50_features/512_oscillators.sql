-- Stage     50 features
-- Makes     feat.oscillators(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.closes(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.block(bigint), feat.block_offset(bigint),
--           feat.ema_decay(integer, double precision),
--           feat.ema_input(bigint, bigint, double precision, double precision,
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
            feat.block(c.number) as block,
            feat.block_offset(c.number) as k,
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
            b.symbol,
            b.bar_start,
            b.known_at,
            b.close,
            b.close_10,
            b.number,
            b.block,
            b.k,
            feat.ema_decay(9, b.k) as decay_9,
            feat.ema_decay(12, b.k) as decay_12,
            feat.ema_decay(26, b.k) as decay_26,
            feat.ema_decay(27, b.k) as decay_27,
            feat.ema_input(b.number, 15, s.gain, b.gain, 1.0::float8 / 14)
                as up,
            feat.ema_input(b.number, 15, s.loss, b.loss, 1.0::float8 / 14)
                as down,
            feat.ema_input(b.number, 26, s.fast, b.close, 2.0::float8 / 13)
                as fast,
            feat.ema_input(b.number, 26, s.slow, b.close, 2.0::float8 / 27)
                as slow
        from bars as b
        inner join seeds as s on s.symbol = b.symbol
    ),

    runs as (
        select
            s.*,
            sum(s.up / s.decay_27) over w * s.decay_27 as up_run,
            sum(s.down / s.decay_27) over w * s.decay_27 as down_run,
            sum(s.fast / s.decay_12) over w * s.decay_12 as fast_run,
            sum(s.slow / s.decay_26) over w * s.decay_26 as slow_run
        from steps as s
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    ),

    -- What the two blocks before one left at their ends.
    carries as (
        select
            r.symbol,
            r.block + 1 as block,
            r.up_run + feat.ema_decay(27, 256) * lag(r.up_run, 1, 0) over w
                as up,
            r.down_run + feat.ema_decay(27, 256) * lag(r.down_run, 1, 0) over w
                as down,
            r.fast_run as fast,
            r.slow_run + feat.ema_decay(26, 256) * lag(r.slow_run, 1, 0) over w
                as slow
        from runs as r
        where r.k = 255
        window w as (partition by r.symbol order by r.block)
    ),

    smooth as (
        select
            r.symbol,
            r.bar_start,
            r.known_at,
            r.close,
            r.close_10,
            r.number,
            r.block,
            r.k,
            r.decay_9,
            r.up_run + feat.ema_decay(27, 1) * r.decay_27 * coalesce(c.up, 0)
                as up,
            r.down_run
            + feat.ema_decay(27, 1) * r.decay_27 * coalesce(c.down, 0) as down,
            r.fast_run
            + feat.ema_decay(12, 1) * r.decay_12 * coalesce(c.fast, 0)
            - r.slow_run
            - feat.ema_decay(26, 1) * r.decay_26 * coalesce(c.slow, 0)
                as macd
        from runs as r
        inner join firsts as f on f.symbol = r.symbol
        left join carries as c
            on c.symbol = r.symbol and c.block = r.block
        where r.block >= f.block - 1
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
            feat.ema_input(s.number, 34, f.signal, s.macd, 2.0::float8 / 10)
                as signal
        from smooth as s
        inner join signal_seeds as f on f.symbol = s.symbol
    ),

    signal_runs as (
        select
            s.*,
            sum(s.signal / s.decay_9) over w * s.decay_9 as line_run
        from signal_steps as s
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    ),

    signals as (
        select
            s.*,
            s.line_run
            + feat.ema_decay(9, 1) * s.decay_9 * coalesce(c.line_run, 0)
                as line
        from signal_runs as s
        left join signal_runs as c
            on c.symbol = s.symbol and c.block = s.block - 1 and c.k = 255
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
