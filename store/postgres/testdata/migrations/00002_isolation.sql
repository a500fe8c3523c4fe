-- +goose Up
-- The value of the field by which the endpoint wants its deliveries in order.
ALTER TABLE deliveries ADD COLUMN order_key text COLLATE "C" NOT NULL DEFAULT '';

ALTER TABLE waiting
    ADD COLUMN order_key text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN probe boolean NOT NULL DEFAULT false; -- released to find out whether its endpoint is well again

-- What an endpoint has parked that is its own to release, and what stands in a
-- row behind others.
DROP INDEX waiting_parked;
CREATE INDEX waiting_parked ON waiting (endpoint_id, id) WHERE state = 'parked' AND reason <> 'ordered';
CREATE INDEX waiting_ordered ON waiting (endpoint_id, order_key, id) WHERE reason = 'ordered';

-- What of an endpoint is due or under way, to be counted without a look at all
-- that is parked, or that waits for its next attempt.
CREATE INDEX waiting_next ON waiting (endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- The one delivery of a row of ordered ones that may go. Whoever adds to a row,
-- or takes its head away, holds this until the commit.
CREATE TABLE order_heads (
    endpoint_id text COLLATE "C" NOT NULL,
    order_key   text COLLATE "C" NOT NULL,
    delivery_id text COLLATE "C" NOT NULL UNIQUE,
    PRIMARY KEY (endpoint_id, order_key)
);

-- Endpoints that fail, from their first failure to their next success.
CREATE TABLE troubles (
    endpoint_id text COLLATE "C" PRIMARY KEY,
    since       timestamptz NOT NULL,
    failures    integer NOT NULL,
    last_error  text NOT NULL,
    opened_at   timestamptz, -- NULL while the circuit is closed
    tried_at    timestamptz,
    probes      integer NOT NULL,
    probe_at    timestamptz
);
