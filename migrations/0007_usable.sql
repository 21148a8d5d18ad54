-- What the program cannot read or use is refused: text that is not UTF-8, addresses that are none, hashes that no
-- password could be compared with, passwords that no client could send.
--
-- An INSERT into one of the views must_be_... is a call: it stores nothing, but fails if the value is not what
-- the view's name says. It runs for names, passwords and settings only, never for mail.

---- UTF-8 ----------------------------------------------------------------------------------------

-- What is not UTF-8 (a stray octet, an overlong form, a surrogate) SQLite decodes to another character than it
-- would encode so. (U+FFFE and U+FFFF it does not decode, but they are well-formed.)
CREATE VIEW must_be_utf8 (place, value) AS SELECT NULL, NULL WHERE 0;
CREATE TRIGGER must_be_utf8_called INSTEAD OF INSERT ON must_be_utf8
  WHEN NEW.value GLOB '*[^' || char(1) || '-' || char(127) || ']*'
BEGIN
  SELECT CASE NEW.place
    WHEN 'users.name' THEN RAISE(ABORT, 'users.name: must be UTF-8')
    WHEN 'users.password' THEN RAISE(ABORT, 'users.password: must be UTF-8')
    WHEN 'mailboxes.name' THEN RAISE(ABORT, 'mailboxes.name: must be UTF-8')
    WHEN 'mailboxes.site' THEN RAISE(ABORT, 'mailboxes.site: must be UTF-8')
    WHEN 'aliases.address' THEN RAISE(ABORT, 'aliases.address: must be UTF-8')
    WHEN 'Domains' THEN RAISE(ABORT, 'Domains: must be UTF-8')
    WHEN 'GssapiRealms' THEN RAISE(ABORT, 'GssapiRealms: must be UTF-8')
    WHEN 'LmtpBindings' THEN RAISE(ABORT, 'LmtpBindings: must be UTF-8')
    WHEN 'Site' THEN RAISE(ABORT, 'Site: must be UTF-8')
    WHEN 'LmtpSocketGroup' THEN RAISE(ABORT, 'LmtpSocketGroup: must be UTF-8')
    WHEN 'OAuthIssuer' THEN RAISE(ABORT, 'OAuthIssuer: must be UTF-8')
    WHEN 'OAuthAudience' THEN RAISE(ABORT, 'OAuthAudience: must be UTF-8')
    WHEN 'OAuthUserClaim' THEN RAISE(ABORT, 'OAuthUserClaim: must be UTF-8')
    WHEN 'CertificateFile' THEN RAISE(ABORT, 'CertificateFile: must be UTF-8')
    WHEN 'PrivateKeyFile' THEN RAISE(ABORT, 'PrivateKeyFile: must be UTF-8')
    WHEN 'GssapiKeytab' THEN RAISE(ABORT, 'GssapiKeytab: must be UTF-8')
    WHEN 'OAuthKeyFile' THEN RAISE(ABORT, 'OAuthKeyFile: must be UTF-8')
    WHEN 'LogFileLocation' THEN RAISE(ABORT, 'LogFileLocation: must be UTF-8')
    END
   WHERE EXISTS (
     WITH RECURSIVE walk (i, c) AS (
       SELECT 1, substr(NEW.value, 1, 1)
       UNION ALL SELECT i + 1, substr(NEW.value, i + 1, 1) FROM walk WHERE c <> '')
     SELECT 1 FROM walk
      WHERE c <> '' AND CAST(c AS BLOB) <> CAST(char(unicode(c)) AS BLOB) AND CAST(c AS BLOB) NOT IN (x'EFBFBE', x'EFBFBF'));
END;

CREATE TRIGGER users_name_text_insert BEFORE INSERT ON users
BEGIN INSERT INTO must_be_utf8 VALUES ('users.name', NEW.name); END;
CREATE TRIGGER users_name_text_update BEFORE UPDATE OF name ON users
BEGIN INSERT INTO must_be_utf8 VALUES ('users.name', NEW.name); END;
CREATE TRIGGER mailboxes_text_insert BEFORE INSERT ON mailboxes
BEGIN
  INSERT INTO must_be_utf8 VALUES ('mailboxes.name', NEW.name), ('mailboxes.site', NEW.site);
  SELECT RAISE(ABORT, 'mailboxes.site: at most 255 characters without control characters, or NULL')
   WHERE instr(NEW.site, char(0)) OR NEW.site GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*';
END;
-- A row from before this rule can be mended column by column.
CREATE TRIGGER mailboxes_text_update BEFORE UPDATE OF name, site ON mailboxes
BEGIN
  INSERT INTO must_be_utf8
    SELECT 'mailboxes.name', NEW.name WHERE NEW.name IS NOT OLD.name
    UNION ALL SELECT 'mailboxes.site', NEW.site WHERE NEW.site IS NOT OLD.site;
  SELECT RAISE(ABORT, 'mailboxes.site: at most 255 characters without control characters, or NULL')
   WHERE NEW.site IS NOT OLD.site
     AND (instr(NEW.site, char(0)) OR NEW.site GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*');
END;
CREATE TRIGGER aliases_text_insert BEFORE INSERT ON aliases
BEGIN INSERT INTO must_be_utf8 VALUES ('aliases.address', NEW.address); END;
CREATE TRIGGER aliases_text_update BEFORE UPDATE OF address ON aliases
BEGIN INSERT INTO must_be_utf8 VALUES ('aliases.address', NEW.address); END;

---- Passwords ------------------------------------------------------------------------------------

-- What the tables' CHECKs take for a hash must be one that the program computes; its costs are bounded there.
CREATE VIEW must_be_password (value) AS SELECT NULL WHERE 0;
CREATE TRIGGER must_be_password_plain INSTEAD OF INSERT ON must_be_password
  WHEN NEW.value NOT GLOB '$argon2*' AND NEW.value NOT GLOB '$2b$*' AND NEW.value NOT GLOB '$6$*'
   AND NEW.value NOT GLOB '{[0-9A-Za-z._-]*}*'
BEGIN
  SELECT RAISE(ABORT, 'users.password: plain text of 1 to 255 octets, as clients cannot send more')
   WHERE length(CAST(NEW.value AS BLOB)) > 255;
  INSERT INTO must_be_utf8 VALUES ('users.password', NEW.value);
END;
CREATE TRIGGER must_be_password_argon2 INSTEAD OF INSERT ON must_be_password
  WHEN NEW.value GLOB '$argon2*' OR NEW.value GLOB '{[0-9A-Za-z._-]*}$argon2*'
BEGIN
  SELECT RAISE(ABORT, 'users.password: a well-formed $argon2 hash, with or without its {SCHEME}: v=16 or v=19, m=8*p to 65536, t=1 to 10, p=1 to 4, salt of 8 to 48 octets, hash of 12 to 64, both in base64 without padding')
   WHERE NOT EXISTS (
     SELECT 1 FROM (
       SELECT version, salt, hash, substr(json_extract(params, '$[0]'), 3) AS m, substr(json_extract(params, '$[1]'), 3) AS t,
              substr(json_extract(params, '$[2]'), 3) AS p
         FROM (SELECT json_extract(fields, '$[2]') AS version, json_extract(fields, '$[4]') AS salt, json_extract(fields, '$[5]') AS hash,
                      '[' || replace(json_quote(json_extract(fields, '$[3]')), ',', '","') || ']' AS params
                 FROM (SELECT '[' || replace(json_quote(substr(NEW.value, instr(NEW.value, '$'))), '$', '","') || ']' AS fields)
                WHERE json_array_length(fields) = 6)
        WHERE json_array_length(params) = 3 AND json_extract(params, '$[0]') GLOB 'm=*'
          AND json_extract(params, '$[1]') GLOB 't=*' AND json_extract(params, '$[2]') GLOB 'p=*')
      WHERE version IN ('v=16', 'v=19')
        AND CAST(CAST(m AS INTEGER) AS TEXT) = m AND CAST(CAST(t AS INTEGER) AS TEXT) = t AND CAST(CAST(p AS INTEGER) AS TEXT) = p
        AND CAST(p AS INTEGER) BETWEEN 1 AND 4 AND CAST(t AS INTEGER) BETWEEN 1 AND 10
        AND CAST(m AS INTEGER) BETWEEN 8 * CAST(p AS INTEGER) AND 65536
        AND length(salt) BETWEEN 11 AND 64 AND length(hash) BETWEEN 16 AND 86
        AND salt NOT GLOB '*[^0-9A-Za-z+/]*' AND hash NOT GLOB '*[^0-9A-Za-z+/]*'
        -- The bits that the last character has too many are 0.
        AND CASE length(salt) % 4 WHEN 0 THEN 1 WHEN 2 THEN salt GLOB '*[AQgw]' WHEN 3 THEN salt GLOB '*[AEIMQUYcgkosw048]' ELSE 0 END
        AND CASE length(hash) % 4 WHEN 0 THEN 1 WHEN 2 THEN hash GLOB '*[AQgw]' WHEN 3 THEN hash GLOB '*[AEIMQUYcgkosw048]' ELSE 0 END);
END;
CREATE TRIGGER must_be_password_bcrypt INSTEAD OF INSERT ON must_be_password
  WHEN NEW.value GLOB '$2b$*' OR NEW.value GLOB '{[0-9A-Za-z._-]*}$2[aby]$*'
BEGIN
  SELECT RAISE(ABORT, 'users.password: a well-formed $2b$ hash, with or without its {SCHEME}: cost 04 to 14, then 53 characters of ./A-Za-z0-9')
    FROM (SELECT substr(NEW.value, instr(NEW.value, '$') + 4) AS rest)
   WHERE NOT (length(rest) = 56 AND substr(rest, 3, 1) = '$' AND (rest GLOB '0[4-9]*' OR rest GLOB '1[0-4]*')
              AND substr(rest, 4) NOT GLOB '*[^0-9A-Za-z./]*'
              -- The bits that the last characters of salt and hash have too many are 0.
              AND substr(rest, 25, 1) GLOB '[.Oeu]' AND rest GLOB '*[.CGKOSWaeimquy26]');
END;
CREATE TRIGGER must_be_password_sha512 INSTEAD OF INSERT ON must_be_password
  WHEN NEW.value GLOB '$6$*' OR NEW.value GLOB '{[0-9A-Za-z._-]*}$6$*'
BEGIN
  SELECT RAISE(ABORT, 'users.password: a well-formed $6$ hash, with or without its {SCHEME}: rounds=1000 to 1000000 or none, a salt of 1 to 16 characters, then 86 of ./A-Za-z0-9')
   WHERE NOT EXISTS (
     SELECT 1 FROM (
       SELECT CASE WHEN json_extract(fields, '$[0]') GLOB 'rounds=*' THEN substr(json_extract(fields, '$[0]'), 8) END AS rounds,
              json_extract(fields, '$[' || (number - 2) || ']') AS salt, json_extract(fields, '$[' || (number - 1) || ']') AS hash, number
         FROM (SELECT fields, max(2, json_array_length(fields)) AS number
                 FROM (SELECT '[' || replace(json_quote(substr(NEW.value, instr(NEW.value, '$') + 3)), '$', '","') || ']' AS fields)))
      WHERE CASE WHEN rounds IS NULL THEN number = 2
                 ELSE number = 3 AND CAST(CAST(rounds AS INTEGER) AS TEXT) = rounds AND CAST(rounds AS INTEGER) BETWEEN 1000 AND 1000000 END
        AND length(salt) BETWEEN 1 AND 16 AND length(hash) = 86 AND salt || hash NOT GLOB '*[^0-9A-Za-z./]*'
        AND hash GLOB '*[./01]');
END;

CREATE TRIGGER users_password_usable_insert BEFORE INSERT ON users WHEN typeof(NEW.password) = 'text'
BEGIN INSERT INTO must_be_password VALUES (NEW.password); END;
CREATE TRIGGER users_password_usable_update BEFORE UPDATE OF password ON users WHEN typeof(NEW.password) = 'text'
BEGIN INSERT INTO must_be_password VALUES (NEW.password); END;

---- Addresses ------------------------------------------------------------------------------------

-- address: IPv4 or IPv6 (RFC 4291 section 2.2), and bits: the length of its prefix, NULL where it has none.
-- Both become eight groups: 10.0.0.1 is tried as ::10.0.0.1, IPv4 at the end stands for two groups.
CREATE VIEW must_be_address (setting, address, bits) AS SELECT NULL, NULL, NULL WHERE 0;
CREATE TRIGGER must_be_address_called INSTEAD OF INSERT ON must_be_address
BEGIN
  SELECT CASE NEW.setting
    WHEN 'TrustedNetworks' THEN RAISE(ABORT, 'TrustedNetworks: CIDR blocks such as 10.0.0.0/8 or fd00::/8, comma separated')
    WHEN 'LmtpBindings'
      THEN RAISE(ABORT, 'LmtpBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, or /absolute/path of at most 107 octets, comma separated')
    WHEN 'SSLBindings'
      THEN RAISE(ABORT, 'SSLBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated')
    ELSE RAISE(ABORT, 'UnencryptedOrTLSBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated') END
   WHERE NOT EXISTS (
     SELECT 1 FROM (
       SELECT (SELECT count(*) FROM json_each(groups) AS g
                WHERE length(g.value) BETWEEN 1 AND 4 AND g.value NOT GLOB '*[^0-9A-Fa-f]*') AS good,
              json_array_length(groups) AS number,
              -- ::ffff:10.0.0.0/104 is 10.0.0.0/8: no block of IPv4 is larger than all of it.
              (SELECT count(*) FROM json_each(groups) AS g
                WHERE (g.key < 5 AND ltrim(g.value, '0') = '') OR (g.key = 5 AND lower(g.value) = 'ffff')) = 6 AS mapped
         FROM (
           SELECT '[' || replace(json_quote(CASE
                    WHEN written NOT GLOB '*::*' THEN written
                    ELSE trim(replace(written, '::', ':' || substr('0:0:0:0:0:0:0:0', 1, 15 - 2 * given) || ':'), ':')
                  END), ':', '","') || ']' AS groups
             FROM (SELECT written, CASE short WHEN '' THEN 0 ELSE 1 + length(short) - length(replace(short, ':', '')) END AS given
                     FROM (SELECT written, trim(replace(written, '::', ':'), ':') AS short
                             FROM (SELECT CASE quad WHEN '' THEN head ELSE head || '0:0' END AS written, head, quad
                                     FROM (SELECT CASE WHEN whole GLOB '*.*' THEN rtrim(whole, '0123456789.') ELSE whole END AS head,
                                                  CASE WHEN whole GLOB '*.*' THEN substr(whole, length(rtrim(whole, '0123456789.')) + 1) ELSE '' END AS quad
                                             FROM (SELECT CASE WHEN NEW.address GLOB '*:*' THEN NEW.address
                                                               WHEN NEW.address GLOB '*.*' THEN '::' || NEW.address ELSE '' END AS whole)))
                            WHERE quad = '' OR (
                                  head GLOB '*:' AND length(quad) - length(replace(quad, '.', '')) = 3
                              AND (SELECT count(*) FROM json_each('[' || replace(json_quote(quad), '.', '","') || ']') AS o
                                    WHERE CAST(CAST(o.value AS INTEGER) AS TEXT) = o.value AND CAST(o.value AS INTEGER) BETWEEN 0 AND 255) = 4)))
            WHERE written NOT GLOB '*[^0-9A-Fa-f:]*' AND written NOT GLOB '*:::*'
              AND written NOT GLOB ':[^:]*' AND written NOT GLOB '*[^:]:'
              AND (given < 8 OR written NOT GLOB '*::*')))
      WHERE good = 8 AND number = 8
        AND (NEW.bits IS NULL
          OR NEW.bits BETWEEN CASE WHEN mapped THEN 96 ELSE 0 END AND CASE WHEN NEW.address GLOB '*:*' THEN 128 ELSE 32 END));
END;

-- What has no ADDRESS:PORT is tried as the address '', which is none.
DROP TRIGGER settings_bindings;
CREATE TRIGGER settings_bindings BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN ('UnencryptedOrTLSBindings', 'SSLBindings', 'LmtpBindings') AND NEW.value IS NOT ''
BEGIN
  INSERT INTO must_be_address (setting, address, bits)
    SELECT OLD.name, CASE
             WHEN port = '' OR length(ltrim(port, '0')) > 5 OR CAST(port AS INTEGER) > 65535 OR front NOT GLOB '?*:' THEN ''
             WHEN host NOT GLOB '*:*' THEN host
             WHEN host NOT GLOB '[[]*]' THEN ''
             WHEN host NOT GLOB '*[%]*' THEN substr(host, 2, length(host) - 2)
             -- [fe80::1%2]: the number of an interface.
             WHEN scope NOT GLOB '[0-9]*' OR scope GLOB '*[^0-9]*' OR length(ltrim(scope, '0')) > 10 OR CAST(scope AS INTEGER) > 4294967295 THEN ''
             ELSE substr(host, 2, instr(host, '%') - 2) END,
           NULL
      FROM (
        SELECT item, front, port, host, substr(host, instr(host, '%') + 1, length(host) - instr(host, '%') - 1) AS scope
          FROM (SELECT item, front, substr(item, length(front) + 1) AS port, substr(front, 1, length(front) - 1) AS host
                  FROM (SELECT trim(e.value) AS item, rtrim(trim(e.value), '0123456789') AS front
                          FROM json_each('[' || replace(json_quote(
                                 CASE WHEN typeof(NEW.value) = 'text' AND instr(NEW.value, char(0)) = 0 THEN NEW.value ELSE '-' END), ',', '","') || ']') AS e)))
     WHERE NOT (OLD.name = 'LmtpBindings' AND item GLOB '/?*' AND length(CAST(item AS BLOB)) <= 107
                AND item NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*');
  INSERT INTO must_be_utf8 SELECT OLD.name, NEW.value WHERE OLD.name = 'LmtpBindings';
END;

DROP TRIGGER settings_networks;
CREATE TRIGGER settings_networks BEFORE UPDATE OF value ON settings
  WHEN OLD.name = 'TrustedNetworks' AND NEW.value IS NOT ''
BEGIN
  INSERT INTO must_be_address (setting, address, bits)
    SELECT OLD.name, CASE slash WHEN 0 THEN item ELSE substr(item, 1, slash - 1) END,
           CASE WHEN slash = 0 THEN NULL
                WHEN CAST(CAST(substr(item, slash + 1) AS INTEGER) AS TEXT) = substr(item, slash + 1) THEN CAST(substr(item, slash + 1) AS INTEGER)
                ELSE -1 END
      FROM (SELECT trim(e.value) AS item, instr(trim(e.value), '/') AS slash
              FROM json_each('[' || replace(json_quote(
                     CASE WHEN typeof(NEW.value) = 'text' AND instr(NEW.value, char(0)) = 0 THEN NEW.value ELSE '-' END), ',', '","') || ']') AS e);
END;

---- Other settings -------------------------------------------------------------------------------

-- char(1), where a value is no text at all: nothing takes it.
DROP TRIGGER settings_words;
CREATE TRIGGER settings_words BEFORE UPDATE OF value ON settings
BEGIN
  SELECT CASE OLD.name
    WHEN 'LoginType' THEN CASE WHEN v NOT IN ('PlainTextLogin', 'PlainTextAuthentication', 'SecureLogin')
      THEN RAISE(ABORT, 'LoginType: PlainTextLogin, PlainTextAuthentication or SecureLogin') END
    WHEN 'ExtendedProtectionPolicy' THEN CASE WHEN v NOT IN ('None', 'Allow', 'Require')
      THEN RAISE(ABORT, 'ExtendedProtectionPolicy: None, Allow or Require') END
    WHEN 'MessageRetrievalSortOrder' THEN CASE WHEN v NOT IN ('Ascending', 'Descending')
      THEN RAISE(ABORT, 'MessageRetrievalSortOrder: Ascending or Descending') END
    WHEN 'LogFileRollOverSettings' THEN CASE WHEN v NOT IN ('Hourly', 'Daily', 'Weekly', 'Monthly')
      THEN RAISE(ABORT, 'LogFileRollOverSettings: Hourly, Daily, Weekly or Monthly') END
    WHEN 'Banner' THEN CASE WHEN length(v) NOT BETWEEN 1 AND 400 OR v GLOB '*[^ -~]*' OR v GLOB '*[<>]*' OR v GLOB '[[]*'
      THEN RAISE(ABORT, 'Banner: 1 to 400 printable ASCII characters, no < or >, not starting with [') END
    WHEN 'RecipientDelimiter' THEN CASE WHEN length(v) > 16 OR v GLOB '*[^!-~]*' OR v GLOB '*[0-9A-Za-z@/\]*'
      THEN RAISE(ABORT, 'RecipientDelimiter: at most 16 ASCII punctuation characters, no @, / or \') END
    WHEN 'LmtpSocketMode' THEN CASE WHEN v NOT GLOB '[0-7][0-7][0-7]' AND v NOT GLOB '0[0-7][0-7][0-7]'
      THEN RAISE(ABORT, 'LmtpSocketMode: 0000 to 0777, octal') END
    END
  FROM (SELECT CASE WHEN typeof(NEW.value) = 'text' AND instr(NEW.value, char(0)) = 0 THEN NEW.value ELSE char(1) END AS v);
END;

DROP TRIGGER settings_names;
CREATE TRIGGER settings_names BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN ('Domains', 'GssapiRealms') AND NEW.value IS NOT ''
BEGIN
  SELECT CASE OLD.name
    WHEN 'Domains' THEN RAISE(ABORT, 'Domains: mail domains, comma separated, no space, control, @, / or \')
    ELSE RAISE(ABORT, 'GssapiRealms: realms, comma separated, no space, control, @, / or \') END
   WHERE typeof(NEW.value) <> 'text' OR instr(NEW.value, char(0)) OR EXISTS (
     SELECT 1 FROM json_each('[' || replace(json_quote(CAST(NEW.value AS TEXT)), ',', '","') || ']') AS e
      WHERE length(trim(e.value)) NOT BETWEEN 1 AND 255 OR trim(e.value) GLOB '*[@/\' || char(1) || '-' || char(32) || char(127) || '-'
            || char(160, 5760, 8192) || '-' || char(8202, 8232, 8233, 8239, 8287, 12288) || ']*');
  INSERT INTO must_be_utf8 VALUES (OLD.name, NEW.value);
END;

DROP TRIGGER settings_mail_in;
CREATE TRIGGER settings_mail_in BEFORE UPDATE OF value ON settings WHEN OLD.name IN ('LmtpMaxConnections', 'OverQuotaPermanent')
BEGIN
  SELECT CASE OLD.name
    WHEN 'LmtpMaxConnections' THEN CASE WHEN n NOT BETWEEN 1 AND 2147483647
      THEN RAISE(ABORT, 'LmtpMaxConnections: 1 to 2147483647') END
    WHEN 'OverQuotaPermanent' THEN CASE WHEN n NOT BETWEEN 0 AND 1
      THEN RAISE(ABORT, 'OverQuotaPermanent: 0 or 1') END
    END
  FROM (SELECT CASE WHEN CAST(CAST(NEW.value AS INTEGER) AS TEXT) = NEW.value
                    THEN CAST(NEW.value AS INTEGER) ELSE -1 END AS n);
END;

DROP TRIGGER settings_oauth;
DROP TRIGGER settings_not_null;
CREATE TRIGGER settings_texts BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN (
    'Site', 'LmtpSocketGroup', 'OAuthIssuer', 'OAuthAudience', 'OAuthUserClaim', 'CertificateFile', 'PrivateKeyFile', 'GssapiKeytab',
    'OAuthKeyFile', 'LogFileLocation')
BEGIN
  SELECT CASE OLD.name
    WHEN 'Site' THEN RAISE(ABORT, 'Site: at most 255 characters without control characters')
    WHEN 'LmtpSocketGroup' THEN RAISE(ABORT, 'LmtpSocketGroup: at most 255 characters without control characters')
    WHEN 'OAuthIssuer' THEN RAISE(ABORT, 'OAuthIssuer: at most 255 characters without control characters')
    WHEN 'OAuthAudience' THEN RAISE(ABORT, 'OAuthAudience: at most 255 characters without control characters')
    WHEN 'OAuthUserClaim' THEN RAISE(ABORT, 'OAuthUserClaim: 1 to 255 characters without control characters')
    WHEN 'CertificateFile' THEN RAISE(ABORT, 'CertificateFile: a path of at most 4095 octets without control characters')
    WHEN 'PrivateKeyFile' THEN RAISE(ABORT, 'PrivateKeyFile: a path of at most 4095 octets without control characters')
    WHEN 'GssapiKeytab' THEN RAISE(ABORT, 'GssapiKeytab: a path of at most 4095 octets without control characters')
    WHEN 'OAuthKeyFile' THEN RAISE(ABORT, 'OAuthKeyFile: a path of at most 4095 octets without control characters')
    WHEN 'LogFileLocation' THEN RAISE(ABORT, 'LogFileLocation: a path of at most 4095 octets without control characters')
    END
   WHERE typeof(NEW.value) <> 'text' OR instr(NEW.value, char(0))
      OR NEW.value GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'
      OR CASE WHEN OLD.name = 'OAuthUserClaim' THEN length(NEW.value) NOT BETWEEN 1 AND 255
              WHEN OLD.name IN ('Site', 'LmtpSocketGroup', 'OAuthIssuer', 'OAuthAudience') THEN length(NEW.value) > 255
              ELSE length(CAST(NEW.value AS BLOB)) > 4095 END;
  INSERT INTO must_be_utf8 VALUES (OLD.name, NEW.value);
END;
