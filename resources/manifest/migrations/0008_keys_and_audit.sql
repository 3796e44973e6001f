-- Who may use the API, and who changed what through it.

-- One row for an API key, a browser that is signed in (session), or a sign-in link that nobody has used yet (link).
CREATE TABLE api_keys (
    key_id TEXT NOT NULL,             -- the part of the key that is no secret
    secret_sha256 TEXT NOT NULL,      -- of the part that is; 256 random bits
    name TEXT NOT NULL,
    kind TEXT NOT NULL,               -- key | session | link
    scopes TEXT NOT NULL,             -- some of read,write,admin
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    last_used_at TIMESTAMP            -- to the minute
);

CREATE SEQUENCE audit_log_seq;
CREATE TABLE audit_log (
    seq BIGINT NOT NULL DEFAULT nextval('audit_log_seq'),
    happened_at TIMESTAMP NOT NULL,
    who TEXT NOT NULL,                -- name of a key or session | this machine | command line
    address TEXT,                     -- of the client; NULL for the command line
    action TEXT NOT NULL,             -- a route ("POST /collections") or a command ("loupe hide")
    target TEXT,                      -- what of the path or the arguments names its object
    affected BIGINT,                  -- photos, files or rows it changed, where it says so
    status INTEGER NOT NULL,          -- of the reply, or exit status
    request_id TEXT,
    run_id TEXT                       -- of the run it started
);
