-- +goose Up
-- What an operator gives an endpoint, as one JSON object.
ALTER TABLE endpoints ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

UPDATE endpoints SET settings = json_object(
    'url', url, 'method', method, 'event_types', json(event_types), 'retry', json(retry), 'timeout', timeout || 'ns',
    'headers', json(headers), 'expect', json(expect), 'max_in_flight', max_in_flight, 'rate_limit', json(rate_limit),
    'order_by', order_by, 'allow_empty', json(allow_empty), 'description', description);

ALTER TABLE endpoints DROP COLUMN url;
ALTER TABLE endpoints DROP COLUMN method;
ALTER TABLE endpoints DROP COLUMN event_types;
ALTER TABLE endpoints DROP COLUMN retry;
ALTER TABLE endpoints DROP COLUMN timeout;
ALTER TABLE endpoints DROP COLUMN headers;
ALTER TABLE endpoints DROP COLUMN expect;
ALTER TABLE endpoints DROP COLUMN max_in_flight;
ALTER TABLE endpoints DROP COLUMN rate_limit;
ALTER TABLE endpoints DROP COLUMN order_by;
ALTER TABLE endpoints DROP COLUMN allow_empty;
ALTER TABLE endpoints DROP COLUMN description;
