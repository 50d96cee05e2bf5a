-- Room      50 features
-- Makes     feat.season(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._season_bars(text, text[], timestamptz, timestamptz)
-- Nulls     without 10 sessions of the minute in 30 days
-- Why       A bar beside those of the same minute of the session, by the clock
--           of Chicago. Sums over frames are differences of running sums, since
--           PostgreSQL would add each frame up anew: of whole volumes they are
--           exact; squares of returns are added up within an hour of the clock,
--           so that 60 minutes lie in two and a flat one is 0.

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
            date_part('epoch', b.bar_start) as start_s,
            lag(b.close) over w as close_1
        from feat._season_bars(of_width, of_symbols, ts_from, ts_to) as b
        window w as (partition by b.symbol order by b.bar_start)
    ),

    hours as (
        select
            b.*,
            floor(b.start_s / 3600.0::float8) as block
        from bars as b
    ),

    runs as (
        select
            b.*,
            sum(
                case when b.close > 0 and b.close_1 > 0
                    then power(ln(b.close / b.close_1), 2) else 0 end
            ) over (
                partition by b.symbol, b.block order by b.start_s
                rows between unbounded preceding and current row
            ) as run
        from hours as b
    ),

    blocks as (
        select
            r.*,
            max(r.run) over (partition by r.symbol, r.block) - r.run as rest
        from runs as r
    ),

    spans as (
        select
            b.*,
            first_value(b.start_s) over hour as first_s,
            first_value(b.rest) over hour as first_rest
        from blocks as b
        window hour as (
            partition by b.symbol order by b.start_s
            range between 3600 preceding and current row
        )
    ),

    realised as (
        select
            s.symbol,
            s.bar_start,
            s.start_s,
            s.volume,
            (s.bar_start at time zone 'America/Chicago')::time as minute,
            case
                when s.first_s = s.start_s or s.close <= 0 then null
                when s.first_s >= 3600 * s.block
                    then sqrt(greatest(s.first_rest - s.rest, 0))
                else sqrt(greatest(s.run + s.first_rest, 0))
            end as realised
        from spans as s
    ),

    sums as (
        select
            r.*,
            sum(r.volume) over before as volumes,
            sum(r.volume * r.volume) over before as squares,
            count(r.volume) over before as volumes_told,
            sum(r.realised) over before as realiseds,
            count(r.realised) over before as realiseds_told,
            least(20, count(*) over (
                w range between 2635200 preceding and 1 preceding
            ))::integer as back
        from realised as r
        window
            w as (partition by r.symbol, r.minute order by r.start_s),
            before as (w rows between unbounded preceding and 1 preceding)
    ),

    seasons as (
        select
            s.symbol,
            s.bar_start,
            s.volume,
            s.realised,
            s.volumes - coalesce(lag(s.volumes, s.back) over w, 0) as volumes,
            s.squares - coalesce(lag(s.squares, s.back) over w, 0) as squares,
            s.volumes_told - lag(s.volumes_told, s.back) over w
                as volumes_told,
            s.realiseds - coalesce(lag(s.realiseds, s.back) over w, 0)
                as realiseds,
            s.realiseds_told - lag(s.realiseds_told, s.back) over w
                as realiseds_told
        from sums as s
        window w as (partition by s.symbol, s.minute order by s.start_s)
    )

    select
        s.symbol,
        s.bar_start,
        s.bar_start + case of_width
            when '1m' then interval '61 seconds'
            when '5m' then interval '301 seconds'
            else interval '3601 seconds'
        end as known_at,
        case when s.volumes_told >= 10
            then (s.volume - s.volumes / s.volumes_told) / nullif(sqrt(greatest(
                s.squares - s.volumes * s.volumes / s.volumes_told, 0
            ) / (s.volumes_told - 1)), 0)
        end as volume_z_20sessions,
        case when s.realiseds_told >= 10
            then s.realised / nullif(s.realiseds / s.realiseds_told, 0)
        end as vol_regime_60min_20sessions
    from seasons as s
    where s.bar_start >= ts_from;
end;

comment on function feat.season(text, text[], timestamptz, timestamptz) is
    'The bars with ts_from <= bar_start < ts_to beside those of the same '
    'minute of the last twenty sessions.';
