-- +goose Up
-- How fast an endpoint is sent to, and in what order.
ALTER TABLE endpoints
    ADD COLUMN max_in_flight integer NOT NULL DEFAULT 0, -- 0: the server's default
    ADD COLUMN rate_limit text NOT NULL DEFAULT 'null',  -- JSON
    ADD COLUMN order_by text COLLATE "C" NOT NULL DEFAULT '';
