-- Stage     10 reference
-- Makes     reference.listed(text)
-- Kind      function
-- Grain     one value a symbol
-- Known at  –
-- Reads     reference.series
-- Nulls     null in, null out
-- Why       A symbol that nobody listed is a mistake: no rows would look like
--           no data.

create function reference.listed(of_symbol text) returns text
language plpgsql stable strict parallel safe as $$
begin
    if exists (
        select 1 from reference.series as s where s.symbol = upper(of_symbol)
    ) then
        return upper(of_symbol);
    end if;
    raise exception 'symbol: %: not listed', of_symbol
    using
        errcode = 'invalid_parameter_value',
        hint = 'reference.series lists the symbols.';
end $$;

comment on function reference.listed(text) is
    'A symbol in capitals; refuses one that is not listed, by name.';
