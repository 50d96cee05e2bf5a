-- Stage     80 trading
-- Makes     trade.refuse_opening(text, text, text)
-- Kind      function
-- Grain     one call an order
-- Known at  –
-- Reads     trade.breaks, trade.kill_events
-- Nulls     –
-- Why       What stops trading is asked in one place: by the trigger on orders,
--           and before a broker changes one.

-- An order and the latch, or a break, wait for one another: the second one sees
-- what the first one wrote. That needs a snapshot of each statement's own.
create function trade.refuse_opening(
    of_account text, of_symbol text, of_series text
)
returns void
language plpgsql as $$
declare
    is_latched boolean;
    open_break record;
begin
    perform pg_advisory_xact_lock_shared(7405160);
    select e.action = 'LATCH'
    into is_latched
    from trade.kill_events as e
    where e.action <> 'FLAT'
    order by e.event_id desc
    limit 1;
    if is_latched then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'the kill switch is latched: only orders that '
            'flatten a position pass, until an ADMIN resets it';
    end if;
    select
        b.break_id,
        b.reason
    into open_break
    from trade.breaks as b
    where
        b.account_id = of_account
        and b.cleared_at is null
        and b.symbol in (of_symbol, of_series, '*')
    order by b.break_id
    limit 1;
    if found then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = format(
                '%s is locked by break %s: %s', of_series,
                open_break.break_id, open_break.reason
            );
    end if;
end
$$;

comment on function trade.refuse_opening(text, text, text) is
    'Fails while the kill switch is latched, or a break locks the account, the '
    'symbol or the series. Neither can begin before the caller''s transaction '
    'ends.';
