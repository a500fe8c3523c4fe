-- What of each endpoint is due, so that endpoints take turns however much one of
-- them has. Nobody waits while it is built; what an interrupted try left behind
-- is built anew.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS waiting_turns;
CREATE INDEX CONCURRENTLY waiting_turns ON waiting (endpoint_id, sweep_at, id) WHERE sweep_at IS NOT NULL;
