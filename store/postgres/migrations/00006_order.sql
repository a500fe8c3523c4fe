-- +goose NO TRANSACTION
-- A server may be at work: each statement holds it up for a moment at most, and
-- may be run again after one that failed.
-- +goose Up
-- The rows of an ordered endpoint go in the order in which their events were
-- accepted, which is that of events.seq: no process's clock has a say in it.
-- +goose StatementBegin
DO $$ BEGIN
    SET LOCAL lock_timeout = '2s';
    ALTER TABLE waiting ADD COLUMN IF NOT EXISTS event_seq bigint NOT NULL DEFAULT 0;
END $$;
-- +goose StatementEnd

DROP INDEX CONCURRENTLY IF EXISTS waiting_ordered_made;
CREATE INDEX CONCURRENTLY waiting_ordered_made ON waiting (endpoint_id, order_key, event_seq) WHERE reason = 'ordered';
-- +goose StatementBegin
DO $$ BEGIN
    SET LOCAL lock_timeout = '2s';
    DROP INDEX waiting_ordered;
    ALTER INDEX waiting_ordered_made RENAME TO waiting_ordered;
END $$;
-- +goose StatementEnd
