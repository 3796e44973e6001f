-- What a person says of a photo through Loupe. It stands apart from what files say and models compute, outlives both,
-- and wins over both. Hiding is photos.hidden_at and, by content, hidden_content.

CREATE TABLE written_captions (photo_id TEXT NOT NULL, text TEXT NOT NULL, written_at TIMESTAMP NOT NULL);
CREATE TABLE given_ratings (
    photo_id TEXT NOT NULL,
    rating INTEGER,                   -- 0 to 5, -1 for rejected; NULL: no rating, whatever the file says
    given_at TIMESTAMP NOT NULL
);
-- Content that a person removed from the library: it does not come back under another name.
CREATE TABLE hidden_content (sha256 TEXT NOT NULL, photo_id TEXT NOT NULL, hidden_at TIMESTAMP NOT NULL);
