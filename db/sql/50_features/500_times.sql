-- Stage     50 features
-- Makes     feat._weekdays_before(date), feat.trade_dates_between(date, date),
--           feat.lower_bound(timestamptz), feat.since_open(timestamptz),
--           feat.length(text)
-- Kind      function
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     null in, null out
-- Why       A call looks back to the open of the session, over a number of bar
--           lengths, and not over a hole. The casts are for DuckDB, which
--           pastes an argument in as the caller wrote it.

create function feat._weekdays_before(day date) returns float8
language sql immutable strict parallel safe
return 5 * floor((day - date '1900-01-01') / 7.0::float8) + least(
    (day - date '1900-01-01')
    - 7 * floor((day - date '1900-01-01') / 7.0::float8), 5
);

comment on function feat._weekdays_before(date) is
    'How many days from Monday to Friday lie between 1900-01-01, a Monday, and '
    'a date, which is not counted.';

create function feat.trade_dates_between(earlier date, later date)
returns float8
language sql immutable strict parallel safe
return feat._weekdays_before(later) - feat._weekdays_before(earlier + 1);

comment on function feat.trade_dates_between(date, date) is
    'How many trade dates, Monday to Friday, lie between two dates, neither of '
    'them counted.';

create function feat.lower_bound(ts timestamptz) returns timestamptz
language sql immutable parallel safe
return coalesce(ts::timestamptz, timestamptz '-infinity');

comment on function feat.lower_bound(timestamptz) is
    'The lower bound of a range: a null one is open.';

create function feat.since_open(ts timestamptz) returns interval
language sql stable parallel safe
return case
    when
        ts::timestamptz > timestamptz '1900-01-01 00:00Z'
        and ts::timestamptz < timestamptz '2200-01-01 00:00Z'
        then ts::timestamptz - least(
            (
                date_trunc(
                    'day',
                    (ts::timestamptz at time zone 'America/Chicago')
                    + interval '7 hours'
                ) - interval '7 hours'
            ) at time zone 'America/Chicago',
            date_trunc(
                'day', ts::timestamptz at time zone 'America/New_York'
            ) at time zone 'America/New_York'
        )
    else interval '0 hours'
end;

comment on function feat.since_open(timestamptz) is
    'Time since the trade date of a moment began: at 17:00 in Chicago, or at '
    'midnight in New York where that was earlier, as a stock''s begins then.';

create function feat.length(of_width text) returns interval
language sql immutable strict parallel safe
return case of_width
    when '1m' then interval '1 minute'
    when '5m' then interval '5 minutes'
    when '1h' then interval '1 hour'
end;

comment on function feat.length(text) is
    'How long a bar of a width (1m, 5m, 1h) lasts.';
