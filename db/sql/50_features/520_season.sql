-- Stage     50 features
-- Makes     feat.season(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._season_bars(text, text[], timestamptz, timestamptz),
--           feat.length(text), feat.lower_bound(timestamptz)
-- Nulls     with fewer than 10 sessions of the minute in 30 days
-- Why       A bar beside the bars of the same minute, by the clock of Chicago,
--           of earlier sessions. PostgreSQL would add up each frame of floats
--           again, so the squared returns of an hour are the difference of two
--           running sums. These are sums of whole numbers, in units of 2^-40
--           and 2^-74 of a squared return: nothing is rounded, and an hour
--           without a move is exactly 0. Running sums only grow: the greater of
--           the one 20 sessions back and the one 30 days back is where the
--           look-back begins. Two counts share one float, so that one window
--           sums both: `counts` is the number of volumes plus 2^20 times the
--           number of volatilities; no minute has 2^20 sessions.

create function feat.season(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    volume_z_20sessions float8,
    vol_regime_60min_20sessions float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            lag(b.start_s) over w as start_s_1,
            1099511627776 * power(
                case when b.close > 0 and lag(b.close) over w > 0
                    then ln(b.close / lag(b.close) over w) else 0 end, 2
            ) as square
        from feat._season_bars(of_width, of_symbols, ts_from, ts_to) as b
        window w as (partition by b.symbol order by b.start_s)
    ),

    moves as (
        select
            b.*,
            sum(floor(b.square)) over w as high,
            sum(floor((b.square - floor(b.square)) * 17179869184)) over w
                as low
        from bars as b
        window w as (
            partition by b.symbol order by b.start_s
            rows between unbounded preceding and current row
        )
    ),

    realised as (
        select
            m.symbol,
            m.start_s,
            m.minute,
            m.volume,
            m.is_compared,
            case when m.close > 0 and m.start_s - m.start_s_1 <= 3600
                then sqrt(greatest((
                    (m.high - first_value(m.high) over hour)
                    + (m.low - first_value(m.low) over hour) / 17179869184
                ) / 1099511627776, 0))
            end as realised
        from moves as m
        window hour as (
            partition by m.symbol order by m.start_s
            range between 3600 preceding and current row
        )
    ),

    counted as (
        select
            r.*,
            -- Both counts in one float: 1 a volume, 2^20 a volatility.
            case when r.volume is null then 0::float8 else 1 end
            + case when r.realised is null then 0 else 1048576 end as counts
        from realised as r
        where r.is_compared
    ),

    sums as (
        select
            r.*,
            sum(r.volume) over before as volumes,
            sum(r.volume * r.volume) over before as squares,
            sum(r.realised) over before as realiseds,
            sum(r.counts) over before as counts_before
        from counted as r
        window before as (
            partition by r.minute, r.symbol order by r.start_s
            rows between unbounded preceding and 1 preceding
        )
    ),

    bounds as (
        select
            r.*,
            lag(r.volumes, 20) over w as volumes_20,
            first_value(r.volumes) over w as volumes_30d,
            lag(r.squares, 20) over w as squares_20,
            first_value(r.squares) over w as squares_30d,
            lag(r.realiseds, 20) over w as realiseds_20,
            first_value(r.realiseds) over w as realiseds_30d,
            lag(r.counts_before, 20) over w as counts_20,
            first_value(r.counts_before) over w as counts_30d
        from sums as r
        window w as (
            partition by r.minute, r.symbol order by r.start_s
            range between 2635200 preceding and current row
        )
    ),

    seasons as (
        select
            b.symbol,
            to_timestamp(b.start_s) as bar_start,
            b.volume,
            b.realised,
            b.volumes - coalesce(greatest(b.volumes_20, b.volumes_30d), 0)
                as volumes,
            b.squares - coalesce(greatest(b.squares_20, b.squares_30d), 0)
                as squares,
            b.realiseds - coalesce(greatest(b.realiseds_20, b.realiseds_30d), 0)
                as realiseds,
            b.counts_before - coalesce(greatest(b.counts_20, b.counts_30d), 0)
                as counts
        from bounds as b
        where to_timestamp(b.start_s) >= feat.lower_bound(ts_from)
    ),

    unpacked as (
        select
            s.*,
            s.counts - 1048576 * floor(s.counts / 1048576) as volume_count,
            floor(s.counts / 1048576) as realised_count
        from seasons as s
    )

    select
        s.symbol,
        s.bar_start,
        s.bar_start + feat.length(of_width) + interval '1 second' as known_at,
        case when s.volume_count >= 10
            then (s.volume - s.volumes / s.volume_count) / nullif(sqrt(greatest(
                s.squares - s.volumes * s.volumes / s.volume_count, 0
            ) / (s.volume_count - 1)), 0)
        end as volume_z_20sessions,
        case when s.realised_count >= 10
            then s.realised / nullif(s.realiseds / s.realised_count, 0)
        end as vol_regime_60min_20sessions
    from unpacked as s;
end;

comment on function feat.season(text, text[], timestamptz, timestamptz) is
    'The bars with ts_from <= bar_start < ts_to beside those of the same '
    'minute of the last twenty sessions.';
