-- +goose Up
-- The macros of an endpoint's URL that may be sent without a value, in JSON. Endpoints
-- that are there keep sending all of them.
ALTER TABLE endpoints ADD COLUMN allow_empty TEXT NOT NULL DEFAULT '["*"]';
