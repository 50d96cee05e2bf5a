-- Stage     00 foundation
-- Makes     extension timescaledb
-- Kind      extension
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       In public, the last schema of Thor's search_path: elsewhere
--           time_bucket would not be found.

create extension if not exists timescaledb schema public;
