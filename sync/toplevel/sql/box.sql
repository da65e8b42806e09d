-- name: put_account
INSERT INTO account (app_id, prefix, user, client, password_digest) VALUES (:app_id, :prefix, :user, :client, :password_digest)
ON CONFLICT (app_id) DO UPDATE SET prefix = excluded.prefix, user = excluded.user, client = excluded.client,
    password_digest = excluded.password_digest

-- name: put_key
INSERT INTO signing_key (app_id, keyid, algorithm, public) VALUES (:app_id, :keyid, :algorithm, :public)
ON CONFLICT (app_id, keyid) DO UPDATE SET algorithm = excluded.algorithm, public = excluded.public

-- name: account
SELECT app_id, prefix, user, client, password_digest, enabled FROM account WHERE app_id = :app_id

-- name: account_of_client
SELECT app_id, prefix, user, client, password_digest, enabled FROM account WHERE client = :client

-- name: accounts
SELECT app_id, prefix, user, client, enabled FROM account ORDER BY app_id LIMIT 100

-- name: enable_account
UPDATE account SET enabled = :enabled WHERE app_id = :app_id

-- name: key
SELECT keyid, algorithm, public FROM signing_key WHERE app_id = :app_id AND keyid = :keyid

-- name: enterprise_of_code
SELECT id, app_id, name, content, pending, pending_trids FROM enterprise WHERE credit_code = :credit_code

-- name: enterprise
SELECT id, app_id, name, content, pending, pending_trids FROM enterprise WHERE id = :id

-- name: create_enterprise
INSERT INTO enterprise (app_id, credit_code, name, content) VALUES (:app_id, :credit_code, :name, :content) RETURNING id

-- name: change_enterprise
UPDATE enterprise SET credit_code = :credit_code, name = :name, content = :content, pending = NULL, pending_trids = NULL
WHERE id = :id

-- name: hold_change
UPDATE enterprise SET pending = :pending, pending_trids = :trids WHERE id = :id

-- name: enterprises_in_audit
SELECT id, app_id, name, pending, pending_trids FROM enterprise WHERE pending IS NOT NULL ORDER BY id LIMIT 100

-- name: prefix
SELECT prefix, shown, app_id, enterprise, state, cl_trid, sv_trid, created_at, audit_at, note FROM prefix WHERE prefix = :prefix

-- name: put_prefix
INSERT INTO prefix (prefix, shown, app_id, enterprise, state, cl_trid, sv_trid, created_at, audit_at)
VALUES (:prefix, :shown, :app_id, :enterprise, :state, :cl_trid, :sv_trid, :created_at, :audit_at)
ON CONFLICT (prefix) DO UPDATE SET shown = excluded.shown, app_id = excluded.app_id, enterprise = excluded.enterprise,
    state = excluded.state, cl_trid = excluded.cl_trid, sv_trid = excluded.sv_trid, created_at = excluded.created_at,
    audit_at = excluded.audit_at, note = ''

-- name: move_prefix
UPDATE prefix SET state = :state, note = :note, audit_at = NULL WHERE prefix = :prefix

-- name: due_for_audit
SELECT prefix, shown FROM prefix WHERE audit_at <= :now ORDER BY audit_at LIMIT 200

-- name: newest_prefixes
SELECT p.prefix, p.shown, p.app_id, p.enterprise, e.name, p.state, p.cl_trid, p.sv_trid, p.created_at, p.note
FROM prefix p JOIN enterprise e ON e.id = p.enterprise ORDER BY p.created_at DESC, p.prefix LIMIT :most

-- name: identifier
SELECT name, app_id, content FROM identifier WHERE name = :name

-- name: put_identifier
INSERT INTO identifier (name, app_id, content) VALUES (:name, :app_id, :content)
ON CONFLICT (name) DO UPDATE SET content = excluded.content

-- name: queue_message
INSERT INTO message (app_id, queued_at, namespace, text, content) VALUES (:app_id, :queued_at, :namespace, :text, :content)

-- name: waiting_messages
SELECT id, queued_at, namespace, text, content FROM message WHERE app_id = :app_id AND acknowledged = 0 ORDER BY id LIMIT :most

-- name: count_waiting
SELECT count(*) FROM message WHERE app_id = :app_id AND acknowledged = 0

-- name: acknowledge
UPDATE message SET acknowledged = 1 WHERE id = :id AND app_id = :app_id AND acknowledged = 0

-- name: reply
SELECT digest, document FROM reply WHERE app_id = :app_id AND cl_trid = :cl_trid

-- name: keep_reply
INSERT INTO reply (app_id, cl_trid, digest, document) VALUES (:app_id, :cl_trid, :digest, :document)

-- name: see_nonce
INSERT INTO nonce (keyid, nonce, seen_at) VALUES (:keyid, :nonce, :now) ON CONFLICT DO NOTHING

-- name: forget_nonces
DELETE FROM nonce WHERE seen_at < :before

-- name: write_log
INSERT INTO command_log (at, app_id, cl_trid, sv_trid, verb, about, code)
VALUES (:at, :app_id, :cl_trid, :sv_trid, :verb, :about, :code)

-- name: newest_log
SELECT at, app_id, cl_trid, sv_trid, verb, about, code FROM command_log ORDER BY id DESC LIMIT :most

-- name: next_log
SELECT coalesce(max(id), 0) + 1 FROM command_log

-- name: fact
SELECT content FROM fact WHERE name = :name

-- name: put_fact
INSERT INTO fact (name, content) VALUES (:name, :content) ON CONFLICT (name) DO UPDATE SET content = excluded.content
