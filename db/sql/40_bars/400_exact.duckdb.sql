-- Stage     40 bars
-- Makes     public.time_bucket(w, ts), market._quotient(dividend, divisor),
--           reference.own_date_symbols()
-- Kind      macro
-- Grain     one value a call
-- Known at  –
-- Reads     –
-- Nulls     where an argument is null; a quotient by 0
-- Why       Functions in the SQL of bars that DuckDB has under another name or
--           not at all. The widths divide an hour, so that no origin matters. A
--           decimal over a whole number is a double to DuckDB: here it is
--           exact, rounded half away from zero at the eighth decimal. The
--           symbols on their own dates are replaced by those of the lake.

create macro public.time_bucket(w, ts) as
system.main.time_bucket(w::interval, ts);

create macro reference.own_date_symbols() as []::varchar [];

create macro market._quotient(dividend, divisor) as
case
    when divisor <> 0 then
        (
            (
                (2 * abs(dividend * 100000000::decimal(9, 0))::hugeint
                + divisor::hugeint)
                // (2 * divisor::hugeint)
            )::decimal(18, 0)
            * 0.00000001::decimal(9, 8)
            * sign(dividend)::decimal(1, 0)
        )::decimal(18, 8)
end;
