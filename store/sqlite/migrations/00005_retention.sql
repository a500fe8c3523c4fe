-- +goose Up
-- What ended, in the order in which it may be forgotten. What has not ended is
-- not in it, and so costs a search for old rows nothing, however much it is.
CREATE INDEX deliveries_ended ON deliveries (completed_at) WHERE completed_at IS NOT NULL;
