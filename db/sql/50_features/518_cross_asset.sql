-- Room      50 features
-- Makes     feat.cross_asset(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.since_open(timestamptz)
-- Nulls     where an index future that is compared with has no bar
-- Why       A series beside four index futures, which are read whoever asks.
--           Returns of one width only, so that both lead over the same time;
--           frames of 60 widths of time, since a count of bars would reach as
--           far back as the emptier of two series.

create function feat.cross_asset(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    rel_strength_60min float8,
    rel_strength_session float8,
    rank_60min float8,
    corr_es_60widths float8,
    beta_es_60widths float8,
    corr_nq_60widths float8,
    beta_nq_60widths float8,
    lead_es_1width float8,
    lead_nq_1width float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            extract(epoch from b.bar_start)::float8 / case of_width
                when '1m' then 60 when '5m' then 300 else 3600
            end as slot
        from feat.bars(
            of_width,
            case when of_symbols is not null
                then of_symbols || array['ES', 'NQ', 'YM', 'RTY'] end,
            ts_from, ts_to, 0,
            greatest(
                feat.since_open(ts_from),
                case of_width when '1m' then interval '61 minutes'
                    when '5m' then interval '305 minutes'
                    else interval '61 hours' end
            )
        ) as b
    ),

    spans as (
        select
            b.*,
            lag(b.slot) over of_symbol as slot_1,
            lag(b.close) over of_symbol as close_1,
            first_value(b.close) over hour as close_60min,
            first_value(b.bar_start) over hour as start_60min,
            first_value(b.open) over session as open_session
        from bars as b
        window
            of_symbol as (partition by b.symbol order by b.bar_start),
            hour as (
                partition by b.symbol order by b.bar_start
                range between interval '60 minutes' preceding and current row
            ),
            session as (
                partition by b.symbol, b.trade_date order by b.bar_start
                rows between unbounded preceding and current row
            )
    ),

    moves as (
        select
            s.symbol,
            s.bar_start,
            s.known_at,
            s.place,
            s.slot,
            case when s.slot_1 = s.slot - 1 and s.close > 0 and s.close_1 > 0
                then ln(s.close / s.close_1) end as move,
            case
                when
                    s.start_60min < s.bar_start
                    and s.close > 0
                    and s.close_60min > 0
                    then ln(s.close / s.close_60min)
            end as hour,
            case when s.close > 0 and s.open_session > 0
                then ln(s.close / s.open_session) end as session
        from spans as s
        where s.place >= -60
    ),

    peers as (
        select
            m.slot,
            max(case when m.symbol = 'ES' then m.move end) as es,
            max(case when m.symbol = 'NQ' then m.move end) as nq,
            max(case when m.symbol = 'ES' then m.hour end) as es_hour,
            max(case when m.symbol = 'NQ' then m.hour end) as nq_hour,
            max(case when m.symbol = 'YM' then m.hour end) as ym_hour,
            max(case when m.symbol = 'RTY' then m.hour end) as rty_hour,
            count(m.session) as sessions,
            avg(m.session) as session
        from moves as m
        where m.symbol = any(array['ES', 'NQ', 'YM', 'RTY'])
        group by m.slot
    ),

    pairs as (
        select
            m.*,
            p.es,
            p.nq,
            p.es_hour,
            p.nq_hour,
            p.ym_hour,
            p.rty_hour,
            (p.es_hour + p.nq_hour + p.ym_hour + p.rty_hour) / 4 as mean_hour,
            case when p.sessions = 4 then p.session end as mean_session,
            q.es - m.move as lead_es,
            q.nq - m.move as lead_nq
        from moves as m
        left join peers as p on p.slot = m.slot
        left join peers as q on q.slot = m.slot - 1
        where of_symbols is null or m.symbol = any(of_symbols::text[])
    ),

    sums as (
        select
            p.*,
            count(p.move + p.es) over sixty as es_pairs,
            corr(p.move, p.es) over sixty as es_corr,
            regr_slope(p.move, p.es) over sixty as es_beta,
            count(p.move + p.nq) over sixty as nq_pairs,
            corr(p.move, p.nq) over sixty as nq_corr,
            regr_slope(p.move, p.nq) over sixty as nq_beta
        from pairs as p
        window sixty as (
            partition by p.symbol order by p.slot
            range between 59 preceding and current row
        )
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        s.hour - s.mean_hour as rel_strength_60min,
        s.session - s.mean_session as rel_strength_session,
        case when s.hour + s.mean_hour is not null
            then 1 + case when s.es_hour > s.hour then 1 else 0 end
                + case when s.nq_hour > s.hour then 1 else 0 end
                + case when s.ym_hour > s.hour then 1 else 0 end
                + case when s.rty_hour > s.hour then 1 else 0 end
        end::float8 as rank_60min,
        case when s.es_pairs >= 20
            then nullif(s.es_corr, 'NaN'::float8) end as corr_es_60widths,
        case when s.es_pairs >= 20
            then nullif(s.es_beta, 'NaN'::float8) end as beta_es_60widths,
        case when s.nq_pairs >= 20
            then nullif(s.nq_corr, 'NaN'::float8) end as corr_nq_60widths,
        case when s.nq_pairs >= 20
            then nullif(s.nq_beta, 'NaN'::float8) end as beta_nq_60widths,
        s.lead_es as lead_es_1width,
        s.lead_nq as lead_nq_1width
    from sums as s
    where s.place >= 0;
end;

comment on function feat.cross_asset(text, text[], timestamptz, timestamptz) is
    'The bars with ts_from <= bar_start < ts_to beside those of ES, NQ, YM and '
    'RTY.';
