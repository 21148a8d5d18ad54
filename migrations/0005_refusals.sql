-- NULL and blobs are refused with a message that names column or setting and range too.

DROP TRIGGER settings_names;
CREATE TRIGGER settings_names BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN ('Domains', 'GssapiRealms') AND NEW.value IS NOT ''
BEGIN
  SELECT CASE OLD.name
    WHEN 'Domains' THEN RAISE(ABORT, 'Domains: mail domains, comma separated, no space, @, / or \')
    ELSE RAISE(ABORT, 'GssapiRealms: realms, comma separated, no space, @, / or \') END
   WHERE typeof(NEW.value) <> 'text' OR EXISTS (SELECT 1 FROM json_each('[' || replace(json_quote(CAST(NEW.value AS TEXT)), ',', '","') || ']') AS item
                  WHERE length(trim(item.value)) NOT BETWEEN 1 AND 255 OR trim(item.value) GLOB '*[@/\ ]*');
END;

DROP TRIGGER settings_bindings;
CREATE TRIGGER settings_bindings BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN ('UnencryptedOrTLSBindings', 'SSLBindings', 'LmtpBindings') AND NEW.value IS NOT ''
BEGIN
  SELECT CASE OLD.name
    WHEN 'LmtpBindings'
      THEN RAISE(ABORT, 'LmtpBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, or /absolute/path, comma separated')
    WHEN 'SSLBindings'
      THEN RAISE(ABORT, 'SSLBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated')
    ELSE RAISE(ABORT, 'UnencryptedOrTLSBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated') END
   WHERE typeof(NEW.value) <> 'text' OR EXISTS (
     SELECT 1 FROM (
       SELECT v, substr(v, length(head) + 1) AS port, substr(head, 1, length(head) - 1) AS host, substr(head, -1) AS colon
         FROM (SELECT trim(item.value) AS v, rtrim(trim(item.value), '0123456789') AS head
                 FROM json_each('[' || replace(json_quote(CAST(NEW.value AS TEXT)), ',', '","') || ']') AS item))
      WHERE NOT (OLD.name = 'LmtpBindings' AND v GLOB '/?*' AND length(CAST(v AS BLOB)) <= 107)
        AND NOT (colon = ':' AND length(port) BETWEEN 1 AND 5 AND CAST(port AS INTEGER) <= 65535 AND (
              (host GLOB '[[]*:*]' AND substr(host, 2, length(host) - 2) NOT GLOB '*[^0-9A-Fa-f:.]*' AND host NOT GLOB '*:::*')
           OR ((SELECT count(*) FROM json_each('[' || replace(json_quote(host), '.', '","') || ']') AS o
                 WHERE CAST(CAST(o.value AS INTEGER) AS TEXT) = o.value AND CAST(o.value AS INTEGER) BETWEEN 0 AND 255) = 4
               AND length(host) - length(replace(host, '.', '')) = 3))));
END;

DROP TRIGGER settings_networks;
CREATE TRIGGER settings_networks BEFORE UPDATE OF value ON settings
  WHEN OLD.name = 'TrustedNetworks' AND NEW.value IS NOT ''
BEGIN
  SELECT RAISE(ABORT, 'TrustedNetworks: CIDR blocks such as 10.0.0.0/8 or fd00::/8, comma separated')
   WHERE typeof(NEW.value) <> 'text' OR EXISTS (
     SELECT 1 FROM (
       SELECT CASE slash WHEN 0 THEN v ELSE substr(v, 1, slash - 1) END AS host,
              CASE WHEN slash THEN substr(v, slash + 1) WHEN v GLOB '*:*' THEN '128' ELSE '32' END AS bits
         FROM (SELECT trim(item.value) AS v, instr(trim(item.value), '/') AS slash FROM json_each('[' || replace(json_quote(CAST(NEW.value AS TEXT)), ',', '","') || ']') AS item))
      WHERE NOT (CAST(CAST(bits AS INTEGER) AS TEXT) = bits AND (
              (host GLOB '*:*' AND host NOT GLOB '*[^0-9A-Fa-f:.]*' AND host NOT GLOB '*:::*'
               AND CAST(bits AS INTEGER) BETWEEN 0 AND 128)
           OR (CAST(bits AS INTEGER) BETWEEN 0 AND 32
               AND (SELECT count(*) FROM json_each('[' || replace(json_quote(host), '.', '","') || ']') AS o
                     WHERE CAST(CAST(o.value AS INTEGER) AS TEXT) = o.value AND CAST(o.value AS INTEGER) BETWEEN 0 AND 255) = 4
               AND length(host) - length(replace(host, '.', '')) = 3))));
END;

CREATE TRIGGER settings_not_null BEFORE UPDATE OF value ON settings
  WHEN NEW.value IS NULL AND OLD.name IN (
    'CertificateFile', 'PrivateKeyFile', 'GssapiKeytab', 'LogFileLocation', 'LmtpSocketGroup', 'OAuthKeyFile', 'OAuthIssuer',
    'OAuthAudience', 'OAuthUserClaim', 'RecipientDelimiter', 'Site')
BEGIN SELECT RAISE(ABORT, 'settings.value: text of at most 4096 characters without control characters'); END;

CREATE TRIGGER users_not_null_insert BEFORE INSERT ON users
  WHEN NEW.name IS NULL OR NEW.pop_enabled IS NULL OR NEW.ntlm IS NULL
BEGIN
  SELECT RAISE(ABORT, 'users.name: 1 to 255 characters, no space, control, / or \, at most one @') WHERE NEW.name IS NULL;
  SELECT RAISE(ABORT, 'users.pop_enabled: 0 or 1') WHERE NEW.pop_enabled IS NULL;
  SELECT RAISE(ABORT, 'users.ntlm: 0 or 1') WHERE NEW.ntlm IS NULL;
END;

CREATE TRIGGER users_not_null_update BEFORE UPDATE OF name, pop_enabled, ntlm ON users
  WHEN NEW.name IS NULL OR NEW.pop_enabled IS NULL OR NEW.ntlm IS NULL
BEGIN
  SELECT RAISE(ABORT, 'users.name: 1 to 255 characters, no space, control, / or \, at most one @') WHERE NEW.name IS NULL;
  SELECT RAISE(ABORT, 'users.pop_enabled: 0 or 1') WHERE NEW.pop_enabled IS NULL;
  SELECT RAISE(ABORT, 'users.ntlm: 0 or 1') WHERE NEW.ntlm IS NULL;
END;

CREATE TRIGGER mailboxes_not_null_insert BEFORE INSERT ON mailboxes
  WHEN NEW.name IS NULL OR NEW.retention_hold IS NULL
BEGIN
  SELECT RAISE(ABORT, 'mailboxes.name: 1 to 255 characters, no space, control, / or \, at most one @') WHERE NEW.name IS NULL;
  SELECT RAISE(ABORT, 'mailboxes.retention_hold: 0 or 1') WHERE NEW.retention_hold IS NULL;
END;

CREATE TRIGGER mailboxes_not_null_update BEFORE UPDATE OF name, retention_hold ON mailboxes
  WHEN NEW.name IS NULL OR NEW.retention_hold IS NULL
BEGIN
  SELECT RAISE(ABORT, 'mailboxes.name: 1 to 255 characters, no space, control, / or \, at most one @') WHERE NEW.name IS NULL;
  SELECT RAISE(ABORT, 'mailboxes.retention_hold: 0 or 1') WHERE NEW.retention_hold IS NULL;
END;

CREATE TRIGGER aliases_not_null_insert BEFORE INSERT ON aliases
  WHEN NEW.address IS NULL
BEGIN
  SELECT RAISE(ABORT, 'aliases.address: 1 to 255 characters, no space or control, at most one @') WHERE NEW.address IS NULL;
END;

CREATE TRIGGER aliases_not_null_update BEFORE UPDATE OF address ON aliases
  WHEN NEW.address IS NULL
BEGIN
  SELECT RAISE(ABORT, 'aliases.address: 1 to 255 characters, no space or control, at most one @') WHERE NEW.address IS NULL;
END;
