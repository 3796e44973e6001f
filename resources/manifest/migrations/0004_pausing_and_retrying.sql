-- Work that a person put off, stopped or asked for again.

CREATE TABLE ingest_pause (paused_at TIMESTAMP NOT NULL);          -- one row while reading photos is paused, else none

-- jobs.state may be "paused" too: a pause cut the run short.
ALTER TABLE jobs ADD COLUMN request TEXT;                          -- JSON {"folders": [...], "config": {...}}; NULL: unknown
ALTER TABLE jobs ADD COLUMN retry_of TEXT;                         -- run_id of the run whose work this one does again
ALTER TABLE jobs ADD COLUMN cancel_asked_at TIMESTAMP;             -- the run sees it at its next step or flush
