-- +goose Up
-- What a replay opened stays in its snapshot, with the generation that it opened,
-- so that the job can say what came of it.
ALTER TABLE replay_items ADD COLUMN opened INTEGER; -- NULL until its turn

CREATE INDEX replay_items_todo ON replay_items (replay, position) WHERE opened IS NULL;

ALTER TABLE replays ADD COLUMN groups TEXT NOT NULL DEFAULT 'null'; -- JSON: what a dry run counted
