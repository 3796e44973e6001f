-- What a photo says beyond the camera's own facts, photos that are pages of one file, and photos that belong together.

-- Of one file of several pages every page is a photo. document_id is the photo_id of its first page, and of a plain
-- photo its own: files.photo_id = photos.document_id.
ALTER TABLE photos ADD COLUMN document_id TEXT;
UPDATE photos SET document_id = photo_id;
ALTER TABLE photos ADD COLUMN page INTEGER DEFAULT 1;              -- from 1
ALTER TABLE photos ADD COLUMN pages INTEGER DEFAULT 1;             -- of the whole file
ALTER TABLE photos ADD COLUMN color_label TEXT;                    -- as the editor wrote it
ALTER TABLE photos ADD COLUMN people TEXT[];
ALTER TABLE photos ADD COLUMN country_code TEXT;                   -- ISO 3166-1 alpha-2
ALTER TABLE photos ADD COLUMN country TEXT;
ALTER TABLE photos ADD COLUMN region TEXT;
ALTER TABLE photos ADD COLUMN city TEXT;
ALTER TABLE photos ADD COLUMN place_source TEXT;                   -- file (somebody wrote it) | gps (looked up)
ALTER TABLE photos ADD COLUMN burst_id TEXT;                       -- what the camera calls the burst
ALTER TABLE photos ADD COLUMN motion BOOLEAN;                      -- the file carries a short video behind the picture
ALTER TABLE photos ADD COLUMN stack_due BOOLEAN DEFAULT true;      -- not yet compared with its neighbours

ALTER TABLE previews ADD COLUMN page INTEGER DEFAULT 1;
ALTER TABLE previews ADD COLUMN perceptual_hash UBIGINT;           -- difference hash of the picture, 8 x 8 bits
ALTER TABLE previews ADD COLUMN metadata TEXT;                     -- JSON: what the bytes alone say

-- Of the sidecar beside a file: what was read last, and what it said.
ALTER TABLE files ADD COLUMN sidecar_read TEXT;                    -- name:mtime_ns:size, NULL when none was read
ALTER TABLE files ADD COLUMN sidecar_metadata TEXT;                -- JSON
ALTER TABLE files ADD COLUMN sidecar_size BIGINT;
ALTER TABLE files ADD COLUMN motion_of TEXT;                       -- photo_id: this video is a Live Photo's motion

ALTER TABLE failures ADD COLUMN page INTEGER DEFAULT 1;            -- of a model's failure: the page it failed on

CREATE TABLE stacks (
    stack_id TEXT NOT NULL,
    photo_id TEXT NOT NULL,           -- a photo stands in one stack at most
    kind TEXT NOT NULL,               -- raw_jpeg | edit | burst
    is_cover BOOLEAN NOT NULL,
    position INTEGER NOT NULL         -- from 0, the cover first
);

-- By what restacking finds a file's neighbours without reading its folder. NULL: not compared yet; of a file that is
-- gone: that was taken notice of. The folder fills the high bits, so that a folder's keys lie close together.
ALTER TABLE files ADD COLUMN stack_key UBIGINT;                    -- folder and name, without what an editor adds
ALTER TABLE files ADD COLUMN shot_key UBIGINT;                     -- folder, camera and size; second of the capture

-- A person's word: photos of one choice that stand in different parts never come together.
CREATE TABLE stack_separations (
    choice_id TEXT NOT NULL,
    photo_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    decided_at TIMESTAMP NOT NULL
);
CREATE TABLE stack_covers (photo_id TEXT NOT NULL, decided_at TIMESTAMP NOT NULL);
