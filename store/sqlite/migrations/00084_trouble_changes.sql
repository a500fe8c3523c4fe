-- +goose Up
-- Which change of all was an endpoint's last: of its trouble, or the end of that.
-- A row stays when the trouble is over: it is what tells others of that.
CREATE TABLE trouble_changes (
    endpoint_id TEXT PRIMARY KEY,
    revision    INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

INSERT INTO trouble_changes (endpoint_id, revision) SELECT endpoint_id, row_number() OVER (ORDER BY endpoint_id) FROM troubles;

-- +goose StatementBegin
CREATE TRIGGER troubles_begin AFTER INSERT ON troubles BEGIN
    INSERT INTO trouble_changes (endpoint_id, revision)
    VALUES (new.endpoint_id, (SELECT coalesce(max(revision), 0) + 1 FROM trouble_changes))
    ON CONFLICT (endpoint_id) DO UPDATE SET revision = excluded.revision;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER troubles_change AFTER UPDATE ON troubles BEGIN
    UPDATE trouble_changes SET revision = (SELECT max(revision) + 1 FROM trouble_changes) WHERE endpoint_id = new.endpoint_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER troubles_end AFTER DELETE ON troubles BEGIN
    UPDATE trouble_changes SET revision = (SELECT max(revision) + 1 FROM trouble_changes) WHERE endpoint_id = old.endpoint_id;
END;
-- +goose StatementEnd
