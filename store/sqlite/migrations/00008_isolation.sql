-- +goose Up
-- A delivery that was released to find out whether its endpoint is well again.
ALTER TABLE deliveries ADD COLUMN probe INTEGER NOT NULL DEFAULT 0;

-- The value of the field by which the endpoint wants its deliveries in order.
ALTER TABLE deliveries ADD COLUMN order_key TEXT NOT NULL DEFAULT '';

CREATE INDEX deliveries_ordered ON deliveries (endpoint_id, order_key, created_at) WHERE reason = 'ordered';

-- Which endpoints have something parked that is theirs to release.
DROP INDEX deliveries_parked;
CREATE INDEX deliveries_parked ON deliveries (endpoint_id, created_at) WHERE state = 'parked' AND reason <> 'ordered';

-- What of an endpoint is due or under way, to be counted without a look at all
-- that wait for their next attempt.
CREATE INDEX deliveries_next ON deliveries (endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- The one delivery of a row of ordered ones that may go.
CREATE TABLE order_heads (
    endpoint_id TEXT NOT NULL,
    order_key   TEXT NOT NULL,
    delivery    TEXT NOT NULL UNIQUE,
    PRIMARY KEY (endpoint_id, order_key)
) STRICT, WITHOUT ROWID;

-- Endpoints that fail, from their first failure to their next success.
CREATE TABLE troubles (
    endpoint_id TEXT PRIMARY KEY,
    since       INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    last_error  TEXT NOT NULL,
    opened_at   INTEGER, -- NULL while the circuit is closed
    tried_at    INTEGER,
    probes      INTEGER NOT NULL,
    probe_at    INTEGER
) STRICT, WITHOUT ROWID;
