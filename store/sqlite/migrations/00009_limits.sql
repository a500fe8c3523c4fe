-- +goose Up
-- How fast an endpoint is sent to, and in what order.
ALTER TABLE endpoints ADD COLUMN max_in_flight INTEGER NOT NULL DEFAULT 0; -- 0: the server's default
ALTER TABLE endpoints ADD COLUMN rate_limit TEXT NOT NULL DEFAULT 'null'; -- JSON
ALTER TABLE endpoints ADD COLUMN order_by TEXT NOT NULL DEFAULT '';
