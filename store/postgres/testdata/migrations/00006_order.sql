-- +goose Up
-- The rows of an ordered endpoint go in the order in which their events were
-- accepted, which is that of events.seq: no process's clock has a say in it.
ALTER TABLE waiting ADD COLUMN event_seq bigint NOT NULL DEFAULT 0;

DROP INDEX waiting_ordered;
CREATE INDEX waiting_ordered ON waiting (endpoint_id, order_key, event_seq) WHERE reason = 'ordered';
