-- Stage     00 foundation
-- Makes     extension timescaledb
-- Kind      extension
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       In public, which every search_path of Thor's ends with: elsewhere
--           time_bucket would not be found.

create extension if not exists timescaledb schema public;
