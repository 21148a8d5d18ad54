-- Who is shut out, and who tries to get in.
ALTER TABLE users ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1));

-- Replacing a text or an old hash by a hash puts the generation back, in the same transaction.
CREATE TRIGGER users_password_revoked AFTER UPDATE OF password ON users WHEN NEW.password IS NOT OLD.password
BEGIN
  UPDATE users SET generation = generation + 1 WHERE id = OLD.id;
  UPDATE counters SET revoked = revoked + 1;
END;

CREATE TRIGGER users_disabled AFTER UPDATE OF pop_enabled ON users WHEN NEW.pop_enabled IS NOT OLD.pop_enabled
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER users_revoked AFTER DELETE ON users
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER mailboxes_moved AFTER UPDATE OF site ON mailboxes WHEN NEW.site IS NOT OLD.site
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER mailboxes_revoked AFTER DELETE ON mailboxes
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER delegates_withdrawn AFTER DELETE ON delegates
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER delegates_changed AFTER UPDATE ON delegates
BEGIN UPDATE counters SET revoked = revoked + 1; END;

DROP VIEW sessions;
CREATE VIEW sessions AS
  SELECT name, principal, address, tls, strftime('%Y-%m-%dT%H:%M:%SZ', since, 'unixepoch') AS since
    FROM session WHERE NOT ended ORDER BY session.since, id;

-- All sessions that look the same: nobody can have meant only one of them.
CREATE TRIGGER sessions_delete INSTEAD OF DELETE ON sessions
BEGIN
  UPDATE session SET ended = 1
   WHERE name = OLD.name AND principal = OLD.principal AND address = OLD.address AND tls = OLD.tls
     AND strftime('%Y-%m-%dT%H:%M:%SZ', since, 'unixepoch') = OLD.since;
  UPDATE counters SET revoked = revoked + 1;
END;

CREATE TABLE recent_failure (
  name      TEXT NOT NULL,
  address   TEXT NOT NULL,
  mechanism TEXT NOT NULL,
  at        INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  PRIMARY KEY (name, address, mechanism)
) STRICT, WITHOUT ROWID;

CREATE INDEX recent_failure_at ON recent_failure (at);

CREATE VIEW recent_failures AS
  SELECT name, address, mechanism, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS last_at, count
    FROM recent_failure ORDER BY recent_failure.at DESC;
