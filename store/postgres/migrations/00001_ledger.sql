-- Times are kept to the microsecond. A zero time is NULL. Text that is compared
-- or ordered is COLLATE "C": byte by byte, whatever the database's language.

-- +goose Up
CREATE TABLE meta (
    name  text PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO meta (name, value) VALUES ('identity', replace(gen_random_uuid()::text, '-', ''));

-- Whoever takes the next revision holds this row until the commit: revisions
-- grow in the order of commits.
CREATE TABLE revision (last bigint NOT NULL);

INSERT INTO revision (last) VALUES (0);

-- Every id that was accepted, over all days: what makes an event accepted once.
-- It leads to the event and its deliveries.
CREATE TABLE event_ids (
    id          text COLLATE "C" PRIMARY KEY,
    seq         bigint GENERATED ALWAYS AS IDENTITY, -- orders events of the same time
    accepted_at timestamptz NOT NULL,
    deliveries  text[] COLLATE "C" NOT NULL
);

-- The types that there ever were, so that a listing by a pattern can look each
-- of them up.
CREATE TABLE event_types (type text COLLATE "C" PRIMARY KEY);

-- Partitioned by day.
CREATE TABLE events (
    id          text COLLATE "C" NOT NULL,
    seq         bigint NOT NULL,
    type        text COLLATE "C" NOT NULL,
    publisher   text COLLATE "C" NOT NULL,
    data        bytea NOT NULL, -- as it came; a rejected one need not be text
    occurred_at timestamptz,
    accepted_at timestamptz NOT NULL,
    digest      bytea,
    traceparent text NOT NULL,
    test        boolean NOT NULL,
    rejection   text NOT NULL,
    unmatched   boolean NOT NULL, -- not rejected, and no endpoint wanted it
    PRIMARY KEY (accepted_at, seq)
) PARTITION BY RANGE (accepted_at);

CREATE TABLE events_default PARTITION OF events DEFAULT; -- what belongs to no day that there is a partition for

CREATE INDEX events_by_publisher ON events (publisher, accepted_at, seq, type);
CREATE INDEX events_by_type ON events (type, accepted_at, seq);
CREATE INDEX events_rejected ON events (accepted_at, seq, publisher, type) WHERE rejection <> '';
CREATE INDEX events_unmatched ON events (accepted_at, seq, publisher, type) WHERE unmatched;

-- Partitioned by the day that is in the id. A delivery is written as pending and
-- changed once or a few times more: no index holds what changes until it has
-- failed for good, so that those changes touch no index at all.
CREATE TABLE deliveries (
    id               text COLLATE "C" PRIMARY KEY,
    event_id         text COLLATE "C" NOT NULL,
    event_at         timestamptz NOT NULL, -- events.accepted_at
    event_seq        bigint NOT NULL,
    event_type       text COLLATE "C" NOT NULL,
    publisher        text COLLATE "C" NOT NULL,
    endpoint_id      text COLLATE "C" NOT NULL,
    reference        text COLLATE "C" NOT NULL,
    state            text COLLATE "C" NOT NULL,
    reason           text NOT NULL,
    test             boolean NOT NULL,
    generation       integer NOT NULL,
    attempts         integer NOT NULL,
    attempts_before  integer NOT NULL,
    last_status_code integer NOT NULL,
    last_error       text NOT NULL,
    created_at       timestamptz NOT NULL,
    opened_at        timestamptz NOT NULL,
    completed_at     timestamptz,
    failed           text COLLATE "C" GENERATED ALWAYS AS
        (CASE WHEN state IN ('dead', 'cancelled') THEN state END) STORED,
    failed_code      integer GENERATED ALWAYS AS
        (CASE WHEN completed_at IS NOT NULL AND last_status_code NOT IN (0, 200) THEN last_status_code END) STORED
) PARTITION BY RANGE (id);

CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT WITH (fillfactor = 60);

-- The columns behind the id are there to be compared in the index, without a
-- look at the row.
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id, event_type, publisher, failed);
CREATE INDEX deliveries_by_publisher ON deliveries (publisher, id, event_type, failed);
CREATE INDEX deliveries_by_type ON deliveries (event_type, id);
CREATE INDEX deliveries_by_reference ON deliveries (reference, id) WHERE reference <> '';
-- Few deliveries fail for good: these stay small.
CREATE INDEX deliveries_failed ON deliveries (failed, id, publisher, event_type) WHERE failed IS NOT NULL;
CREATE INDEX deliveries_failed_by_endpoint ON deliveries (endpoint_id, failed, id, event_type) WHERE failed IS NOT NULL;
CREATE INDEX deliveries_failed_code ON deliveries (failed_code, id, endpoint_id, publisher, event_type) WHERE failed_code IS NOT NULL;

-- What is left of days that were dropped is forgotten one by one.
CREATE INDEX deliveries_default_ended ON deliveries_default (completed_at) WHERE completed_at IS NOT NULL;

-- What was ever reopened: when a day is dropped, that need not have ended before.
CREATE TABLE reopened (id text COLLATE "C" PRIMARY KEY);

-- Every delivery that has not ended, of whatever day, and when it is looked at
-- again: the to-do list of sweeper and parking. Its state and reason are those
-- of the delivery.
CREATE TABLE waiting (
    endpoint_id     text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    publisher       text COLLATE "C" NOT NULL,
    event_type      text COLLATE "C" NOT NULL,
    state           text COLLATE "C" NOT NULL,
    reason          text COLLATE "C" NOT NULL,
    next_attempt_at timestamptz,
    sweep_at        timestamptz,
    bytes           integer NOT NULL, -- of the event's data
    code            integer NOT NULL, -- of the last answer
    PRIMARY KEY (endpoint_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX waiting_due ON waiting (sweep_at, id) WHERE sweep_at IS NOT NULL;
CREATE INDEX waiting_queued ON waiting (next_attempt_at) WHERE sweep_at > next_attempt_at;
-- Most that waits has not been tried yet, and is in neither.
CREATE INDEX waiting_by_state ON waiting (state, id) WHERE state <> 'pending';
CREATE INDEX waiting_by_code ON waiting (code, id) WHERE code <> 0;
CREATE INDEX waiting_parked ON waiting (endpoint_id) WHERE state = 'parked';

-- Partitioned as the deliveries are.
CREATE TABLE attempts (
    delivery_id    text COLLATE "C" NOT NULL,
    generation     integer NOT NULL,
    number         integer NOT NULL,
    trigger        text NOT NULL,
    started_at     timestamptz NOT NULL,
    duration       bigint NOT NULL, -- nanoseconds
    outcome        text NOT NULL,
    status_code    integer NOT NULL,
    error_code     text NOT NULL,
    error_message  text NOT NULL,
    request        text NOT NULL, -- JSON, without the body
    request_body   bytea,
    response       text, -- JSON, without the body; NULL when there was none
    response_body  bytea,
    source_ip      text NOT NULL,
    trace_id       text NOT NULL,
    secret_version integer NOT NULL,
    notes          text, -- JSON
    PRIMARY KEY (delivery_id, generation, number, started_at)
) PARTITION BY RANGE (delivery_id);

CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;

CREATE TABLE endpoints (
    seq             bigint GENERATED ALWAYS AS IDENTITY,
    id              text COLLATE "C" PRIMARY KEY,
    publisher       text COLLATE "C" NOT NULL,
    url             text NOT NULL,
    scheme          text NOT NULL,
    method          text NOT NULL,
    event_types     text NOT NULL, -- JSON
    retry           text NOT NULL, -- JSON
    timeout         bigint NOT NULL, -- nanoseconds
    headers         text NOT NULL, -- JSON
    expect          text NOT NULL, -- JSON
    description     text NOT NULL,
    state           text NOT NULL,
    disabled_reason text NOT NULL,
    disabled_at     timestamptz,
    revision        bigint NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

CREATE INDEX endpoints_by_time ON endpoints (created_at, seq);

CREATE TABLE endpoint_secrets (
    endpoint_id  text COLLATE "C" NOT NULL REFERENCES endpoints (id),
    version      integer NOT NULL,
    sealed       bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    active_from  timestamptz,
    retired_at   timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (endpoint_id, version)
);

CREATE TABLE replays (
    seq        bigint GENERATED ALWAYS AS IDENTITY,
    id         text COLLATE "C" PRIMARY KEY,
    filter     text NOT NULL, -- JSON
    publisher  text COLLATE "C" NOT NULL, -- of the filter
    rate       double precision NOT NULL,
    dry_run    boolean NOT NULL,
    state      text NOT NULL,
    matched    integer NOT NULL,
    collected  boolean NOT NULL,
    replayed   integer NOT NULL,
    skipped    integer NOT NULL,
    last       text COLLATE "C" NOT NULL, -- the delivery that was collected last
    created_at timestamptz NOT NULL,
    ended_at   timestamptz
);

CREATE INDEX replays_by_time ON replays (created_at, seq);
CREATE INDEX replays_ended ON replays (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX replays_running ON replays (created_at, seq) WHERE state = 'running';

-- What a replay has still to do, from the oldest on.
CREATE TABLE replay_items (
    replay     text COLLATE "C" NOT NULL REFERENCES replays (id),
    delivery   text COLLATE "C" NOT NULL,
    generation integer NOT NULL, -- that had ended
    PRIMARY KEY (replay, delivery)
);

CREATE TABLE api_keys (
    seq        bigint GENERATED ALWAYS AS IDENTITY,
    id         text COLLATE "C" PRIMARY KEY,
    name       text NOT NULL,
    role       text NOT NULL,
    publisher  text NOT NULL,
    hash       bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE schemes (
    revision    bigint PRIMARY KEY,
    name        text COLLATE "C" NOT NULL UNIQUE,
    declaration text NOT NULL, -- JSON
    created_at  timestamptz NOT NULL
);
