-- +goose NO TRANSACTION
-- A server may be at work: each statement holds it up for a moment at most, and
-- may be run again after one that failed.
-- +goose Up
-- When each endpoint's trouble changed last, or ended, by the transaction that
-- did it. Whoever reads with the oldest transaction under way misses none that
-- commits later, and no writer waits for another. A row stays when the trouble is
-- over: it is what tells others of that.
CREATE TABLE IF NOT EXISTS trouble_changes (
    endpoint_id text COLLATE "C" PRIMARY KEY,
    changed     xid8 NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX IF NOT EXISTS trouble_changes_since ON trouble_changes (changed);

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION note_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trouble_changes (endpoint_id, changed)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.endpoint_id ELSE NEW.endpoint_id END, pg_current_xact_id())
    ON CONFLICT (endpoint_id) DO UPDATE SET changed = excluded.changed;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- What older programs beside this one write is noted, too.
-- +goose StatementBegin
DO $$ BEGIN
    SET LOCAL lock_timeout = '2s';
    CREATE OR REPLACE TRIGGER troubles_changes AFTER INSERT OR UPDATE OR DELETE ON troubles
        FOR EACH ROW EXECUTE FUNCTION note_trouble();
END $$;
-- +goose StatementEnd
