-- A date that does not go back, for all that age counts from: stored_at, deleted_at, not_before.
--
-- Mail that comes while the clock is a day back by mistake would be a day too old when that is mended, and
-- go early. So the latest date that was given holds, until the clock has passed it. If it lies more than 2 days
-- ahead, a clock was wildly wrong once: then the clock of now is believed, and the date set back.
-- (received_at, which people see, is what the clock says.)

-- The latest date that was given.
ALTER TABLE counters ADD COLUMN latest_at INTEGER NOT NULL DEFAULT 0;
-- 1 while the server deletes: it has given the date by its own clock. Never seen outside of its transaction.
ALTER TABLE counters ADD COLUMN date_given INTEGER NOT NULL DEFAULT 0 CHECK (date_given IN (0, 1));

DROP TRIGGER message_removed;
CREATE TRIGGER message_removed AFTER DELETE ON message
  WHEN EXISTS (SELECT 1 FROM usage WHERE mailbox_id = OLD.mailbox_id)
BEGIN
  UPDATE usage SET messages = messages - 1, bytes = bytes - max(1, (OLD.size + 4095) / 4096) * 4096, version = version + 1
   WHERE mailbox_id = OLD.mailbox_id;
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE date_given = 0 AND latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  INSERT INTO deleted (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, deleted_at)
    SELECT OLD.mailbox_id, OLD.uid, OLD.body_id, OLD.size, OLD.flags, OLD.read_at, OLD.unique_id, OLD.received_at,
           OLD.stored_at, OLD.sender, latest_at FROM counters;
END;

DROP TRIGGER recoverable_update;
CREATE TRIGGER recoverable_update INSTEAD OF UPDATE ON recoverable
BEGIN
  SELECT RAISE(ABORT, 'recoverable.deleted_at: only SET deleted_at = NULL, which brings the message back')
   WHERE NEW.deleted_at IS NOT NULL OR NEW.mailbox IS NOT OLD.mailbox OR NEW.uid IS NOT OLD.uid OR NEW.size IS NOT OLD.size
      OR NEW.received_at IS NOT OLD.received_at OR NEW.unique_id IS NOT OLD.unique_id OR NEW.sender IS NOT OLD.sender;
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  INSERT INTO message (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender)
    SELECT mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, (SELECT latest_at FROM counters), sender
      FROM deleted WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid;
  DELETE FROM deleted WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid;
END;

DROP TRIGGER mailboxes_removed;
CREATE TRIGGER mailboxes_removed AFTER DELETE ON mailboxes
BEGIN
  DELETE FROM retired WHERE name = OLD.name;
  INSERT INTO retired (name, next_uid) SELECT OLD.name, next_uid FROM usage WHERE mailbox_id = OLD.id;
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  -- An hour, because a RETR that has begun reads on, piece by piece.
  INSERT INTO purge (body_id, not_before)
    SELECT body_id, (SELECT latest_at + 3600 FROM counters) FROM message WHERE mailbox_id = OLD.id;
  INSERT INTO purge (body_id, not_before)
    SELECT body_id, (SELECT latest_at + 3600 FROM counters) FROM deleted WHERE mailbox_id = OLD.id;
  DELETE FROM usage     WHERE mailbox_id = OLD.id;  -- first: message_removed then leaves these alone
  DELETE FROM message   WHERE mailbox_id = OLD.id;
  DELETE FROM deleted   WHERE mailbox_id = OLD.id;
  DELETE FROM unshown   WHERE mailbox_id = OLD.id;
  DELETE FROM aliases   WHERE mailbox = OLD.name;
  DELETE FROM delegates WHERE principal = OLD.name;
END;
