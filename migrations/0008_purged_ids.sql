-- Unique-ids that imported messages came with, once these are purged: clients have seen them, so none is
-- given to another message. (Numbers need no memory: unshown has those that may still come.)
CREATE TABLE purged_id (
  mailbox_id INTEGER NOT NULL,
  unique_id  TEXT NOT NULL,
  PRIMARY KEY (mailbox_id, unique_id)
) STRICT, WITHOUT ROWID;

-- Not when a mailbox goes (then usage has gone before), nor when a message is brought back (then it lives).
CREATE TRIGGER deleted_purged AFTER DELETE ON deleted
  WHEN OLD.unique_id IS NOT NULL
   AND NOT (OLD.unique_id GLOB '[1-9]*' AND OLD.unique_id NOT GLOB '*[^0-9]*' AND length(OLD.unique_id) <= 15)
   AND EXISTS (SELECT 1 FROM usage WHERE mailbox_id = OLD.mailbox_id)
   AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox_id = OLD.mailbox_id AND uid = OLD.uid)
BEGIN INSERT OR IGNORE INTO purged_id (mailbox_id, unique_id) VALUES (OLD.mailbox_id, OLD.unique_id); END;

CREATE TRIGGER message_check_purged_id BEFORE INSERT ON message WHEN NEW.unique_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'unique-id taken: it was given to another message of the mailbox')
   WHERE EXISTS (SELECT 1 FROM purged_id WHERE mailbox_id = NEW.mailbox_id AND unique_id = NEW.unique_id);
END;

CREATE TRIGGER purged_id_mailbox_removed AFTER DELETE ON mailboxes
BEGIN DELETE FROM purged_id WHERE mailbox_id = OLD.id; END;
