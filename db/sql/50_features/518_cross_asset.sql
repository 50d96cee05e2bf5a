-- Stage     50 features
-- Makes     feat.cross_asset(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._symbols(text[]), feat.bars(text, text[], timestamptz,
--           timestamptz, integer, interval), feat.length(text),
--           feat.lower_bound(timestamptz), feat.since_open(timestamptz)
-- Nulls     where an index future that is compared with has no bar
-- Why       A series beside four index futures, which are read whatever symbols
--           a call names. Returns span one width, so that both sides cover the
--           same time. Frames are 60 widths of time: a count of bars would
--           reach as far back as the emptier of two series.

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
    with asked as (
        select unnest(feat._symbols(of_symbols)) as symbol
    ),

    bars as (
        select
            b.*,
            date_part('epoch', b.bar_start) as start_s,
            date_part('epoch', feat.length(of_width)) as width_s
        from feat.bars(
            of_width,
            case when of_symbols is not null
                then of_symbols || array['ES', 'NQ', 'YM', 'RTY'] end,
            ts_from, ts_to, 0,
            greatest(feat.since_open(ts_from), 61 * feat.length(of_width))
        ) as b
    ),

    firsts as (
        select
            b.symbol,
            b.trade_date,
            min(b.start_s) as start_s
        from bars as b
        group by b.symbol, b.trade_date
    ),

    opens as (
        select
            f.symbol,
            f.trade_date,
            b.open
        from firsts as f
        inner join bars as b
            on b.symbol = f.symbol and b.start_s = f.start_s
    ),

    spans as (
        select
            b.*,
            b.start_s / b.width_s as slot,
            b.start_s - lag(b.start_s) over w as gap_s,
            lag(b.close) over w as close_1,
            first_value(b.close) over hour as close_60min
        from bars as b
        where
            b.bar_start
            >= feat.lower_bound(ts_from) - 61 * feat.length(of_width)
        window
            w as (partition by b.symbol order by b.start_s),
            hour as (w range between 3600 preceding and current row)
    ),

    moves as (
        select
            s.symbol,
            s.bar_start,
            s.known_at,
            s.slot,
            case when s.gap_s = s.width_s and s.close > 0 and s.close_1 > 0
                then ln(s.close / s.close_1) end as move,
            case
                when s.gap_s <= 3600 and s.close > 0 and s.close_60min > 0
                    then ln(s.close / s.close_60min)
            end as hour,
            case when s.close > 0 and o.open > 0
                then ln(s.close / o.open) end as session
        from spans as s
        inner join opens as o
            on o.symbol = s.symbol and o.trade_date = s.trade_date
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
            case when count(m.session) = 4 then avg(m.session) end as session
        from moves as m
        where m.symbol = any(array['ES', 'NQ', 'YM', 'RTY'])
        group by m.slot
    ),

    pairs as (
        select
            m.*,
            p.es,
            p.nq
        from moves as m
        left join peers as p on p.slot = m.slot
        where
            of_symbols is null
            or m.symbol in (select a.symbol from asked as a)
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
        s.hour - (p.es_hour + p.nq_hour + p.ym_hour + p.rty_hour) / 4
            as rel_strength_60min,
        s.session - p.session as rel_strength_session,
        case
            when
                s.hour + p.es_hour + p.nq_hour + p.ym_hour + p.rty_hour
                is not null
                then 1 + case when p.es_hour > s.hour then 1 else 0 end
                    + case when p.nq_hour > s.hour then 1 else 0 end
                    + case when p.ym_hour > s.hour then 1 else 0 end
                    + case when p.rty_hour > s.hour then 1 else 0 end
        end::float8 as rank_60min,
        case when s.es_pairs >= 20
            then nullif(s.es_corr, 'NaN'::float8) end as corr_es_60widths,
        case when s.es_pairs >= 20
            then nullif(s.es_beta, 'NaN'::float8) end as beta_es_60widths,
        case when s.nq_pairs >= 20
            then nullif(s.nq_corr, 'NaN'::float8) end as corr_nq_60widths,
        case when s.nq_pairs >= 20
            then nullif(s.nq_beta, 'NaN'::float8) end as beta_nq_60widths,
        q.es - s.move as lead_es_1width,
        q.nq - s.move as lead_nq_1width
    from sums as s
    left join peers as p on p.slot = s.slot
    left join peers as q on q.slot = s.slot - 1
    where s.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.cross_asset(text, text[], timestamptz, timestamptz) is
    'The bars with ts_from <= bar_start < ts_to beside those of ES, NQ, YM '
    'and RTY.';
