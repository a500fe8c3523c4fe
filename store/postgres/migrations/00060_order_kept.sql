-- +goose NO TRANSACTION
-- +goose Up
-- What waited in order before its place was written down goes in the order of
-- its events, too. A thousand at a time, so that nobody waits for all of them.
-- +goose StatementBegin
DO $$
DECLARE
    done_endpoint text COLLATE "C" := '';
    done_id       text COLLATE "C" := '';
    last          record;
BEGIN
    LOOP
        SELECT endpoint_id, id INTO last FROM (
            SELECT endpoint_id, id FROM waiting WHERE (endpoint_id, id) > (done_endpoint, done_id)
            ORDER BY endpoint_id, id LIMIT 1000) part
        ORDER BY endpoint_id DESC, id DESC LIMIT 1;
        EXIT WHEN NOT FOUND;
        UPDATE waiting w SET event_seq = d.event_seq FROM deliveries d
        WHERE (w.endpoint_id, w.id) > (done_endpoint, done_id) AND (w.endpoint_id, w.id) <= (last.endpoint_id, last.id)
            AND w.reason = 'ordered' AND w.event_seq = 0 AND d.id = w.id;
        COMMIT;
        done_endpoint := last.endpoint_id;
        done_id := last.id;
    END LOOP;
END $$;
-- +goose StatementEnd
