-- Settings of LMTP and of deliveries.

DROP TRIGGER settings_no_insert;
INSERT INTO settings (name, value) VALUES
  ('LmtpMaxConnections', '100'),
  ('LmtpSocketMode', '0660'),
  ('LmtpSocketGroup', ''),
  ('OverQuotaPermanent', '0');
CREATE TRIGGER settings_no_insert BEFORE INSERT ON settings
BEGIN
  SELECT CASE WHEN EXISTS (SELECT 1 FROM settings WHERE name = NEW.name)
    THEN RAISE(ABORT, 'settings.name: this setting exists; use UPDATE settings SET value = ... WHERE name = ...')
    ELSE RAISE(ABORT, 'settings.name: no such setting; SELECT name FROM settings lists all') END;
END;
CREATE TRIGGER settings_mail_in BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN ('LmtpMaxConnections', 'LmtpSocketMode', 'LmtpSocketGroup', 'OverQuotaPermanent')
BEGIN
  SELECT CASE OLD.name
    WHEN 'LmtpMaxConnections' THEN CASE WHEN n NOT BETWEEN 1 AND 2147483647
      THEN RAISE(ABORT, 'LmtpMaxConnections: 1 to 2147483647') END
    WHEN 'OverQuotaPermanent' THEN CASE WHEN n NOT BETWEEN 0 AND 1
      THEN RAISE(ABORT, 'OverQuotaPermanent: 0 or 1') END
    WHEN 'LmtpSocketMode' THEN CASE WHEN v NOT GLOB '[0-7][0-7][0-7]' AND v NOT GLOB '0[0-7][0-7][0-7]'
      THEN RAISE(ABORT, 'LmtpSocketMode: 0000 to 0777, octal') END
    WHEN 'LmtpSocketGroup' THEN CASE WHEN length(CAST(v AS BLOB)) > 255
      THEN RAISE(ABORT, 'LmtpSocketGroup: at most 255 octets') END
    END
  FROM (SELECT coalesce(CAST(NEW.value AS TEXT), '') AS v,
               CASE WHEN CAST(CAST(NEW.value AS INTEGER) AS TEXT) = NEW.value
                    THEN CAST(NEW.value AS INTEGER) ELSE -1 END AS n);
END;

-- Where the unique-ids of a mailbox with a new name start. A restored backup raises it: it cannot know
-- which names were in use after it was made.

ALTER TABLE counters ADD COLUMN first_uid INTEGER NOT NULL DEFAULT 1 CHECK (first_uid BETWEEN 1 AND 9007199254740991);
CREATE TRIGGER counters_first_uid BEFORE UPDATE OF first_uid ON counters WHEN NEW.first_uid < OLD.first_uid
BEGIN SELECT RAISE(ABORT, 'counters.first_uid: only grows'); END;
DROP TRIGGER mailboxes_added;
CREATE TRIGGER mailboxes_added AFTER INSERT ON mailboxes
BEGIN
  INSERT INTO usage (mailbox_id, next_uid)
    VALUES (NEW.id, max((SELECT first_uid FROM counters), coalesce((SELECT next_uid FROM retired WHERE name = NEW.name), 1)));
END;
