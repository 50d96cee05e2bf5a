-- Stage     50 features
-- Makes     feat.oscillators(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.block(bigint), feat.block_offset(bigint), feat.closes(text,
--           text[], timestamptz, timestamptz, integer, interval),
--           feat.ema_decay(integer, double precision), feat.ema_input(bigint,
--           bigint, double precision, double precision, double precision),
--           feat.lower_bound(timestamptz)
-- Nulls     before a look-back's first bar; where nothing moved; roc_10 of
--           prices not above 0
-- Why       The means are sums in blocks, as in feat.trend; spans this short
--           keep nothing after two blocks. The MACD signal is a mean of means:
--           a second stage, so the first stage begins one block before the
--           range.

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
        window w as (partition by c.symbol, c.run order by c.bar_start)
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
            b.run,
            min(b.block) as block
        from bars as b
        where b.bar_start >= feat.lower_bound(ts_from)
        group by b.symbol, b.run
    ),

    seeds as (
        select
            b.symbol,
            b.run,
            avg(b.gain) filter (where b.number between 2 and 15) as gain,
            avg(b.loss) filter (where b.number between 2 and 15) as loss,
            avg(b.close) filter (where b.number between 15 and 26) as fast,
            avg(b.close) filter (where b.number <= 26) as slow
        from bars as b
        where b.number <= 26
        group by b.symbol, b.run
    ),

    steps as (
        select
            b.symbol,
            b.run,
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
        inner join seeds as s on s.symbol = b.symbol and s.run = b.run
    ),

    sums as (
        select
            s.*,
            sum(s.up / s.decay_27) over w * s.decay_27 as up_sum,
            sum(s.down / s.decay_27) over w * s.decay_27 as down_sum,
            sum(s.fast / s.decay_12) over w * s.decay_12 as fast_sum,
            sum(s.slow / s.decay_26) over w * s.decay_26 as slow_sum
        from steps as s
        window w as (
            partition by s.symbol, s.run, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    ),

    -- The values at the ends of the two blocks before.
    carries as (
        select
            r.symbol,
            r.run,
            r.block + 1 as block,
            r.up_sum + feat.ema_decay(27, 256) * lag(r.up_sum, 1, 0) over w
                as up,
            r.down_sum + feat.ema_decay(27, 256) * lag(r.down_sum, 1, 0) over w
                as down,
            r.fast_sum as fast,
            r.slow_sum + feat.ema_decay(26, 256) * lag(r.slow_sum, 1, 0) over w
                as slow
        from sums as r
        where r.k = 255
        window w as (partition by r.symbol, r.run order by r.block)
    ),

    smooth as (
        select
            r.symbol,
            r.run,
            r.bar_start,
            r.known_at,
            r.close,
            r.close_10,
            r.number,
            r.block,
            r.k,
            r.decay_9,
            r.up_sum + feat.ema_decay(27, 1) * r.decay_27 * coalesce(c.up, 0)
                as up,
            r.down_sum
            + feat.ema_decay(27, 1) * r.decay_27 * coalesce(c.down, 0) as down,
            r.fast_sum
            + feat.ema_decay(12, 1) * r.decay_12 * coalesce(c.fast, 0)
            - r.slow_sum
            - feat.ema_decay(26, 1) * r.decay_26 * coalesce(c.slow, 0)
                as macd
        from sums as r
        inner join firsts as f on f.symbol = r.symbol and f.run = r.run
        left join carries as c
            on c.symbol = r.symbol and c.run = r.run and c.block = r.block
        where r.block >= f.block - 1
    ),

    signal_seeds as (
        select
            s.symbol,
            s.run,
            avg(s.macd) filter (where s.number between 26 and 34) as signal
        from smooth as s
        group by s.symbol, s.run
    ),

    signal_steps as (
        select
            s.*,
            feat.ema_input(s.number, 34, f.signal, s.macd, 2.0::float8 / 10)
                as signal
        from smooth as s
        inner join signal_seeds as f on f.symbol = s.symbol and f.run = s.run
    ),

    signal_sums as (
        select
            s.*,
            sum(s.signal / s.decay_9) over w * s.decay_9 as line_sum
        from signal_steps as s
        window w as (
            partition by s.symbol, s.run, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    ),

    signals as (
        select
            s.*,
            s.line_sum
            + feat.ema_decay(9, 1) * s.decay_9 * coalesce(c.line_sum, 0)
                as line
        from signal_sums as s
        left join signal_sums as c
            on
                c.symbol = s.symbol
                and c.run = s.run
                and c.block = s.block - 1
                and c.k = 255
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
        case when s.close > 0 and s.close_10 > 0
            then 100 * (s.close / s.close_10 - 1) end as roc_10
    from signals as s
    where s.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.oscillators(text, text[], timestamptz, timestamptz) is
    'Momentum of the close, for the bars with ts_from <= bar_start < ts_to.';
