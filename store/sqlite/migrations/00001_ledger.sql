-- Times are microseconds since 1970 in UTC. A zero time is NULL.
-- seq is the order of commits; it breaks ties between equal times in a listing.

-- +goose Up
-- "WAYB", so that the file says whose it is.
PRAGMA application_id = 1463900482;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('identity', lower(hex(randomblob(16))));

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    type        TEXT NOT NULL,
    publisher   TEXT NOT NULL,
    data        TEXT NOT NULL,
    occurred_at INTEGER,
    accepted_at INTEGER NOT NULL,
    digest      BLOB,
    traceparent TEXT NOT NULL,
    test        INTEGER NOT NULL,
    rejection   TEXT NOT NULL,
    unmatched   INTEGER NOT NULL -- not rejected, and no endpoint wanted it
) STRICT;

CREATE INDEX events_by_time ON events (accepted_at);
CREATE INDEX events_by_publisher ON events (publisher, accepted_at);
CREATE INDEX events_rejected ON events (accepted_at) WHERE rejection <> '';
CREATE INDEX events_unmatched ON events (accepted_at) WHERE unmatched = 1;

CREATE TABLE deliveries (
    seq              INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    event_id         TEXT NOT NULL REFERENCES events (id),
    event_type       TEXT NOT NULL,
    publisher        TEXT NOT NULL,
    endpoint_id      TEXT NOT NULL,
    state            TEXT NOT NULL,
    reason           TEXT NOT NULL,
    test             INTEGER NOT NULL,
    generation       INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    attempts_before  INTEGER NOT NULL,
    last_status_code INTEGER NOT NULL,
    last_error       TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    opened_at        INTEGER NOT NULL,
    next_attempt_at  INTEGER,
    completed_at     INTEGER,
    sweep_at         INTEGER
) STRICT;

CREATE INDEX deliveries_by_time ON deliveries (created_at);
CREATE INDEX deliveries_by_event ON deliveries (event_id);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, created_at);
CREATE INDEX deliveries_by_publisher ON deliveries (publisher, created_at);
-- Nearly every delivery ends as succeeded with status 200: the indexes over
-- states and status codes leave those out and stay small.
CREATE INDEX deliveries_by_state ON deliveries (state, created_at) WHERE state <> 'succeeded';
CREATE INDEX deliveries_by_endpoint_state ON deliveries (endpoint_id, state, created_at) WHERE state <> 'succeeded';
CREATE INDEX deliveries_by_publisher_state ON deliveries (publisher, state, created_at) WHERE state NOT IN ('pending', 'succeeded');
CREATE INDEX deliveries_by_status_code ON deliveries (last_status_code, created_at) WHERE last_status_code NOT IN (0, 200);
-- The sweeper's two questions: what is overdue, and what was in a queue.
CREATE INDEX deliveries_due ON deliveries (sweep_at, id) WHERE sweep_at IS NOT NULL;
CREATE INDEX deliveries_queued ON deliveries (next_attempt_at) WHERE sweep_at > next_attempt_at;

-- Which endpoints have something parked.
CREATE INDEX deliveries_parked ON deliveries (endpoint_id) WHERE state = 'parked';

CREATE TABLE attempts (
    seq            INTEGER PRIMARY KEY,
    delivery       INTEGER NOT NULL REFERENCES deliveries (seq),
    generation     INTEGER NOT NULL,
    number         INTEGER NOT NULL,
    trigger        TEXT NOT NULL,
    started_at     INTEGER NOT NULL,
    duration       INTEGER NOT NULL, -- nanoseconds
    outcome        TEXT NOT NULL,
    status_code    INTEGER NOT NULL,
    error_code     TEXT NOT NULL,
    error_message  TEXT NOT NULL,
    request        TEXT NOT NULL, -- JSON, without the body
    request_body   BLOB,
    response       TEXT, -- JSON, without the body; NULL when there was none
    response_body  BLOB,
    source_ip      TEXT NOT NULL,
    trace_id       TEXT NOT NULL,
    secret_version INTEGER NOT NULL,
    notes          TEXT -- JSON
) STRICT;

CREATE INDEX attempts_by_delivery ON attempts (delivery);

CREATE TABLE endpoints (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    publisher   TEXT NOT NULL,
    url         TEXT NOT NULL,
    scheme      TEXT NOT NULL,
    method      TEXT NOT NULL,
    event_types TEXT NOT NULL, -- JSON
    retry       TEXT NOT NULL, -- JSON
    timeout     INTEGER NOT NULL, -- nanoseconds
    headers     TEXT NOT NULL, -- JSON
    description TEXT NOT NULL,
    state       TEXT NOT NULL,
    revision    INTEGER NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX endpoints_by_time ON endpoints (created_at);

CREATE TABLE endpoint_secrets (
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    version     INTEGER NOT NULL,
    sealed      BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    retired_at  INTEGER,
    PRIMARY KEY (endpoint_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE replays (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    filter     TEXT NOT NULL, -- JSON
    rate       REAL NOT NULL,
    dry_run    INTEGER NOT NULL,
    state      TEXT NOT NULL,
    matched    INTEGER NOT NULL,
    replayed   INTEGER NOT NULL,
    cursor     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;

CREATE INDEX replays_running ON replays (created_at) WHERE state = 'running';

CREATE TABLE api_keys (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    publisher  TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
