-- The SNMS door (deploy/decisions/0007): application identities, the keys that sign their tokens, what its templates say.

-- A template that is retired still resolves and still explains its identifiers; none is registered with it any more.
ALTER TABLE template ADD COLUMN retired boolean NOT NULL DEFAULT false;
ALTER TABLE template ADD COLUMN facts jsonb;  -- industry (GB/T 4754), type and description, as SNMS callers gave them

-- Who logs in at the SNMS door. The old protocol makes the node know SHA-256 of the password: a credential, never shown.
CREATE TABLE app_identity (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text COLLATE "C" NOT NULL UNIQUE, -- canonical identifier, as in 88.118.8/APP_MES
    shown text NOT NULL,                     -- as first given
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    key integer NOT NULL REFERENCES api_key, -- who acts, in history and audit; revoking it ends the identity
    password_digest bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz
);
CREATE INDEX app_identity_key ON app_identity (key);

-- One a day, made by whichever worker first needs it. Old ones verify until their last token has expired; then they are emptied.
CREATE TABLE snms_signing_key (
    day date PRIMARY KEY,
    secret bytea NOT NULL
);
