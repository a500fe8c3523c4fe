-- +goose Up
-- Processes that cannot send, through no fault of an endpoint. A process that can
-- again stays until all of them can, which is the end of the outage.
CREATE TABLE outages (
    process    text COLLATE "C" PRIMARY KEY,
    reason     text NOT NULL,
    message    text NOT NULL,
    since      timestamptz NOT NULL,
    at         timestamptz NOT NULL, -- when it said so last
    deliveries integer NOT NULL,
    endpoints  integer NOT NULL,
    over       boolean NOT NULL DEFAULT false
);

ALTER TABLE notices ADD COLUMN outage text NOT NULL DEFAULT 'null'; -- JSON
