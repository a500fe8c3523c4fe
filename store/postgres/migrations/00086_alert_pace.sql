-- +goose NO TRANSACTION
-- +goose Up
-- When an alert may be sent: one of an endpoint that comes and goes waits.
-- +goose StatementBegin
DO $$ BEGIN
    SET LOCAL lock_timeout = '2s';
    ALTER TABLE notices ADD COLUMN IF NOT EXISTS due timestamptz NOT NULL DEFAULT '-infinity';
END $$;
-- +goose StatementEnd

-- How often there were alerts of an endpoint's state of late.
CREATE TABLE IF NOT EXISTS alert_pace (
    endpoint_id text COLLATE "C" PRIMARY KEY,
    free_at     timestamptz NOT NULL -- when they are all forgotten
);
