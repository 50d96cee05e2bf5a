-- A copy and the lake's import replace the instruments as a whole; as with
-- ticks and marks, a symbol is checked where it is written.
alter table studies.thresholds drop constraint thresholds_symbol_fkey;
alter table studies.contract_weights
drop constraint contract_weights_symbol_fkey;
