-- +goose Up
ALTER TABLE endpoint_secrets ADD COLUMN active_from INTEGER;
ALTER TABLE endpoint_secrets ADD COLUMN last_used_at INTEGER;
