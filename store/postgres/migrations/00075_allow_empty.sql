-- +goose Up
SET LOCAL lock_timeout = '2s'; -- others wait behind whoever waits for a lock

-- The macros of an endpoint's URL that may be sent without a value, in JSON. Whatever
-- an older program makes, before this or beside it, keeps sending all of them.
ALTER TABLE endpoints ADD COLUMN allow_empty text NOT NULL DEFAULT '["*"]';
