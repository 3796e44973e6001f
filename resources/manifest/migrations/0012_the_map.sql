-- Each drawing of the similarity map has a name of its own, and groups of photos that lie together on it have labels.

ALTER TABLE projections ADD COLUMN cluster INTEGER;   -- NULL: in no group
CREATE TABLE map_generations (model TEXT NOT NULL, generation TEXT NOT NULL, made_at TIMESTAMP NOT NULL);
CREATE TABLE map_clusters (
    model TEXT NOT NULL, cluster INTEGER NOT NULL,
    photos BIGINT NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL,  -- where it is densest
    label TEXT,                        -- NULL: nothing is said of its photos
    terms TEXT[] NOT NULL              -- what sets it apart, best first
);
-- A map that was drawn before has no groups until it is drawn again.
INSERT INTO map_generations SELECT model, left(md5(model || max(created_at)), 16), max(created_at)
    FROM projections GROUP BY model;
