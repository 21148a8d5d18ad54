-- Settings of OAUTHBEARER and XOAUTH2.

DROP TRIGGER settings_no_insert;
INSERT INTO settings (name, value) VALUES
  ('OAuthKeyFile', ''),
  ('OAuthIssuer', ''),
  ('OAuthAudience', ''),
  ('OAuthUserClaim', 'sub');
CREATE TRIGGER settings_no_insert BEFORE INSERT ON settings
BEGIN
  SELECT CASE WHEN EXISTS (SELECT 1 FROM settings WHERE name = NEW.name)
    THEN RAISE(ABORT, 'settings.name: this setting exists; use UPDATE settings SET value = ... WHERE name = ...')
    ELSE RAISE(ABORT, 'settings.name: no such setting; SELECT name FROM settings lists all') END;
END;
CREATE TRIGGER settings_oauth BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN ('OAuthIssuer', 'OAuthAudience', 'OAuthUserClaim')
BEGIN
  SELECT CASE OLD.name
    WHEN 'OAuthIssuer' THEN CASE WHEN length(v) > 255
      THEN RAISE(ABORT, 'OAuthIssuer: at most 255 characters') END
    WHEN 'OAuthAudience' THEN CASE WHEN length(v) > 255
      THEN RAISE(ABORT, 'OAuthAudience: at most 255 characters') END
    WHEN 'OAuthUserClaim' THEN CASE WHEN length(v) NOT BETWEEN 1 AND 255
      THEN RAISE(ABORT, 'OAuthUserClaim: 1 to 255 characters') END
    END
  FROM (SELECT coalesce(CAST(NEW.value AS TEXT), '') AS v);
END;
