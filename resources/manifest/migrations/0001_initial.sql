-- Facts about files, photos and results. No PRIMARY KEY or UNIQUE on the big tables: every flush would rewrite
-- megabytes of index blocks; the writer anti-joins inside its transaction and an asset check proves uniqueness.
-- Timestamps are UTC, except photos.taken_at, which is the wall clock of the place where the photo was taken.

CREATE TABLE roots (
    root_id TEXT NOT NULL,
    path TEXT NOT NULL,               -- absolute; undecodable bytes escaped as in resources/folders.py
    added_at TIMESTAMP NOT NULL,
    state TEXT NOT NULL,              -- online | offline | vanished (a mass-vanish waits for a person's word)
    partition_depth INTEGER NOT NULL  -- folders deeper than this are rolled up into the partition at this depth
);

CREATE TABLE files (
    root_id TEXT NOT NULL,
    rel_path TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    sha256 TEXT,                      -- of the bytes at this size and mtime; NULL until read
    photo_id TEXT,                    -- kept when the bytes change: an editor's save is the same photo
    sidecar TEXT,                     -- relative path of the .xmp beside it
    sidecar_mtime_ns BIGINT,
    skip_reason TEXT,                 -- why this file is not taken in, NULL when it is
    first_seen_at TIMESTAMP NOT NULL,
    missing_since TIMESTAMP
);

CREATE TABLE photos (
    photo_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,             -- current content
    created_at TIMESTAMP NOT NULL,
    format TEXT, mime TEXT, width INTEGER, height INTEGER, size_bytes BIGINT, file_name TEXT,
    taken_at TIMESTAMP, taken_at_offset_min INTEGER, taken_at_source TEXT,
    camera_make TEXT, camera_model TEXT, lens TEXT,
    focal_length_mm DOUBLE, focal_length_35mm DOUBLE, f_number DOUBLE, exposure_s DOUBLE, exposure_bias_ev DOUBLE,
    iso INTEGER, flash_fired BOOLEAN,
    gps_lat DOUBLE, gps_lon DOUBLE, gps_alt_m DOUBLE,
    orientation INTEGER, rating INTEGER, title TEXT, description TEXT, keywords TEXT[],
    decode_rung TEXT, warnings TEXT[],
    hidden_at TIMESTAMP
);

CREATE TABLE previews (
    sha256 TEXT NOT NULL,
    pixel_hash TEXT NOT NULL,         -- of the decoded preview pixels; names the preview and thumbnail files
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    decoder_version TEXT NOT NULL,
    rung TEXT NOT NULL,
    warnings TEXT[],
    decoded_at TIMESTAMP NOT NULL
);

-- What is done, by model. The vectors themselves stand in vectors-<model>.duckdb.
CREATE TABLE embeddings (
    pixel_hash TEXT NOT NULL,
    sha256 TEXT NOT NULL,             -- the bytes it was first computed from
    model TEXT NOT NULL, revision TEXT NOT NULL, preprocess_version TEXT NOT NULL,
    dim INTEGER NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE captions (
    pixel_hash TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    model TEXT NOT NULL, revision TEXT NOT NULL, preprocess_version TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE failures (
    root_id TEXT NOT NULL, rel_path TEXT NOT NULL, partition_key TEXT NOT NULL,
    sha256 TEXT, size_bytes BIGINT, mtime_ns BIGINT,
    stage TEXT NOT NULL,              -- decoded_images | embeddings | captions
    code TEXT NOT NULL, message TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    decoder_version TEXT NOT NULL,    -- of what failed; of a model: name@revision/preprocessing
    first_at TIMESTAMP NOT NULL, last_at TIMESTAMP NOT NULL
);

CREATE TABLE models (
    name TEXT NOT NULL, revision TEXT NOT NULL, preprocess_version TEXT NOT NULL,
    kind TEXT NOT NULL,               -- clip | captioner
    dim INTEGER,
    in_use BOOLEAN NOT NULL,
    added_at TIMESTAMP NOT NULL
);

CREATE TABLE jobs (
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,               -- the Dagster job's name
    state TEXT NOT NULL,              -- queued | running | done | failed | cancelled
    target TEXT,
    created_at TIMESTAMP NOT NULL, started_at TIMESTAMP, updated_at TIMESTAMP, ended_at TIMESTAMP,
    stages TEXT NOT NULL,             -- JSON {stage: {"done": n, "total": n}}
    photos_per_s DOUBLE, eta_s DOUBLE,
    error_code TEXT, error_message TEXT
);

CREATE TABLE folder_signatures (
    partition_key TEXT NOT NULL,
    root_id TEXT NOT NULL, rel_path TEXT NOT NULL,
    signature TEXT NOT NULL,          -- directory mtimes and entry counts, as last seen
    full_signature TEXT,              -- file sizes and mtimes, as last inventoried
    inventoried_signature TEXT,       -- the signature at the last inventory
    stable_ticks INTEGER NOT NULL,
    full_checked_at TIMESTAMP
);

CREATE SEQUENCE index_outbox_seq;
CREATE TABLE index_outbox (
    seq BIGINT NOT NULL DEFAULT nextval('index_outbox_seq'),
    photo_id TEXT NOT NULL,
    change TEXT NOT NULL,
    committed_at TIMESTAMP NOT NULL
);

CREATE TABLE projections (
    model TEXT NOT NULL,
    photo_id TEXT NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE tags (photo_id TEXT NOT NULL, tag TEXT NOT NULL, created_at TIMESTAMP NOT NULL);
CREATE TABLE collections (
    collection_id TEXT NOT NULL, name TEXT NOT NULL, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL
);
CREATE TABLE collection_photos (collection_id TEXT NOT NULL, photo_id TEXT NOT NULL, added_at TIMESTAMP NOT NULL);
