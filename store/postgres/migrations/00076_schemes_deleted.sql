-- +goose Up
SET LOCAL lock_timeout = '2s'; -- others wait behind whoever waits for a lock

-- A deleted scheme keeps its row, whose revision tells other processes of it, until
-- its name is declared anew.
ALTER TABLE schemes ADD COLUMN deleted_at timestamptz;
