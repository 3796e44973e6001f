-- Searches that a person keeps, and what a list of collections shows.

CREATE TABLE saved_searches (
    name TEXT NOT NULL,
    request TEXT NOT NULL,            -- JSON: a search as the API takes it, without paging
    created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL,
    last_run_at TIMESTAMP,
    last_count BIGINT                 -- photos that the last run found: all that filters leave, of a ranking the relevant
);
ALTER TABLE collections ADD COLUMN last_searched_at TIMESTAMP;
ALTER TABLE collections ADD COLUMN cover_photo_id TEXT;            -- a person's choice; NULL: the best of it
