-- Deletion by age, warnings of a mailbox that fills up, who is on and who was.
--
-- The server does not look through all mailboxes to find those that need something: triggers keep two
-- short queues, each with an index on the moment that a row is due.

---- Deletion by age ------------------------------------------------------------------------------

-- Days that a mailbox keeps its messages, its own or inherited; 0: for ever.
CREATE VIEW mailbox_retention AS
  SELECT id AS mailbox_id, name,
         CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_read_days,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainReadDays')) END AS read_days,
         CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_unread_days,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainUnreadDays')) END AS unread_days
    FROM mailboxes;

-- When the reaper looks at a mailbox next. 0: now; -1: it is looking; 9007199254740991: nothing goes by age.
-- A delivery moves nothing here: who has just looked comes again before a message could get old.
CREATE TABLE reaping (
  mailbox_id INTEGER PRIMARY KEY,
  due_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX reaping_due_at ON reaping (due_at);
INSERT INTO reaping (mailbox_id) SELECT id FROM mailboxes;

CREATE TRIGGER reaping_mailbox_added AFTER INSERT ON mailboxes
BEGIN INSERT INTO reaping (mailbox_id) VALUES (NEW.id); END;
CREATE TRIGGER reaping_mailbox_removed AFTER DELETE ON mailboxes
BEGIN DELETE FROM reaping WHERE mailbox_id = OLD.id; END;
CREATE TRIGGER reaping_mailbox_changed AFTER UPDATE OF retain_read_days, retain_unread_days, retention_hold ON mailboxes
BEGIN UPDATE reaping SET due_at = 0 WHERE mailbox_id = NEW.id; END;
CREATE TRIGGER reaping_setting_changed AFTER UPDATE OF value ON settings
  WHEN OLD.name IN ('RetainReadDays', 'RetainUnreadDays') AND NEW.value IS NOT OLD.value
BEGIN UPDATE reaping SET due_at = 0 WHERE due_at <> 0; END;

-- Reading a message may bring its end forward, behind the back of a reaper that is looking.
CREATE TRIGGER reaping_message_read AFTER UPDATE OF read_at ON message WHEN (NEW.read_at IS NULL) <> (OLD.read_at IS NULL)
BEGIN
  UPDATE reaping
     SET due_at = NEW.stored_at + 86400 * (
           SELECT CASE WHEN NEW.read_at IS NULL THEN unread_days ELSE read_days END
             FROM mailbox_retention WHERE mailbox_id = NEW.mailbox_id)
   WHERE mailbox_id = NEW.mailbox_id AND due_at NOT IN (0, 9007199254740991)
     AND EXISTS (
           SELECT 1 FROM (SELECT CASE WHEN NEW.read_at IS NULL THEN unread_days ELSE read_days END AS days
                            FROM mailbox_retention WHERE mailbox_id = NEW.mailbox_id)
            WHERE days > 0 AND (reaping.due_at = -1 OR reaping.due_at > NEW.stored_at + 86400 * days));
END;

---- Warnings -------------------------------------------------------------------------------------

-- The mailboxes whose usage is at or over their IssueWarningQuota, and when they are warned next.
CREATE TABLE overfull (
  mailbox_id INTEGER PRIMARY KEY,
  due_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX overfull_due_at ON overfull (due_at);
INSERT INTO overfull (mailbox_id)
  SELECT u.mailbox_id FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id
   WHERE coalesce(m.issue_warning_quota, (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota'))
         BETWEEN 1 AND u.bytes;

CREATE TRIGGER overfull_usage_grown AFTER UPDATE OF bytes ON usage WHEN NEW.bytes > OLD.bytes
BEGIN
  INSERT INTO overfull (mailbox_id)
    SELECT m.id FROM mailboxes m
     WHERE m.id = NEW.mailbox_id
       AND coalesce(m.issue_warning_quota, (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota'))
           BETWEEN 1 AND NEW.bytes
       AND NOT EXISTS (SELECT 1 FROM overfull WHERE mailbox_id = NEW.mailbox_id);
END;
-- Who falls below and crosses anew is warned anew.
CREATE TRIGGER overfull_usage_shrunk AFTER UPDATE OF bytes ON usage
  WHEN NEW.bytes < OLD.bytes AND EXISTS (SELECT 1 FROM overfull WHERE mailbox_id = NEW.mailbox_id)
BEGIN
  DELETE FROM overfull
   WHERE mailbox_id = NEW.mailbox_id
     AND coalesce((SELECT issue_warning_quota FROM mailboxes WHERE id = NEW.mailbox_id),
                  (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota'))
         NOT BETWEEN 1 AND NEW.bytes;
END;
CREATE TRIGGER overfull_quota_changed AFTER UPDATE OF issue_warning_quota ON mailboxes
BEGIN
  DELETE FROM overfull
   WHERE mailbox_id = NEW.id
     AND coalesce(NEW.issue_warning_quota, (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota'))
         NOT BETWEEN 1 AND (SELECT bytes FROM usage WHERE mailbox_id = NEW.id);
  INSERT INTO overfull (mailbox_id)
    SELECT NEW.id
     WHERE coalesce(NEW.issue_warning_quota, (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota'))
           BETWEEN 1 AND (SELECT bytes FROM usage WHERE mailbox_id = NEW.id)
       AND NOT EXISTS (SELECT 1 FROM overfull WHERE mailbox_id = NEW.id);
END;
CREATE TRIGGER overfull_setting_changed AFTER UPDATE OF value ON settings
  WHEN OLD.name = 'IssueWarningQuota' AND NEW.value IS NOT OLD.value
BEGIN
  DELETE FROM overfull
   WHERE mailbox_id IN (
     SELECT u.mailbox_id FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id
      WHERE coalesce(m.issue_warning_quota, CAST(NEW.value AS INTEGER)) NOT BETWEEN 1 AND u.bytes);
  INSERT INTO overfull (mailbox_id)
    SELECT u.mailbox_id FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id
     WHERE coalesce(m.issue_warning_quota, CAST(NEW.value AS INTEGER)) BETWEEN 1 AND u.bytes
       AND NOT EXISTS (SELECT 1 FROM overfull o WHERE o.mailbox_id = u.mailbox_id);
END;
CREATE TRIGGER overfull_mailbox_removed AFTER DELETE ON mailboxes
BEGIN DELETE FROM overfull WHERE mailbox_id = OLD.id; END;

---- Who is on, and who was -----------------------------------------------------------------------

-- The server's own: emptied when it starts, written at most once a second.
CREATE TABLE session (
  id        INTEGER PRIMARY KEY,
  name      TEXT NOT NULL,
  principal TEXT NOT NULL,
  address   TEXT NOT NULL,
  tls       INTEGER NOT NULL,
  since     INTEGER NOT NULL
) STRICT;

-- One row for a user, an address and a mechanism, so that a client that polls pushes nobody out.
CREATE TABLE recent_login (
  name      TEXT NOT NULL,
  address   TEXT NOT NULL,
  mechanism TEXT NOT NULL,
  at        INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  PRIMARY KEY (name, address, mechanism)
) STRICT, WITHOUT ROWID;
CREATE INDEX recent_login_at ON recent_login (at);
CREATE TRIGGER recent_login_user_removed AFTER DELETE ON users
BEGIN DELETE FROM recent_login WHERE name = OLD.name; END;

CREATE VIEW sessions AS
  SELECT name, principal, address, tls, strftime('%Y-%m-%dT%H:%M:%SZ', since, 'unixepoch') AS since
    FROM session ORDER BY session.since, id;
-- at: the last of count logins.
CREATE VIEW recent_logins AS
  SELECT name, address, mechanism, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at, count
    FROM recent_login ORDER BY recent_login.at DESC;
