-- Stage     40 bars
-- Makes     market.covers(bigint, bigint, bigint, bigint, interval, interval)
-- Kind      function
-- Grain     one value a computed bar with an imported one beside it
-- Known at  known_at of the computed bar
-- Reads     –
-- Nulls     never
-- Why       The one rule by which a computed bar stands instead of a vendor's,
--           at every width: a few ticks do not make a bar. Nine tenths of what
--           the vendor counted, of both where both are known, for a tape may
--           differ a little; where nothing can be compared, three quarters of
--           the time.

create function market.covers(
    trades bigint,
    volume bigint,
    imported_trades bigint,
    imported_volume bigint,
    length interval,
    span interval
)
returns boolean
language sql immutable parallel safe
return case
    when trades = 0
        then coalesce(imported_volume, imported_trades, 1) = 0
    when volume is not null and imported_volume is not null
        then
            volume * 10 >= imported_volume * 9
            and coalesce(trades * 10 >= imported_trades * 9, true)
    when imported_trades is not null
        then trades * 10 >= imported_trades * 9
    else coalesce(span * 4 >= length * 3, false)
end;

comment on function market.covers(
    bigint, bigint, bigint, bigint, interval, interval
) is
    'Whether the ticks of a computed bar cover it, beside a vendor''s: by '
    'volume and trades, or else by the time from the first to the last trade.';
