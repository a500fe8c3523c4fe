-- +goose Up
-- Why nothing can be sent to endpoints, as workers find it: no fault of theirs.
CREATE TABLE blocks (
    endpoint_id text COLLATE "C" PRIMARY KEY,
    cause       text NOT NULL,
    message     text NOT NULL,
    since       timestamptz NOT NULL,
    at          timestamptz NOT NULL -- when it was found last
);
