-- Stage     50 features
-- Makes     feat.since_open(timestamptz), feat.length(text)
-- Kind      function
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     null in, null out
-- Why       A session's sums look back to its opening: not a day, what of it
--           has passed. Before the first bars there is nothing to look back on.
--           What is named in widths looks back as many times a bar's length.

create function feat.since_open(ts timestamptz) returns interval
language sql stable parallel safe
return case
    when
        ts::timestamptz > timestamptz '1900-01-01 00:00Z'
        and ts::timestamptz < timestamptz '2200-01-01 00:00Z'
        then ts::timestamptz - (
            date_trunc(
                'day',
                (ts::timestamptz at time zone 'America/Chicago')
                + interval '7 hours'
            ) - interval '7 hours'
        ) at time zone 'America/Chicago'
    else interval '0 hours'
end;

comment on function feat.since_open(timestamptz) is
    'How long ago it was 17:00 in Chicago, when the exchange''s day begins.';

create function feat.length(of_width text) returns interval
language sql immutable strict parallel safe
return case of_width
    when '1m' then interval '1 minute'
    when '5m' then interval '5 minutes'
    when '1h' then interval '1 hour'
end;

comment on function feat.length(text) is
    'How long a bar of a width (1m, 5m, 1h) lasts.';
