-- +goose Up
-- A deleted scheme keeps its row, whose revision tells other processes of it, until
-- its name is declared anew.
ALTER TABLE schemes ADD COLUMN deleted_at INTEGER;
