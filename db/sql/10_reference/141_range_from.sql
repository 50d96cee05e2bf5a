-- Stage     10 reference
-- Makes     reference.range_from(timestamptz, timestamptz)
-- Kind      function
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     never
-- Why       A null bound is open, and a range that ends before it begins is a
--           mistake: no rows would look like no data.

create function reference.range_from(ts_from timestamptz, ts_to timestamptz)
returns timestamptz
language plpgsql immutable parallel safe as $$
begin
    if ts_from > ts_to then
        raise exception 'from: % is after to: %', ts_from, ts_to
        using errcode = 'invalid_parameter_value';
    end if;
    return coalesce(ts_from, '-infinity');
end $$;

comment on function reference.range_from(timestamptz, timestamptz) is
    'The lower bound of a range: a null one is open. Refuses a range that ends '
    'before it begins.';
