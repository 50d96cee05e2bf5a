-- Stage     10 reference
-- Makes     reference.own_date_symbols()
-- Kind      function
-- Grain     one value
-- Known at  –
-- Reads     reference.instruments, reference.series
-- Nulls     never
-- Why       A stock trades until 20:00 in New York, an hour and more after the
--           exchange's day of futures has turned: its trade date is New York's
--           own. The views of bars ask once a query which symbols these are.

create function reference.own_date_symbols() returns text[]
language sql stable parallel safe
begin atomic
    select
        array(
            select s.symbol
            from reference.series as s
            inner join reference.instruments as i on i.symbol = s.root
            where i.calendar = 'US_EQUITY'
        );
end;

comment on function reference.own_date_symbols() is
    'The symbols whose trade date is the date in New York, stocks: it turns at '
    'midnight there, and not at 17:00 in Chicago.';
