-- What laid a map out, so that new photos are placed on it and none of those that are there moves.

CREATE TABLE map_layouts (
    model TEXT NOT NULL, revision TEXT NOT NULL, preprocess_version TEXT NOT NULL,
    laid_out_at TIMESTAMP NOT NULL  -- places that are newer were found among the others
);
