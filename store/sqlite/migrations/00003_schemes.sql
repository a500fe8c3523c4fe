-- +goose Up
CREATE TABLE schemes (
    revision    INTEGER PRIMARY KEY, -- in the order of commits; no row is ever changed or deleted
    name        TEXT NOT NULL UNIQUE,
    declaration TEXT NOT NULL, -- JSON
    created_at  INTEGER NOT NULL
) STRICT;
