-- Registrations by the minute, in the row of their hour that is written anyway: no row more and no statement more.
-- Subscript n is the nth minute of the hour, from 0. Minutes without registrations have no member or NULL, and so have those in which
-- older code counted, or a restore: the sum is never more than `registered`. NULL once they are older than minutes are kept.
ALTER TABLE enterprise_count ADD COLUMN minutes integer[];
