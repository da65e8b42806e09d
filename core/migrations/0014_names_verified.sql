-- Names found however they are written, and whether an enterprise was verified (deploy/decisions/0017).

-- NFKC and case folded away, by the fullest rules that this server has: "C" alone knows ASCII only.
DO $$
DECLARE
    rules text := coalesce((SELECT collname FROM pg_collation WHERE collname IN ('pg_c_utf8', 'und-x-icu', 'C.utf8')
                            ORDER BY array_position(ARRAY['und-x-icu', 'pg_c_utf8', 'C.utf8'], collname::text) LIMIT 1), 'C');
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION folded_name(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN normalize(lower(upper(normalize(name, NFKC) COLLATE %1$I) COLLATE %1$I), NFKC) COLLATE "C"$f$, rules);
END $$;
CREATE INDEX enterprise_folded_name ON enterprise (folded_name(name) COLLATE "C", id);

-- A verified enterprise is one whose application was approved and is active.
CREATE OR REPLACE VIEW held_prefix AS
SELECT p.prefix, p.shown, p.enterprise_id, e.name AS enterprise_name, p.suffix_case_sensitive, p.suspended, p.state,
       p.suspended_reason, p.answering, p.parent, p.hosting, p.site::text AS site, p.created_at, p.changed_xid, p.leases,
       EXISTS (SELECT FROM application a WHERE a.enterprise_id = p.enterprise_id AND a.state = 'active') AS verified
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id;
