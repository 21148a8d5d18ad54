-- No mailbox can be brought to the end of its numbers by one unique-id that somebody made up.

-- A decimal unique-id up to 2^52 is a number that uids could reach, and moves the next uid above it. Any other is plain
-- text. So an import leaves half of all numbers, and what new mail gets (up to 2^53 - 1) fits a double.
DROP TRIGGER message_check_unique_id;
DROP TRIGGER message_imported;
ALTER TABLE message DROP COLUMN number;
ALTER TABLE message ADD COLUMN number INTEGER GENERATED ALWAYS AS (
  CASE WHEN unique_id GLOB '[1-9]*' AND unique_id NOT GLOB '*[^0-9]*' AND length(unique_id) <= 16
            AND CAST(unique_id AS INTEGER) <= 4503599627370496 THEN CAST(unique_id AS INTEGER) END) VIRTUAL;

-- The quota is spelled out: through a view SQLite would compute it for every mailbox at every insert.
-- A row of deleted with the same uid and body is a message on its way back: it keeps its uid.
DROP TRIGGER message_check;
CREATE TRIGGER message_check BEFORE INSERT ON message
BEGIN
  SELECT RAISE(ABORT, 'message.mailbox_id: no such mailbox')
   WHERE NOT EXISTS (SELECT 1 FROM usage WHERE mailbox_id = NEW.mailbox_id);
  SELECT CASE
    WHEN NEW.uid > 9007199254740991 THEN RAISE(ABORT, 'out of unique-ids: the mailbox has given out all of its numbers')
    WHEN NEW.uid < u.next_uid AND NOT EXISTS (
           SELECT 1 FROM deleted d WHERE d.mailbox_id = NEW.mailbox_id AND d.uid = NEW.uid AND d.body_id = NEW.body_id)
      THEN RAISE(ABORT, 'message.uid: already given out')
    WHEN NEW.flags & 8 = 0
     AND coalesce(m.prohibit_send_receive_quota,
                  (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'ProhibitSendReceiveQuota'))
         BETWEEN 1 AND u.bytes + max(1, (NEW.size + 4095) / 4096) * 4096 - 1
      THEN RAISE(ABORT, 'over quota: the mailbox would exceed its ProhibitSendReceiveQuota')
    END
    FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id
   WHERE u.mailbox_id = NEW.mailbox_id;
END;
-- Numbers that no import moves past may have come as plain text.
CREATE TRIGGER message_check_uid BEFORE INSERT ON message WHEN NEW.unique_id IS NULL AND NEW.uid > 4503599627370496
BEGIN
  SELECT RAISE(ABORT, 'message.uid: another message of the mailbox came with it as its unique-id')
   WHERE EXISTS (SELECT 1 FROM message WHERE mailbox_id = NEW.mailbox_id AND unique_id = CAST(NEW.uid AS TEXT))
      OR EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = NEW.mailbox_id AND unique_id = CAST(NEW.uid AS TEXT))
      OR EXISTS (SELECT 1 FROM purged_id WHERE mailbox_id = NEW.mailbox_id AND unique_id = CAST(NEW.uid AS TEXT));
END;
-- n: what a uid could have been, whether it moves the next one or not.
CREATE TRIGGER message_check_unique_id BEFORE INSERT ON message WHEN NEW.unique_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'unique-id exists: a message of the mailbox has it')
   WHERE EXISTS (SELECT 1 FROM message WHERE mailbox_id = NEW.mailbox_id AND unique_id = NEW.unique_id);
  SELECT RAISE(ABORT, 'unique-id taken: it was given to another message of the mailbox')
    FROM (SELECT CASE WHEN NEW.unique_id GLOB '[1-9]*' AND NEW.unique_id NOT GLOB '*[^0-9]*' AND length(NEW.unique_id) <= 16
                      THEN CAST(NEW.unique_id AS INTEGER) END AS n)
   WHERE EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = NEW.mailbox_id AND unique_id = NEW.unique_id AND body_id <> NEW.body_id)
      OR (n < (SELECT next_uid FROM usage WHERE mailbox_id = NEW.mailbox_id)
          AND NOT EXISTS (SELECT 1 FROM unshown WHERE mailbox_id = NEW.mailbox_id AND last >= n
                             AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = NEW.mailbox_id AND first <= n))
          AND NOT EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = NEW.mailbox_id AND uid = NEW.uid));
END;
CREATE TRIGGER message_imported AFTER INSERT ON message
  WHEN NEW.unique_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = NEW.mailbox_id AND uid = NEW.uid)
BEGIN
  -- The number leaves the range of unshown ones that it came from. (Ranges are found by max(first):
  -- an import makes thousands of them.)
  INSERT INTO unshown (mailbox_id, first, last)
    SELECT mailbox_id, NEW.number + 1, last FROM unshown
     WHERE mailbox_id = NEW.mailbox_id AND last > NEW.number
       AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = NEW.mailbox_id AND first <= NEW.number);
  UPDATE unshown SET last = NEW.number - 1
   WHERE mailbox_id = NEW.mailbox_id AND last >= NEW.number
     AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = NEW.mailbox_id AND first < NEW.number);
  DELETE FROM unshown WHERE mailbox_id = NEW.mailbox_id AND first = NEW.number;
  -- The uid stays unshown, and so does everything from it up to the number.
  UPDATE unshown SET last = max(NEW.uid, coalesce(NEW.number, 0) - 1)
   WHERE mailbox_id = NEW.mailbox_id AND last = NEW.uid - 1 AND NEW.number IS NOT NEW.uid
     AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = NEW.mailbox_id);
  INSERT INTO unshown (mailbox_id, first, last)
    SELECT NEW.mailbox_id, NEW.uid, max(NEW.uid, coalesce(NEW.number, 0) - 1)
     WHERE NEW.number IS NOT NEW.uid
       AND coalesce((SELECT max(last) FROM unshown WHERE mailbox_id = NEW.mailbox_id
                        AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = NEW.mailbox_id)), 0) < NEW.uid;
  UPDATE usage SET messages = messages + 1, bytes = bytes + max(1, (NEW.size + 4095) / 4096) * 4096,
                   next_uid = max(next_uid, NEW.uid + 1, coalesce(NEW.number, 0) + 1)
   WHERE mailbox_id = NEW.mailbox_id;
END;
