-- +goose Up
ALTER TABLE endpoints ADD COLUMN expect TEXT; -- JSON
ALTER TABLE endpoints ADD COLUMN disabled_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN disabled_at INTEGER;
