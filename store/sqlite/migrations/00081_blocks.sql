-- +goose Up
-- Why nothing can be sent to endpoints, as workers find it: no fault of theirs.
CREATE TABLE blocks (
    endpoint_id TEXT PRIMARY KEY,
    cause       TEXT NOT NULL,
    message     TEXT NOT NULL,
    since       INTEGER NOT NULL,
    at          INTEGER NOT NULL -- when it was found last
) STRICT, WITHOUT ROWID;
