-- Stage     30 ticks
-- Makes     market.moment(timestamptz)
-- Kind      function
-- Grain     one moment a call
-- Known at  as_of
-- Reads     market.quotes, ops.edition
-- Nulls     where as_of is null
-- Why       A recorded market has a clock of its own, by which its quotes age:
--           by the wall clock each of them would be dead for years.

create function market.moment(as_of timestamptz)
returns timestamptz
language sql stable strict parallel safe
begin atomic
    select
        case
            when exists (
                select from ops.edition as e where e.nature = 'recorded'
            )
                then (
                    select least(as_of, max(q.received_at))
                    from market.quotes as q
                )
            else as_of
        end;
end;

comment on function market.moment(timestamptz) is
    'The market''s now at a moment of the wall clock: in a recorded database '
    'the newest moment that was replayed, else the moment itself. '
    'select * from quotes_at(moment(now())) gives the quotes with their ages.';
