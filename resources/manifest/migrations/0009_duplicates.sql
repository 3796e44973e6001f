-- Photos that show the same: what was compared, what was found, and a person's word about it. Pictures are compared,
-- named by the hash of their pixels; groups are of photos.

CREATE TABLE picture_pairs (
    picture TEXT NOT NULL, other TEXT NOT NULL,   -- pixel hashes, picture < other
    made_by TEXT NOT NULL,                        -- the comparison, or model@revision/preprocessing
    score REAL NOT NULL                           -- 1 is equal; of a model: the cosine
);
CREATE TABLE compared_pictures (pixel_hash TEXT NOT NULL, made_by TEXT NOT NULL);
CREATE TABLE similarity_thresholds (
    made_by TEXT NOT NULL, threshold REAL NOT NULL, pictures INTEGER NOT NULL, measured_at TIMESTAMP NOT NULL
);
CREATE TABLE picture_sharpness (pixel_hash TEXT NOT NULL, sharpness REAL NOT NULL);

CREATE TABLE duplicate_groups (
    group_id TEXT NOT NULL,
    tier TEXT NOT NULL,               -- same_bytes | same_pixels | same_picture | raw_jpeg | burst | similar
    photo_id TEXT NOT NULL,
    position INTEGER NOT NULL,        -- from 0, the best first
    reasons TEXT[],                   -- why the first is the best
    score REAL                        -- how alike this one is to the first
);

-- A person's word: these two are no duplicates. Equal ids: the copies of this photo are meant.
CREATE TABLE not_duplicates (photo_a TEXT NOT NULL, photo_b TEXT NOT NULL, decided_at TIMESTAMP NOT NULL);
