-- +goose Up
ALTER TABLE troubles ADD COLUMN failed_at timestamptz; -- the last failure that was noted

-- What an operator has not been told yet. Each is written in the transaction
-- that makes it true, and goes when it is told.
CREATE TABLE notices (
    id          text COLLATE "C" PRIMARY KEY DEFAULT 'op_' || replace(gen_random_uuid()::text, '-', ''),
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    type        text NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    since       timestamptz,
    count       integer NOT NULL DEFAULT 0,
    last_error  text NOT NULL DEFAULT '',
    reason      text NOT NULL DEFAULT '',
    dead        text NOT NULL DEFAULT 'null' -- JSON
);

-- Dead letters that no notice has counted yet, a row for those that a
-- transaction made of one endpoint for one reason.
CREATE TABLE deaths (
    endpoint_id text COLLATE "C" NOT NULL,
    reason      text NOT NULL,
    count       integer NOT NULL,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    deliveries  text NOT NULL -- JSON: the first few
);
