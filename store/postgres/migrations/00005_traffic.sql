-- +goose NO TRANSACTION
-- A server may be at work: no statement holds it up, and each may be run again
-- after one that failed.
-- +goose Up
-- What came of attempts lately: for each slot of time and endpoint a row of each
-- process that made any. A row is written again and again while its slot lasts;
-- the free space in its page takes it.
CREATE TABLE IF NOT EXISTS traffic (
    slot            timestamptz NOT NULL, -- when it began
    endpoint_id     text COLLATE "C" NOT NULL,
    process         text COLLATE "C" NOT NULL,
    attempts        integer NOT NULL,
    succeeded       integer NOT NULL,
    errors          text NOT NULL, -- JSON: how many by code
    latencies       text NOT NULL, -- JSON: how many by bucket
    last_attempt_at timestamptz NOT NULL,
    last_success_at timestamptz,
    PRIMARY KEY (slot, endpoint_id, process)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- How many are parked and why, to be counted without a look at them.
DROP INDEX CONCURRENTLY IF EXISTS waiting_parked_why;
CREATE INDEX CONCURRENTLY waiting_parked_why ON waiting (reason, endpoint_id) WHERE state = 'parked';
