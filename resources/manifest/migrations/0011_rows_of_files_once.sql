-- Watched folders that were moved under another name left a partition of their old name behind, and new files came in
-- twice by it. Of such rows the one stays that is there and was read. What has no watched folder any more goes.

DELETE FROM files WHERE rowid IN (
    SELECT rowid FROM files QUALIFY row_number() OVER (
        PARTITION BY root_id, rel_path
        ORDER BY missing_since NULLS FIRST, photo_id NULLS LAST, sha256 NULLS LAST, first_seen_at, rowid
    ) > 1
);
DELETE FROM files WHERE root_id NOT IN (SELECT root_id FROM roots);
DELETE FROM failures WHERE root_id NOT IN (SELECT root_id FROM roots);
DELETE FROM folder_signatures WHERE root_id NOT IN (SELECT root_id FROM roots);

-- Documents that no file says anything of any more, not even that it is missing, and since when that is known.
CREATE TABLE documents_without_files (document_id TEXT NOT NULL, since TIMESTAMP NOT NULL);
