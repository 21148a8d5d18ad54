-- Whether the case of a Kerberos principal's letters counts.

DROP TRIGGER settings_no_insert;
INSERT INTO settings (name, value) VALUES ('GssapiExactCase', '0');
CREATE TRIGGER settings_no_insert BEFORE INSERT ON settings
BEGIN
  SELECT CASE WHEN EXISTS (SELECT 1 FROM settings WHERE name = NEW.name)
    THEN RAISE(ABORT, 'settings.name: this setting exists; use UPDATE settings SET value = ... WHERE name = ...')
    ELSE RAISE(ABORT, 'settings.name: no such setting; SELECT name FROM settings lists all') END;
END;
CREATE TRIGGER settings_gssapi BEFORE UPDATE OF value ON settings
  WHEN OLD.name = 'GssapiExactCase' AND CAST(NEW.value AS TEXT) NOT IN ('0', '1')
BEGIN SELECT RAISE(ABORT, 'GssapiExactCase: 0 or 1'); END;
