-- +goose Up
-- The rows of an ordered endpoint go in the order in which their events were
-- accepted, which is that of deliveries.seq, the end of each entry of an index:
-- no clock has a say in it.
DROP INDEX deliveries_ordered;
CREATE INDEX deliveries_ordered ON deliveries (endpoint_id, order_key) WHERE reason = 'ordered';
