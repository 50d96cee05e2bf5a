-- Stage     40 bars
-- Makes     market.bar_start_at(text, timestamptz),
--           market.bar_end_at(text, timestamptz)
-- Kind      function
-- Grain     one value an instant
-- Known at  –
-- Reads     reference.trade_date(timestamptz)
-- Nulls     null in, null out; for a width that there is not
-- Why       In which bar of a width an instant lies: the same cut for imported
--           bars as for those of ticks.

create function market.bar_start_at(of_width text, ts timestamptz)
returns timestamptz
language sql immutable strict parallel safe
return case
    when of_width = '1d'
        then (reference.trade_date(ts) - 1 + time '17:00')
            at time zone 'America/Chicago'
    else date_bin(
        case of_width
            when '1s' then interval '1 second'
            when '1m' then interval '1 minute'
            when '5m' then interval '5 minutes'
            when '1h' then interval '1 hour'
        end,
        ts,
        timestamptz '1970-01-01 00:00Z'
    )
end;

comment on function market.bar_start_at(text, timestamptz) is
    'The start of the bar of a width (1s, 1m, 5m, 1h, 1d) that an instant '
    'lies in.';

create function market.bar_end_at(of_width text, ts timestamptz)
returns timestamptz
language sql immutable strict parallel safe
return case of_width
    when '1s' then market.bar_start_at('1s', ts) + interval '1 second'
    when '1m' then market.bar_start_at('1m', ts) + interval '1 minute'
    when '5m' then market.bar_start_at('5m', ts) + interval '5 minutes'
    when '1h' then market.bar_start_at('1h', ts) + interval '1 hour'
    when '1d'
        then (reference.trade_date(ts) + time '17:00')
            at time zone 'America/Chicago'
end;

comment on function market.bar_end_at(text, timestamptz) is
    'The first instant after the bar of a width (1s, 1m, 5m, 1h, 1d) that an '
    'instant lies in.';
