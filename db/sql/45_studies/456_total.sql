-- Stage     45 studies
-- Makes     studies.total_at(timestamptz, text),
--           studies.total_between(timestamptz, timestamptz, interval, text)
-- Kind      function
-- Grain     one row; one row a step
-- Known at  as_of
-- Reads     studies.signals_at(timestamptz, text), market.last_values,
--           reference.range_from(timestamptz, timestamptz)
-- Nulls     all but the counts where no symbol has a signal
-- Why       One figure for the whole board. The average is the figure that the
--           desk has used for a year, though YM alone can turn it; the
--           composite signal rests on the weights of the signals, and the score
--           on changes that no contract can dominate.

create function studies.total_at(as_of timestamptz, set text default 'desk')
returns table (
    as_of timestamptz,
    count bigint,
    missing text[],
    sum_weighted numeric,
    denominator numeric,
    avg_weighted numeric,
    signal_weight_sum numeric,
    composite_signal text,
    composite_signal_weight integer,
    score numeric
)
language sql stable strict parallel safe rows 1
begin atomic
    with of_symbols as (
        select
            min(s.ts) filter (where s.signal is not null) as as_of,
            count(s.signal) as count,
            coalesce(
                array_agg(s.symbol) filter (where s.signal is null), '{}'
            ) as missing,
            sum(s.stat_value * s.contract_weight) as sum_weighted,
            sum(abs(s.contract_weight)) filter (where s.signal is not null)
                as denominator,
            sum(s.signal_weight) as signal_weight_sum,
            avg(s.score) as score
        from studies.signals_at(total_at.as_of, total_at.set) as s
    ),

    composed as (
        select
            o.*,
            case
                when o.signal_weight_sum > 9 then 2
                when o.signal_weight_sum >= 4 then 1
                when o.signal_weight_sum > -4 then 0
                when o.signal_weight_sum >= -9 then -1
                when o.signal_weight_sum < -9 then -2
            end as composite
        from of_symbols as o
    )

    select
        c.as_of as as_of,
        c.count as count,
        c.missing as missing,
        c.sum_weighted as sum_weighted,
        c.denominator as denominator,
        c.sum_weighted / nullif(c.denominator, 0) as avg_weighted,
        c.signal_weight_sum as signal_weight_sum,
        case c.composite
            when 2 then 'STRONG_BUY'
            when 1 then 'BUY'
            when 0 then 'HOLD'
            when -1 then 'SELL'
            when -2 then 'STRONG_SELL'
        end as composite_signal,
        c.composite as composite_signal_weight,
        c.score as score
    from composed as c;
end;

comment on function studies.total_at(timestamptz, text) is
    'The TOTAL of a set as of a moment: sum_weighted is the sum of stat_value '
    'times contract_weight of the symbols that have a signal, denominator the '
    'sum of their absolute weights, avg_weighted the one over the other; '
    'composite_signal follows from signal_weight_sum alone (above 9 '
    'STRONG_BUY, from 4 BUY, above -4 HOLD, from -9 SELL, else STRONG_SELL); '
    'score is the mean of the symbols'' scores; as_of the oldest quote in it, '
    'missing the symbols without a signal.';

create function studies.total_between(
    from_ts timestamptz,
    to_ts timestamptz,
    step interval default '5 minutes',
    set text default 'desk'
)
returns table (
    moment timestamptz,
    count bigint,
    avg_weighted numeric,
    signal_weight_sum numeric,
    composite_signal text,
    score numeric
)
language sql stable parallel safe
begin atomic
    select
        m.moment as moment,
        t.count as count,
        t.avg_weighted as avg_weighted,
        t.signal_weight_sum as signal_weight_sum,
        t.composite_signal as composite_signal,
        t.score as score
    from (
        select
            min(k.first_ts) as first_ts,
            max(k.ts) as last_ts
        from market.last_values as k
    ) as b
    cross join lateral generate_series(
        coalesce(
            nullif(reference.range_from(from_ts, to_ts), '-infinity'),
            b.first_ts
        ),
        coalesce(to_ts, b.last_ts),
        step
    ) as m (moment)
    cross join lateral studies.total_at(m.moment, total_between.set) as t
    order by m.moment;
end;

comment on function studies.total_between(
    timestamptz, timestamptz, interval, text
) is
    'The TOTAL of a set at each step from one moment to another, both '
    'included: its history as a chart reads it. Without bounds it begins with '
    'the first tick and ends with the newest.';
