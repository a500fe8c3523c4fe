-- +goose NO TRANSACTION
-- A server may be at work: each statement holds it up for a moment at most, and
-- may be run again after one that failed.
-- +goose Up
-- What an operator gives an endpoint, as one JSON object.
-- +goose StatementBegin
DO $$ BEGIN
    SET LOCAL lock_timeout = '2s';
    ALTER TABLE endpoints ADD COLUMN IF NOT EXISTS settings text;
END $$;
-- +goose StatementEnd

-- Older programs beside this one know a column for each. What either writes is
-- carried over; nothing else reads those columns.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION carry_settings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given  json := NEW.settings;
    before json := json_build_object('url', NEW.url, 'method', NEW.method, 'event_types', NEW.event_types::json, 'retry', NEW.retry::json,
        'timeout', NEW.timeout || 'ns', 'headers', NEW.headers::json, 'expect', NEW.expect::json, 'max_in_flight', NEW.max_in_flight,
        'rate_limit', NEW.rate_limit::json, 'order_by', NEW.order_by, 'allow_empty', NEW.allow_empty::json, 'description', NEW.description);
BEGIN
    IF NEW.settings IS DISTINCT FROM OLD.settings THEN
        NEW.url := coalesce(given ->> 'url', '');
        NEW.method := coalesce(given ->> 'method', '');
        NEW.event_types := coalesce(given -> 'event_types', 'null');
        NEW.retry := coalesce(given -> 'retry', '{}');
        NEW.timeout := coalesce(extract(epoch FROM (given ->> 'timeout')::interval) * 1000000000, 0);
        NEW.headers := coalesce(given -> 'headers', 'null');
        NEW.expect := coalesce(given -> 'expect', 'null');
        NEW.max_in_flight := coalesce((given ->> 'max_in_flight')::integer, 0);
        NEW.rate_limit := coalesce(given -> 'rate_limit', 'null');
        NEW.order_by := coalesce(given ->> 'order_by', '');
        NEW.allow_empty := coalesce(given -> 'allow_empty', 'null');
        NEW.description := coalesce(given ->> 'description', '');
    ELSIF OLD.settings IS NULL
        OR (NEW.url, NEW.method, NEW.event_types, NEW.retry, NEW.timeout, NEW.headers, NEW.expect, NEW.max_in_flight, NEW.rate_limit,
            NEW.order_by, NEW.allow_empty, NEW.description) IS DISTINCT FROM
           (OLD.url, OLD.method, OLD.event_types, OLD.retry, OLD.timeout, OLD.headers, OLD.expect, OLD.max_in_flight, OLD.rate_limit,
            OLD.order_by, OLD.allow_empty, OLD.description) THEN
        SELECT json_object_agg(key, value) INTO NEW.settings FROM (
            SELECT key, value FROM json_each(before)
            UNION ALL SELECT key, value FROM json_each(given) WHERE before -> key IS NULL -- what older programs do not know
        ) carried;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$ BEGIN
    SET LOCAL lock_timeout = '2s';
    CREATE OR REPLACE TRIGGER endpoints_settings BEFORE INSERT OR UPDATE ON endpoints FOR EACH ROW EXECUTE FUNCTION carry_settings();
END $$;
-- +goose StatementEnd

UPDATE endpoints SET id = id WHERE settings IS NULL;
