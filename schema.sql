-- The schema of a Pillarbox database: every table, view and rule, in the order in which a reader wants them.
--
-- Until release 1.0 this file is the first migration too (migrations/sqlite/0100_initial.sql is a link to it), so it is
-- edited in place. With 1.0 the link becomes a copy that never changes again, and each later change is made twice:
-- here, and as a migration that is appended (CONTRIBUTING.md). A test compares the two.
--
-- Administrators write to the database with the sqlite3 shell, also while the server runs. So the schema keeps its
-- rules itself:
--
-- * It uses nothing newer than SQLite 3.37, and no function or collation of ours.
-- * PRAGMA foreign_keys is off in the shell, so every rule is a CHECK or a trigger.
-- * SQLite prints the name of a CHECK that fails, so the names are the messages. A column that such a CHECK keeps from
--   being NULL is not NOT NULL as well, because that message does not say what is allowed.
-- * INSERT OR REPLACE skips delete triggers, so tables with dependants refuse it.
-- * An INSERT into one of the views must_be_... is a call: it stores nothing, but fails if the value is not what the
--   view's name says.
-- * `make generate` writes what stands between "generated" and "end of generated", from src/settings/table.rs.
--
-- Times are seconds since 1970 UTC, sizes are octets. "Storage size" is whole pages of 4,096 octets.

PRAGMA application_id = 1348628344;  -- "Pbox"
PRAGMA user_version = 100;           -- 1 to 99 were made by versions before the first release


---- Settings ----------------------------------------------------------------------------------------------------

-- What an administrator may set, one row each. docs/settings.md says what each does.
CREATE TABLE settings (
  name  TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
  value TEXT  -- never NULL: each setting has a trigger below that knows its range
) WITHOUT ROWID;

-- generated: defaults (make generate)
INSERT INTO settings (name, value) VALUES
  ('UnencryptedOrTLSBindings', '0.0.0.0:110,[::]:110'),
  ('SSLBindings', '0.0.0.0:995,[::]:995'),
  ('LmtpBindings', ''),
  ('LmtpMaxConnections', '100'),
  ('LmtpSocketMode', '0660'),
  ('LmtpSocketGroup', ''),
  ('OverQuotaPermanent', '0'),
  ('Banner', 'The Pillarbox POP3 service is ready.'),
  ('MaxCommandSize', '512'),
  ('AuthenticatedConnectionTimeout', '1800'),
  ('PreAuthenticatedConnectionTimeout', '60'),
  ('MaxConnections', '2000'),
  ('MaxConnectionFromSingleIP', '256'),
  ('MaxConnectionsPerUser', '16'),
  ('MaxSessionTime', '86400'),
  ('MaxLoginDelay', '5'),
  ('LoginType', 'SecureLogin'),
  ('EnableExactRFC822Size', '0'),
  ('EnableGSSAPIAndNTLMAuth', '1'),
  ('ExtendedProtectionPolicy', 'None'),
  ('MessageRetrievalSortOrder', 'Ascending'),
  ('CertificateFile', ''),
  ('PrivateKeyFile', ''),
  ('Domains', ''),
  ('IssueWarningQuota', '2039480320'),
  ('ProhibitSendReceiveQuota', '2469396480'),
  ('Site', ''),
  ('TrustedNetworks', ''),
  ('ScramIterations', '32768'),
  ('GssapiKeytab', ''),
  ('GssapiExactCase', '0'),
  ('GssapiRealms', ''),
  ('OAuthKeyFile', ''),
  ('OAuthIssuer', ''),
  ('OAuthAudience', ''),
  ('OAuthUserClaim', 'sub'),
  ('RecipientDelimiter', '+'),
  ('MaxReceiveSize', '104857600'),
  ('RetainReadDays', '0'),
  ('RetainUnreadDays', '0'),
  ('HttpBindings', ''),
  ('ProxyNetworks', ''),
  ('DrainSeconds', '0'),
  ('PostmasterMailbox', ''),
  ('ReaperInterval', '60'),
  ('RetainDeletedItemsDays', '14'),
  ('ProtocolLogEnabled', '0'),
  ('LogFileLocation', ''),
  ('LogFileRollOverSettings', 'Hourly'),
  ('LogPerFileSizeQuota', '0'),
  ('LogFolderSizeQuota', '1073741824');
-- end of generated

-- INSERT ... ON CONFLICT DO UPDATE comes past this one with a name that exists.
CREATE TRIGGER settings_no_insert BEFORE INSERT ON settings
BEGIN
  SELECT RAISE(ABORT, 'settings.name: no such setting; SELECT name FROM settings lists all')
   WHERE NOT EXISTS (SELECT 1 FROM settings WHERE name = NEW.name);
END;

-- Only REPLACE gets here.
CREATE TRIGGER settings_no_replace AFTER INSERT ON settings
BEGIN
  SELECT RAISE(ABORT, 'settings.name: this setting exists; use UPDATE settings SET value = ... WHERE name = ...');
END;

CREATE TRIGGER settings_no_delete BEFORE DELETE ON settings
BEGIN SELECT RAISE(ABORT, 'settings.name: a setting cannot be deleted; UPDATE its value'); END;

CREATE TRIGGER settings_no_rename BEFORE UPDATE OF name ON settings
  WHEN CAST(NEW.name AS BLOB) IS NOT CAST(OLD.name AS BLOB)
BEGIN SELECT RAISE(ABORT, 'settings.name: a setting cannot be renamed'); END;

-- The settings whose value is text without control characters.
CREATE VIEW setting_text (name, value) AS
  SELECT name, value FROM settings
   WHERE typeof(value) = 'text' AND length(value) <= 4096 AND instr(value, char(0)) = 0
     AND value NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*';

-- Those whose value is a plain number.
CREATE VIEW setting_number (name, number) AS
  SELECT name, CAST(value AS INTEGER) FROM setting_text WHERE CAST(CAST(value AS INTEGER) AS TEXT) = value;

-- The values of texts taken apart at the commas. json_quote makes valid JSON of any text.
CREATE VIEW setting_item (name, item) AS
  SELECT name, trim(part.value)
    FROM setting_text AS list, json_each('[' || replace(json_quote(CAST(list.value AS TEXT)), ',', '","') || ']') AS part
   WHERE list.value <> '';

-- The items that are addresses, and in which form:
-- 'network': ADDRESS or ADDRESS/BITS; 'binding': ADDRESS:PORT, [ADDRESS]:PORT or [ADDRESS%INTERFACE]:PORT.
-- An address is IPv4, or IPv6 as RFC 4291 section 2.2 writes it.
CREATE VIEW setting_address (item, form) AS
  WITH
  -- The parts of an item. front is all but the digits at the end.
  network (item, address, bits) AS (
    SELECT item, CASE slash WHEN 0 THEN item ELSE substr(item, 1, slash - 1) END, CASE WHEN slash THEN substr(item, slash + 1) END
      FROM (SELECT DISTINCT item, instr(item, '/') AS slash FROM setting_item)),
  socket (item, host, port) AS (
    SELECT item, substr(front, 1, length(front) - 1), substr(item, length(front) + 1)
      FROM (SELECT DISTINCT item, rtrim(item, '0123456789') AS front FROM setting_item)
     WHERE front GLOB '?*:'),
  binding (item, address, interface) AS (
    SELECT item, host, NULL FROM socket WHERE host NOT GLOB '*:*'
    UNION ALL SELECT item, substr(host, 2, length(host) - 2), NULL FROM socket WHERE host GLOB '[[]*:*]' AND host NOT GLOB '*%*'
    UNION ALL SELECT item, substr(host, 2, instr(host, '%') - 2), substr(host, instr(host, '%') + 1, length(host) - instr(host, '%') - 1)
                FROM socket WHERE host GLOB '[[]*:*%*]'),
  -- Every address becomes groups of hexadecimal digits: 10.0.0.1 is tried as ::10.0.0.1, and four numbers at the end
  -- stand for two groups.
  tried (address, whole) AS (
    SELECT address, CASE WHEN address GLOB '*:*' THEN address ELSE '::' || address END
      FROM (SELECT address FROM network UNION SELECT address FROM binding)
     WHERE address GLOB '*[:.]*'),
  split (address, head, numbers) AS (
    SELECT address, whole, '' FROM tried WHERE whole NOT GLOB '*.*'
    UNION ALL SELECT address, rtrim(whole, '0123456789.'), substr(whole, length(rtrim(whole, '0123456789.')) + 1)
                FROM tried WHERE whole GLOB '*.*'),
  written (address, digits) AS (
    SELECT address, head FROM split WHERE numbers = ''
    UNION ALL SELECT address, head || '0:0' FROM split
               WHERE head GLOB '*:' AND length(numbers) - length(replace(numbers, '.', '')) = 3
                 AND 4 = (SELECT count(*) FROM json_each('[' || replace(json_quote(numbers), '.', '","') || ']') AS number
                           WHERE CAST(CAST(number.value AS INTEGER) AS TEXT) = number.value AND CAST(number.value AS INTEGER) <= 255)),
  -- How many groups are written out; :: stands for the others, at least one.
  counted (address, digits, given) AS (
    SELECT address, digits, CASE short WHEN '' THEN 0 ELSE 1 + length(short) - length(replace(short, ':', '')) END
      FROM (SELECT address, digits, trim(replace(digits, '::', ':'), ':') AS short FROM written
             WHERE digits NOT GLOB '*[^0-9A-Fa-f:]*' AND digits NOT GLOB ':[^:]*' AND digits NOT GLOB '*[^:]:' AND digits NOT GLOB '*:::*')),
  grouped (address, groups) AS (
    SELECT address, '[' || replace(json_quote(CASE WHEN digits NOT GLOB '*::*' THEN digits
             ELSE trim(replace(digits, '::', ':' || substr('0:0:0:0:0:0:0:0', 1, 15 - 2 * given) || ':'), ':') END), ':', '","') || ']'
      FROM counted WHERE digits NOT GLOB '*::*' OR given < 8),
  -- The shortest and the longest prefix of a network. ::ffff:10.0.0.0/104 is 10.0.0.0/8, so 96 is the least there.
  address (address, least, most) AS (
    SELECT address,
           CASE WHEN 6 = (SELECT count(*) FROM json_each(groups) AS g
                           WHERE (g.key < 5 AND ltrim(g.value, '0') = '') OR (g.key = 5 AND lower(g.value) = 'ffff')) THEN 96 ELSE 0 END,
           CASE WHEN address GLOB '*:*' THEN 128 ELSE 32 END
      FROM grouped
     WHERE json_array_length(groups) = 8 AND NOT EXISTS (SELECT 1 FROM json_each(groups) AS g WHERE length(g.value) NOT BETWEEN 1 AND 4))
  SELECT item, 'network' FROM network JOIN address USING (address)
   WHERE bits IS NULL OR (CAST(CAST(bits AS INTEGER) AS TEXT) = bits AND CAST(bits AS INTEGER) BETWEEN least AND most)
  UNION ALL
  SELECT binding.item, 'binding' FROM binding JOIN address USING (address) JOIN socket USING (item)
   WHERE port <> '' AND length(ltrim(port, '0')) <= 5 AND CAST(port AS INTEGER) <= 65535
     AND (interface IS NULL OR (interface GLOB '[0-9]*' AND interface NOT GLOB '*[^0-9]*'
                                AND length(ltrim(interface, '0')) <= 10 AND CAST(interface AS INTEGER) <= 4294967295));

-- generated: ranges (make generate)
CREATE VIEW setting_in_range (name) AS
  SELECT name FROM setting_number WHERE CASE name
    WHEN 'LmtpMaxConnections' THEN number BETWEEN 1 AND 2147483647
    WHEN 'OverQuotaPermanent' THEN number BETWEEN 0 AND 1
    WHEN 'MaxCommandSize' THEN number BETWEEN 40 AND 1024
    WHEN 'AuthenticatedConnectionTimeout' THEN number BETWEEN 30 AND 86400
    WHEN 'PreAuthenticatedConnectionTimeout' THEN number BETWEEN 30 AND 3600
    WHEN 'MaxConnections' THEN number BETWEEN 1 AND 2147483647
    WHEN 'MaxConnectionFromSingleIP' THEN number BETWEEN 1 AND 2147483647
    WHEN 'MaxConnectionsPerUser' THEN number BETWEEN 1 AND 2147483647
    WHEN 'MaxSessionTime' THEN number BETWEEN 0 AND 2592000
    WHEN 'MaxLoginDelay' THEN number BETWEEN 0 AND 60
    WHEN 'EnableExactRFC822Size' THEN number BETWEEN 0 AND 1
    WHEN 'EnableGSSAPIAndNTLMAuth' THEN number BETWEEN 0 AND 1
    WHEN 'IssueWarningQuota' THEN number BETWEEN 0 AND 9007199254740991
    WHEN 'ProhibitSendReceiveQuota' THEN number BETWEEN 0 AND 9007199254740991
    WHEN 'ScramIterations' THEN number BETWEEN 4096 AND 1000000
    WHEN 'GssapiExactCase' THEN number BETWEEN 0 AND 1
    WHEN 'MaxReceiveSize' THEN number BETWEEN 1 AND 1073741824
    WHEN 'RetainReadDays' THEN number BETWEEN 0 AND 24855
    WHEN 'RetainUnreadDays' THEN number BETWEEN 0 AND 24855
    WHEN 'DrainSeconds' THEN number BETWEEN 0 AND 3600
    WHEN 'ReaperInterval' THEN number BETWEEN 1 AND 86400
    WHEN 'RetainDeletedItemsDays' THEN number BETWEEN 0 AND 24855
    WHEN 'ProtocolLogEnabled' THEN number BETWEEN 0 AND 1
    WHEN 'LogPerFileSizeQuota' THEN number BETWEEN 0 AND 9007199254740991
    WHEN 'LogFolderSizeQuota' THEN number BETWEEN 0 AND 9007199254740991
    END
  UNION ALL SELECT name FROM setting_text WHERE CASE name
    WHEN 'LmtpSocketMode' THEN value GLOB '[0-7][0-7][0-7]' OR value GLOB '0[0-7][0-7][0-7]'
    WHEN 'LmtpSocketGroup' THEN length(value) <= 255
    WHEN 'Banner' THEN length(value) BETWEEN 1 AND 400 AND value NOT GLOB '*[^ -~]*' AND value NOT GLOB '*[<>]*' AND value NOT GLOB '[[]*'
    WHEN 'LoginType' THEN value IN ('PlainTextLogin', 'PlainTextAuthentication', 'SecureLogin')
    WHEN 'ExtendedProtectionPolicy' THEN value IN ('None', 'Allow', 'Require')
    WHEN 'MessageRetrievalSortOrder' THEN value IN ('Ascending', 'Descending')
    WHEN 'CertificateFile' THEN length(CAST(value AS BLOB)) <= 4095
    WHEN 'PrivateKeyFile' THEN length(CAST(value AS BLOB)) <= 4095
    WHEN 'Site' THEN length(value) <= 255
    WHEN 'GssapiKeytab' THEN length(CAST(value AS BLOB)) <= 4095
    WHEN 'OAuthKeyFile' THEN length(CAST(value AS BLOB)) <= 4095
    WHEN 'OAuthIssuer' THEN length(value) <= 255
    WHEN 'OAuthAudience' THEN length(value) <= 255
    WHEN 'OAuthUserClaim' THEN length(value) BETWEEN 1 AND 255
    WHEN 'RecipientDelimiter' THEN length(value) <= 16 AND value NOT GLOB '*[^!-~]*' AND value NOT GLOB '*[0-9A-Za-z@/\]*'
    WHEN 'PostmasterMailbox' THEN length(value) <= 255
    WHEN 'LogFileLocation' THEN length(CAST(value AS BLOB)) <= 4095
    WHEN 'LogFileRollOverSettings' THEN value IN ('Hourly', 'Daily', 'Weekly', 'Monthly')
    END
  UNION ALL SELECT name FROM setting_text WHERE name IN ('UnencryptedOrTLSBindings', 'SSLBindings', 'LmtpBindings', 'Domains', 'TrustedNetworks', 'GssapiRealms', 'HttpBindings', 'ProxyNetworks') AND name NOT IN (
    SELECT name FROM setting_item LEFT JOIN setting_address USING (item) WHERE (CASE name
    WHEN 'UnencryptedOrTLSBindings' THEN form = 'binding'
    WHEN 'SSLBindings' THEN form = 'binding'
    WHEN 'LmtpBindings' THEN form = 'binding' OR (item GLOB '/?*' AND length(CAST(item AS BLOB)) <= 107)
    WHEN 'Domains' THEN length(item) BETWEEN 1 AND 255
        AND item NOT GLOB '.*' AND item NOT GLOB '*..*'
        AND item NOT GLOB '*[ -,/;-@\^`{-~' || char(160, 5760, 8192) || '-' || char(8202, 8232, 8233, 8239, 8287, 12288) || ']*'
    WHEN 'TrustedNetworks' THEN form = 'network'
    WHEN 'GssapiRealms' THEN length(item) BETWEEN 1 AND 255
        AND item NOT GLOB '.*' AND item NOT GLOB '*..*'
        AND item NOT GLOB '*[ -,/;-@\^`{-~' || char(160, 5760, 8192) || '-' || char(8202, 8232, 8233, 8239, 8287, 12288) || ']*'
    WHEN 'HttpBindings' THEN (form = 'binding' AND (item GLOB '127.*' OR item GLOB '[[]::1]:*')) OR (item GLOB '/?*' AND length(CAST(item AS BLOB)) <= 107)
    WHEN 'ProxyNetworks' THEN form = 'network'
    END) IS NOT TRUE);

CREATE TRIGGER settings_in_range AFTER UPDATE OF value ON settings
BEGIN
  SELECT CASE NEW.name
    WHEN 'UnencryptedOrTLSBindings' THEN RAISE(ABORT, 'UnencryptedOrTLSBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated; empty: none')
    WHEN 'SSLBindings' THEN RAISE(ABORT, 'SSLBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated; empty: none')
    WHEN 'LmtpBindings' THEN RAISE(ABORT, 'LmtpBindings: ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, or /absolute/path of at most 107 octets, comma separated; empty: none')
    WHEN 'LmtpMaxConnections' THEN RAISE(ABORT, 'LmtpMaxConnections: 1 to 2147483647')
    WHEN 'LmtpSocketMode' THEN RAISE(ABORT, 'LmtpSocketMode: 0000 to 0777, octal')
    WHEN 'LmtpSocketGroup' THEN RAISE(ABORT, 'LmtpSocketGroup: at most 255 characters without control characters')
    WHEN 'OverQuotaPermanent' THEN RAISE(ABORT, 'OverQuotaPermanent: 0 or 1')
    WHEN 'Banner' THEN RAISE(ABORT, 'Banner: 1 to 400 printable ASCII characters, no < or >, not starting with [')
    WHEN 'MaxCommandSize' THEN RAISE(ABORT, 'MaxCommandSize: 40 to 1024 octets')
    WHEN 'AuthenticatedConnectionTimeout' THEN RAISE(ABORT, 'AuthenticatedConnectionTimeout: 30 to 86400 seconds')
    WHEN 'PreAuthenticatedConnectionTimeout' THEN RAISE(ABORT, 'PreAuthenticatedConnectionTimeout: 30 to 3600 seconds')
    WHEN 'MaxConnections' THEN RAISE(ABORT, 'MaxConnections: 1 to 2147483647')
    WHEN 'MaxConnectionFromSingleIP' THEN RAISE(ABORT, 'MaxConnectionFromSingleIP: 1 to 2147483647')
    WHEN 'MaxConnectionsPerUser' THEN RAISE(ABORT, 'MaxConnectionsPerUser: 1 to 2147483647')
    WHEN 'MaxSessionTime' THEN RAISE(ABORT, 'MaxSessionTime: 0 to 2592000 seconds')
    WHEN 'MaxLoginDelay' THEN RAISE(ABORT, 'MaxLoginDelay: 0 to 60 seconds')
    WHEN 'LoginType' THEN RAISE(ABORT, 'LoginType: PlainTextLogin, PlainTextAuthentication, SecureLogin')
    WHEN 'EnableExactRFC822Size' THEN RAISE(ABORT, 'EnableExactRFC822Size: 0 or 1')
    WHEN 'EnableGSSAPIAndNTLMAuth' THEN RAISE(ABORT, 'EnableGSSAPIAndNTLMAuth: 0 or 1')
    WHEN 'ExtendedProtectionPolicy' THEN RAISE(ABORT, 'ExtendedProtectionPolicy: None, Allow, Require')
    WHEN 'MessageRetrievalSortOrder' THEN RAISE(ABORT, 'MessageRetrievalSortOrder: Ascending, Descending')
    WHEN 'CertificateFile' THEN RAISE(ABORT, 'CertificateFile: a path of at most 4095 octets without control characters, or empty')
    WHEN 'PrivateKeyFile' THEN RAISE(ABORT, 'PrivateKeyFile: a path of at most 4095 octets without control characters, or empty')
    WHEN 'Domains' THEN RAISE(ABORT, 'Domains: names of 1 to 255 characters, comma separated, no space, control or punctuation other than .-_:[], no empty label; empty: none')
    WHEN 'IssueWarningQuota' THEN RAISE(ABORT, 'IssueWarningQuota: 0 to 9007199254740991 octets')
    WHEN 'ProhibitSendReceiveQuota' THEN RAISE(ABORT, 'ProhibitSendReceiveQuota: 0 to 9007199254740991 octets')
    WHEN 'Site' THEN RAISE(ABORT, 'Site: at most 255 characters without control characters')
    WHEN 'TrustedNetworks' THEN RAISE(ABORT, 'TrustedNetworks: CIDR blocks such as 10.0.0.0/8 or fd00::/8, comma separated; empty: none')
    WHEN 'ScramIterations' THEN RAISE(ABORT, 'ScramIterations: 4096 to 1000000')
    WHEN 'GssapiKeytab' THEN RAISE(ABORT, 'GssapiKeytab: a path of at most 4095 octets without control characters, or empty')
    WHEN 'GssapiExactCase' THEN RAISE(ABORT, 'GssapiExactCase: 0 or 1')
    WHEN 'GssapiRealms' THEN RAISE(ABORT, 'GssapiRealms: names of 1 to 255 characters, comma separated, no space, control or punctuation other than .-_:[], no empty label; empty: none')
    WHEN 'OAuthKeyFile' THEN RAISE(ABORT, 'OAuthKeyFile: a path of at most 4095 octets without control characters, or empty')
    WHEN 'OAuthIssuer' THEN RAISE(ABORT, 'OAuthIssuer: at most 255 characters without control characters')
    WHEN 'OAuthAudience' THEN RAISE(ABORT, 'OAuthAudience: at most 255 characters without control characters')
    WHEN 'OAuthUserClaim' THEN RAISE(ABORT, 'OAuthUserClaim: 1 to 255 characters without control characters')
    WHEN 'RecipientDelimiter' THEN RAISE(ABORT, 'RecipientDelimiter: at most 16 ASCII punctuation characters, no @, / or \')
    WHEN 'MaxReceiveSize' THEN RAISE(ABORT, 'MaxReceiveSize: 1 to 1073741824 octets')
    WHEN 'RetainReadDays' THEN RAISE(ABORT, 'RetainReadDays: 0 to 24855 days')
    WHEN 'RetainUnreadDays' THEN RAISE(ABORT, 'RetainUnreadDays: 0 to 24855 days')
    WHEN 'HttpBindings' THEN RAISE(ABORT, 'HttpBindings: 127.0.0.1:PORT or [::1]:PORT with port 0 to 65535, or /absolute/path of at most 107 octets, comma separated; empty: none')
    WHEN 'ProxyNetworks' THEN RAISE(ABORT, 'ProxyNetworks: CIDR blocks such as 10.0.0.0/8 or fd00::/8, comma separated; empty: none')
    WHEN 'DrainSeconds' THEN RAISE(ABORT, 'DrainSeconds: 0 to 3600 seconds')
    WHEN 'PostmasterMailbox' THEN RAISE(ABORT, 'PostmasterMailbox: at most 255 characters without control characters')
    WHEN 'ReaperInterval' THEN RAISE(ABORT, 'ReaperInterval: 1 to 86400 seconds')
    WHEN 'RetainDeletedItemsDays' THEN RAISE(ABORT, 'RetainDeletedItemsDays: 0 to 24855 days')
    WHEN 'ProtocolLogEnabled' THEN RAISE(ABORT, 'ProtocolLogEnabled: 0 or 1')
    WHEN 'LogFileLocation' THEN RAISE(ABORT, 'LogFileLocation: a path of at most 4095 octets without control characters, or empty')
    WHEN 'LogFileRollOverSettings' THEN RAISE(ABORT, 'LogFileRollOverSettings: Hourly, Daily, Weekly, Monthly')
    WHEN 'LogPerFileSizeQuota' THEN RAISE(ABORT, 'LogPerFileSizeQuota: 0 to 9007199254740991 octets')
    WHEN 'LogFolderSizeQuota' THEN RAISE(ABORT, 'LogFolderSizeQuota: 0 to 9007199254740991 octets')
    END
   WHERE NOT EXISTS (SELECT 1 FROM setting_in_range WHERE name = NEW.name);
  INSERT INTO must_be_utf8 VALUES (NEW.name, NEW.value);
END;
-- end of generated


---- Text --------------------------------------------------------------------------------------------------------

-- What is not UTF-8 (a stray octet, an overlong form, a surrogate) SQLite decodes to another character than it would
-- encode so. (U+FFFE and U+FFFF it does not decode, but they are well-formed.)
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
    -- generated: settings that are text (make generate)
    WHEN 'LmtpBindings' THEN RAISE(ABORT, 'LmtpBindings: must be UTF-8')
    WHEN 'LmtpSocketGroup' THEN RAISE(ABORT, 'LmtpSocketGroup: must be UTF-8')
    WHEN 'CertificateFile' THEN RAISE(ABORT, 'CertificateFile: must be UTF-8')
    WHEN 'PrivateKeyFile' THEN RAISE(ABORT, 'PrivateKeyFile: must be UTF-8')
    WHEN 'Domains' THEN RAISE(ABORT, 'Domains: must be UTF-8')
    WHEN 'Site' THEN RAISE(ABORT, 'Site: must be UTF-8')
    WHEN 'GssapiKeytab' THEN RAISE(ABORT, 'GssapiKeytab: must be UTF-8')
    WHEN 'GssapiRealms' THEN RAISE(ABORT, 'GssapiRealms: must be UTF-8')
    WHEN 'OAuthKeyFile' THEN RAISE(ABORT, 'OAuthKeyFile: must be UTF-8')
    WHEN 'OAuthIssuer' THEN RAISE(ABORT, 'OAuthIssuer: must be UTF-8')
    WHEN 'OAuthAudience' THEN RAISE(ABORT, 'OAuthAudience: must be UTF-8')
    WHEN 'OAuthUserClaim' THEN RAISE(ABORT, 'OAuthUserClaim: must be UTF-8')
    WHEN 'HttpBindings' THEN RAISE(ABORT, 'HttpBindings: must be UTF-8')
    WHEN 'PostmasterMailbox' THEN RAISE(ABORT, 'PostmasterMailbox: must be UTF-8')
    WHEN 'LogFileLocation' THEN RAISE(ABORT, 'LogFileLocation: must be UTF-8')
    -- end of generated
    END
   WHERE EXISTS (
     WITH RECURSIVE walk (i, c) AS (
       SELECT 1, substr(NEW.value, 1, 1)
       UNION ALL SELECT i + 1, substr(NEW.value, i + 1, 1) FROM walk WHERE c <> '')
     SELECT 1 FROM walk
      WHERE c <> '' AND CAST(c AS BLOB) <> CAST(char(unicode(c)) AS BLOB) AND CAST(c AS BLOB) NOT IN (x'EFBFBE', x'EFBFBF'));
END;


---- Certificates ------------------------------------------------------------------------------------------------

-- Certificates of names of their own (server name indication); all other names get that of CertificateFile.
-- docs/tls.md.
CREATE TABLE certificates (
  name             TEXT COLLATE NOCASE PRIMARY KEY,  -- a host, or '*.' and a domain for the hosts directly below it
  certificate_file TEXT,                             -- PEM, followed by its chain
  key_file         TEXT,                             -- PEM, without passphrase
  CONSTRAINT "certificates.name: a host name in ASCII (xn--... for others), or *.DOMAIN" CHECK (
    typeof(name) = 'text' AND length(name) BETWEEN 1 AND 253 AND instr(name, char(0)) = 0
    AND name NOT GLOB '*[^0-9A-Za-z.*-]*' AND name NOT GLOB '?*[*]*' AND name NOT GLOB '[*][^.]*' AND name <> '*'
    AND '.' || name || '.' NOT GLOB '*..*' AND '.' || name || '.' NOT GLOB '*[.]-*' AND '.' || name || '.' NOT GLOB '*-[.]*'
    AND rtrim('.' || name, '0123456789') NOT GLOB '*.'
    AND name NOT GLOB '*' || replace(hex(zeroblob(32)), '0', '[^.]') || '*'),
  CONSTRAINT "certificates.certificate_file: 1 to 4095 octets without control characters" CHECK (
    typeof(certificate_file) = 'text' AND length(CAST(certificate_file AS BLOB)) BETWEEN 1 AND 4095 AND instr(certificate_file, char(0)) = 0
    AND certificate_file NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'),
  CONSTRAINT "certificates.key_file: 1 to 4095 octets without control characters" CHECK (
    typeof(key_file) = 'text' AND length(CAST(key_file AS BLOB)) BETWEEN 1 AND 4095 AND instr(key_file, char(0)) = 0
    AND key_file NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*')
);


---- Users -------------------------------------------------------------------------------------------------------

-- Who may log in. A user has the mailbox of the same name; triggers make, rename and remove it.
CREATE TABLE users (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  name        TEXT COLLATE NOCASE UNIQUE,  -- a local part or a whole address
  password    TEXT,                        -- plain text until the program replaces it by a hash; NULL: no login by password
  pop_enabled INTEGER DEFAULT 1,           -- 0: no login; mail still arrives
  ntlm        INTEGER DEFAULT 0,           -- 1: keep an NT hash too
  last_login  INTEGER,                     -- when, written by the server; NULL: never
  generation  INTEGER NOT NULL DEFAULT 0,  -- moves with each new password: sessions of the one before end
  -- The one place of the schema that knows which passwords are hashes, of a kind we have or of another.
  -- src/auth/credential/stored.rs has the same rule.
  is_hash     INTEGER GENERATED ALWAYS AS (
    password GLOB '$argon2*' OR password GLOB '$2[aby]$*' OR password GLOB '$6$*'
    OR password GLOB '$[1357yPHS]$*' OR password GLOB '$2$*' OR password GLOB '$2x$*' OR password GLOB '$gy$*' OR password GLOB '$md5*'
    OR password GLOB '$sha1*' OR password GLOB '$apr1$*' OR password GLOB '$scrypt$*' OR password GLOB '$pbkdf2*' OR password GLOB '$bcrypt*'
    OR (password GLOB '{*' AND instr(password, '}') > 2 AND password NOT GLOB '{[Pp][Ll][Aa][Ii][Nn]}*'
        AND substr(password, 2, instr(password, '}') - 2) NOT GLOB '*[^0-9A-Za-z._-]*')) VIRTUAL,
  CONSTRAINT "users.name: 1 to 255 characters, no space, control, / or \, at most one @" CHECK (
    typeof(name) = 'text' AND length(name) BETWEEN 1 AND 255 AND instr(name, char(0)) = 0
    AND name NOT GLOB '*[' || char(1) || '-' || char(32) || '/\' || char(127) || '-' || char(159) || ']*'
    AND length(name) - length(replace(name, '@', '')) <= 1),
  CONSTRAINT "users.password: 1 to 1024 characters of text without NUL, CR or LF" CHECK (
    password IS NULL OR (typeof(password) = 'text' AND length(password) BETWEEN 1 AND 1024 AND instr(password, char(0)) = 0
    AND instr(password, char(10)) = 0 AND instr(password, char(13)) = 0)),
  CONSTRAINT "users.pop_enabled: 0 or 1" CHECK (typeof(pop_enabled) = 'integer' AND pop_enabled IN (0, 1)),
  CONSTRAINT "users.ntlm: 0 or 1" CHECK (typeof(ntlm) = 'integer' AND ntlm IN (0, 1)),
  CONSTRAINT "users.last_login: seconds since 1970, or NULL" CHECK (last_login IS NULL OR typeof(last_login) = 'integer')
);

-- Plain passwords that wait for their verifiers; never more than a few.
CREATE INDEX users_pending ON users (id) WHERE is_hash = 0;

-- What else a password was turned into, one row for each mechanism that cannot use the hash.
CREATE TABLE verifiers (
  user_id INTEGER NOT NULL,
  scheme  TEXT NOT NULL,
  value   BLOB NOT NULL,  -- in the program's own format, sealed with the key file
  PRIMARY KEY (user_id, scheme),
  CONSTRAINT "verifiers.scheme: SCRAM-SHA-256 or NT" CHECK (scheme IN ('SCRAM-SHA-256', 'NT'))
) STRICT, WITHOUT ROWID;

-- REPLACE would change ids without a delete trigger. After it nobody can tell that there was a user before, so that is
-- noted first. INSERT ... ON CONFLICT DO UPDATE inserts nothing, and comes past the second trigger.
CREATE TRIGGER users_no_replace_noted BEFORE INSERT ON users
BEGIN
  UPDATE counters SET user_exists = NOT user_exists
   WHERE user_exists <> EXISTS (SELECT 1 FROM users WHERE name = NEW.name OR id = NEW.id);
END;

CREATE TRIGGER users_no_replace_insert AFTER INSERT ON users
BEGIN
  SELECT RAISE(ABORT, 'users.name: a user of this name or id exists; use UPDATE') FROM counters WHERE user_exists;
END;

CREATE TRIGGER users_no_replace_update BEFORE UPDATE OF id, name ON users
BEGIN
  SELECT RAISE(ABORT, 'users.id: cannot change') WHERE NEW.id IS NOT OLD.id;
  SELECT RAISE(ABORT, 'users.name: a user of this name exists')
   WHERE EXISTS (SELECT 1 FROM users WHERE name = NEW.name AND id <> OLD.id);
END;

CREATE TRIGGER users_name_utf8_insert BEFORE INSERT ON users
BEGIN INSERT INTO must_be_utf8 VALUES ('users.name', NEW.name); END;

CREATE TRIGGER users_name_utf8_update BEFORE UPDATE OF name ON users
BEGIN INSERT INTO must_be_utf8 VALUES ('users.name', NEW.name); END;

CREATE TRIGGER users_added AFTER INSERT ON users
BEGIN
  INSERT INTO mailboxes (name) SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.name);
END;

CREATE TRIGGER users_renamed AFTER UPDATE OF name ON users WHEN CAST(NEW.name AS BLOB) <> CAST(OLD.name AS BLOB)
BEGIN
  UPDATE mailboxes SET name = NEW.name WHERE name = OLD.name;
  UPDATE delegates SET delegate = NEW.name WHERE delegate = OLD.name;
END;

CREATE TRIGGER users_removed AFTER DELETE ON users
BEGIN
  DELETE FROM verifiers WHERE user_id = OLD.id;
  DELETE FROM delegates WHERE delegate = OLD.name;
  DELETE FROM mailboxes WHERE name = OLD.name;
  UPDATE counters SET erased = erased + 1;
END;

CREATE TRIGGER users_password_changed AFTER UPDATE OF password ON users WHEN NEW.password IS NOT OLD.password
BEGIN
  DELETE FROM verifiers WHERE user_id = OLD.id;
  -- The program puts it back, in the same transaction, where the new value is only another form of the same password.
  UPDATE users SET generation = generation + 1 WHERE id = OLD.id;
  UPDATE counters SET erased = erased + 1, revoked = revoked + 1;
END;

CREATE TRIGGER users_ntlm_off AFTER UPDATE OF ntlm ON users WHEN NEW.ntlm = 0 AND OLD.ntlm <> 0
BEGIN
  DELETE FROM verifiers WHERE user_id = OLD.id AND scheme = 'NT';
  UPDATE counters SET erased = erased + 1;
END;

CREATE TRIGGER verifiers_user_insert BEFORE INSERT ON verifiers
BEGIN
  SELECT RAISE(ABORT, 'verifiers.user_id: no such user') WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id);
  SELECT RAISE(ABORT, 'verifiers.scheme: NT only while users.ntlm is 1')
   WHERE NEW.scheme = 'NT' AND NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id AND ntlm = 1);
END;

CREATE TRIGGER verifiers_user_update BEFORE UPDATE OF user_id, scheme ON verifiers
BEGIN SELECT RAISE(ABORT, 'verifiers.user_id, verifiers.scheme: cannot change'); END;


---- Passwords ---------------------------------------------------------------------------------------------------

-- A hash must be one that the program can compute, with costs that it can bear. A plain text must be one that a client
-- can send.
CREATE TRIGGER users_password_usable_insert BEFORE INSERT ON users WHEN typeof(NEW.password) = 'text'
BEGIN INSERT INTO must_be_password VALUES (NEW.password, NEW.is_hash); END;

CREATE TRIGGER users_password_usable_update BEFORE UPDATE OF password ON users WHEN typeof(NEW.password) = 'text'
BEGIN INSERT INTO must_be_password VALUES (NEW.password, NEW.is_hash); END;

CREATE VIEW must_be_password (value, is_hash) AS SELECT NULL, NULL WHERE 0;

CREATE TRIGGER must_be_password_plain INSTEAD OF INSERT ON must_be_password WHEN NOT NEW.is_hash
BEGIN
  SELECT RAISE(ABORT, 'users.password: plain text of 1 to 255 octets, as clients cannot send more')
   WHERE CASE WHEN NEW.value GLOB '{[Pp][Ll][Aa][Ii][Nn]}*' THEN length(CAST(NEW.value AS BLOB)) - 7 NOT BETWEEN 1 AND 255
              ELSE length(CAST(NEW.value AS BLOB)) > 255 END;
  INSERT INTO must_be_utf8 VALUES ('users.password', NEW.value);
END;

-- {SCHEME} is Dovecot's; {PLAIN} makes any text a password.
CREATE TRIGGER must_be_password_hash INSTEAD OF INSERT ON must_be_password WHEN NEW.is_hash
BEGIN
  SELECT RAISE(ABORT, 'users.password: {SCHEME} is one of {ARGON2ID}, {ARGON2I}, {BLF-CRYPT}, {SHA512-CRYPT}, {CRYPT}, with its hash, or {PLAIN}')
   WHERE NEW.value GLOB '{*'
     AND NOT CASE upper(substr(NEW.value, 1, instr(NEW.value, '}')))
           WHEN '{ARGON2ID}' THEN NEW.value GLOB '{*}$argon2id$*'
           WHEN '{ARGON2I}' THEN NEW.value GLOB '{*}$argon2i$*'
           WHEN '{BLF-CRYPT}' THEN NEW.value GLOB '{*}$2[aby]$*'
           WHEN '{SHA512-CRYPT}' THEN NEW.value GLOB '{*}$6$*'
           WHEN '{CRYPT}' THEN NEW.value GLOB '{*}$2[aby]$*' OR NEW.value GLOB '{*}$6$*'
           ELSE 0 END;
  INSERT INTO must_be_hash VALUES (substr(NEW.value, CASE WHEN NEW.value GLOB '{*' THEN instr(NEW.value, '}') + 1 ELSE 1 END));
END;

CREATE VIEW must_be_hash (value) AS SELECT NULL WHERE 0;

-- $argon2id$v=19$m=65536,t=3,p=1$SALT$HASH: fields are argon2id, v=19, m=65536, t=3, p=1, SALT and HASH, from 1 on.
CREATE TRIGGER must_be_hash_argon2 INSTEAD OF INSERT ON must_be_hash WHEN NEW.value GLOB '$argon2*'
BEGIN
  SELECT RAISE(ABORT, 'users.password: a well-formed $argon2 hash, with or without its {SCHEME}: v=16 or v=19, m=8*p to 65536, t=1 to 10, p=1 to 4, salt of 8 to 48 octets, hash of 12 to 64, both in base64 without padding')
   WHERE NOT EXISTS (
     SELECT 1 FROM (
       SELECT json_extract(fields, '$[1]') AS kind, json_extract(fields, '$[2]') AS version,
              substr(json_extract(fields, '$[3]'), 3) AS m, substr(json_extract(fields, '$[4]'), 3) AS t,
              substr(json_extract(fields, '$[5]'), 3) AS p, json_extract(fields, '$[6]') AS salt, json_extract(fields, '$[7]') AS hash
         FROM (SELECT '[' || replace(replace(json_quote(NEW.value), ',', '$'), '$', '","') || ']' AS fields)
        WHERE NEW.value GLOB '$*$v=*$m=*,t=*,p=*$*$*' AND json_array_length(fields) = 8)
      WHERE kind IN ('argon2id', 'argon2i', 'argon2d') AND version IN ('v=16', 'v=19')
        AND CAST(CAST(m AS INTEGER) AS TEXT) = m AND CAST(CAST(t AS INTEGER) AS TEXT) = t AND CAST(CAST(p AS INTEGER) AS TEXT) = p
        AND CAST(p AS INTEGER) BETWEEN 1 AND 4 AND CAST(t AS INTEGER) BETWEEN 1 AND 10
        AND CAST(m AS INTEGER) BETWEEN 8 * CAST(p AS INTEGER) AND 65536
        AND length(salt) BETWEEN 11 AND 64 AND length(hash) BETWEEN 16 AND 86
        AND salt || hash NOT GLOB '*[^0-9A-Za-z+/]*'
        -- Base64 of whole octets: the bits that the last character has too many are 0.
        AND CASE length(salt) % 4 WHEN 0 THEN 1 WHEN 2 THEN salt GLOB '*[AQgw]' WHEN 3 THEN salt GLOB '*[AEIMQUYcgkosw048]' ELSE 0 END
        AND CASE length(hash) % 4 WHEN 0 THEN 1 WHEN 2 THEN hash GLOB '*[AQgw]' WHEN 3 THEN hash GLOB '*[AEIMQUYcgkosw048]' ELSE 0 END);
END;

-- What crypt(5) and the like have besides. Its string itself would log in, were it taken for a text.
CREATE TRIGGER must_be_hash_known INSTEAD OF INSERT ON must_be_hash
  WHEN NEW.value NOT GLOB '$argon2*' AND NEW.value NOT GLOB '$2[aby]$*' AND NEW.value NOT GLOB '$6$*'
BEGIN
  SELECT CASE
    WHEN NEW.value GLOB '$1$*' THEN RAISE(ABORT, 'users.password: $1$ (MD5 crypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$2$*' THEN RAISE(ABORT, 'users.password: $2$ (an old bcrypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$2x$*' THEN RAISE(ABORT, 'users.password: $2x$ (a broken bcrypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$3$*' THEN RAISE(ABORT, 'users.password: $3$ (NT hash) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$5$*' THEN RAISE(ABORT, 'users.password: $5$ (SHA-256 crypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$7$*' THEN RAISE(ABORT, 'users.password: $7$ (scrypt crypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$y$*' THEN RAISE(ABORT, 'users.password: $y$ (yescrypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$gy$*' THEN RAISE(ABORT, 'users.password: $gy$ (gost-yescrypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$md5*' THEN RAISE(ABORT, 'users.password: $md5 (Sun MD5) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$sha1*' THEN RAISE(ABORT, 'users.password: $sha1 (SHA-1 crypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$apr1$*' THEN RAISE(ABORT, 'users.password: $apr1$ (Apache''s MD5) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$scrypt$*' THEN RAISE(ABORT, 'users.password: $scrypt$ (scrypt) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$pbkdf2*' THEN RAISE(ABORT, 'users.password: $pbkdf2 (PBKDF2) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$bcrypt*' THEN RAISE(ABORT, 'users.password: $bcrypt (passlib''s bcrypt of a hash) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$P$*' THEN RAISE(ABORT, 'users.password: $P$ (phpass) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$H$*' THEN RAISE(ABORT, 'users.password: $H$ (phpass) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    WHEN NEW.value GLOB '$S$*' THEN RAISE(ABORT, 'users.password: $S$ (Drupal''s SHA-512) is a hash that cannot be verified here; {PLAIN} in front makes a text of it')
    END;
END;

-- $2b$12$ and 53 characters: 22 of salt, 31 of hash; $2a$ and $2y$ mean the same.
CREATE TRIGGER must_be_hash_bcrypt INSTEAD OF INSERT ON must_be_hash WHEN NEW.value GLOB '$2[aby]$*'
BEGIN
  SELECT RAISE(ABORT, 'users.password: a well-formed $2a$, $2b$ or $2y$ hash, with or without its {SCHEME}: cost 04 to 14, then 53 characters of ./A-Za-z0-9')
   WHERE NOT (length(NEW.value) = 60 AND (NEW.value GLOB '$2[aby]$0[4-9]$*' OR NEW.value GLOB '$2[aby]$1[0-4]$*')
              AND substr(NEW.value, 8) NOT GLOB '*[^0-9A-Za-z./]*'
              -- The bits that the last characters of salt and hash have too many are 0.
              AND substr(NEW.value, 29, 1) GLOB '[.Oeu]' AND NEW.value GLOB '*[.CGKOSWaeimquy26]');
END;

-- $6$SALT$HASH or $6$rounds=5000$SALT$HASH: fields from 2 on.
CREATE TRIGGER must_be_hash_sha512 INSTEAD OF INSERT ON must_be_hash WHEN NEW.value GLOB '$6$*'
BEGIN
  SELECT RAISE(ABORT, 'users.password: a well-formed $6$ hash, with or without its {SCHEME}: rounds=1000 to 1000000 or none, a salt of 1 to 16 characters, then 86 of ./A-Za-z0-9')
   WHERE NOT EXISTS (
     SELECT 1 FROM (
       SELECT CASE WHEN NEW.value GLOB '$6$rounds=*' THEN substr(json_extract(fields, '$[2]'), 8) END AS rounds, json_array_length(fields) AS number,
              json_extract(fields, '$[' || (json_array_length(fields) - 2) || ']') AS salt,
              json_extract(fields, '$[' || (json_array_length(fields) - 1) || ']') AS hash
         FROM (SELECT '[' || replace(json_quote(NEW.value), '$', '","') || ']' AS fields))
      WHERE CASE WHEN rounds IS NULL THEN number = 4
                 ELSE number = 5 AND CAST(CAST(rounds AS INTEGER) AS TEXT) = rounds AND CAST(rounds AS INTEGER) BETWEEN 1000 AND 1000000 END
        AND length(salt) BETWEEN 1 AND 16 AND length(hash) = 86 AND salt || hash NOT GLOB '*[^0-9A-Za-z./]*'
        AND hash GLOB '*[./01]');
END;


---- Mailboxes, and what leads to them ---------------------------------------------------------------------------

-- Where mail goes. One without a user of its name is shared: its delegates open it.
-- In columns of quotas, retention and sizes NULL means: as settings say.
CREATE TABLE mailboxes (
  id                          INTEGER PRIMARY KEY AUTOINCREMENT,
  name                        TEXT COLLATE NOCASE UNIQUE,
  prohibit_send_receive_quota INTEGER,            -- storage size beyond which mail is refused; 0: none
  issue_warning_quota         INTEGER,            -- storage size that earns a warning; 0: none
  retain_read_days            INTEGER,            -- age at which read mail is deleted; 0: never
  retain_unread_days          INTEGER,            -- the same of unread mail
  retention_hold              INTEGER DEFAULT 0,  -- 1: nothing is deleted by age
  exact_rfc822_size           INTEGER,            -- sizes in STAT and LIST: 1 exact octets, 0 whole pages
  site                        TEXT,               -- the site whose server may open it; NULL or '': any
  CONSTRAINT "mailboxes.name: 1 to 255 characters, no space, control, / or \, at most one @" CHECK (
    typeof(name) = 'text' AND length(name) BETWEEN 1 AND 255 AND instr(name, char(0)) = 0
    AND name NOT GLOB '*[' || char(1) || '-' || char(32) || '/\' || char(127) || '-' || char(159) || ']*'
    AND length(name) - length(replace(name, '@', '')) <= 1),
  CONSTRAINT "mailboxes.prohibit_send_receive_quota: 0 to 9007199254740991 octets, or NULL" CHECK (
    prohibit_send_receive_quota IS NULL
    OR (typeof(prohibit_send_receive_quota) = 'integer' AND prohibit_send_receive_quota BETWEEN 0 AND 9007199254740991)),
  CONSTRAINT "mailboxes.issue_warning_quota: 0 to 9007199254740991 octets, or NULL" CHECK (
    issue_warning_quota IS NULL
    OR (typeof(issue_warning_quota) = 'integer' AND issue_warning_quota BETWEEN 0 AND 9007199254740991)),
  CONSTRAINT "mailboxes.retain_read_days: 0 to 24855 days, or NULL" CHECK (
    retain_read_days IS NULL OR (typeof(retain_read_days) = 'integer' AND retain_read_days BETWEEN 0 AND 24855)),
  CONSTRAINT "mailboxes.retain_unread_days: 0 to 24855 days, or NULL" CHECK (
    retain_unread_days IS NULL OR (typeof(retain_unread_days) = 'integer' AND retain_unread_days BETWEEN 0 AND 24855)),
  CONSTRAINT "mailboxes.retention_hold: 0 or 1" CHECK (typeof(retention_hold) = 'integer' AND retention_hold IN (0, 1)),
  CONSTRAINT "mailboxes.exact_rfc822_size: 0 or 1, or NULL" CHECK (
    exact_rfc822_size IS NULL OR (typeof(exact_rfc822_size) = 'integer' AND exact_rfc822_size IN (0, 1))),
  CONSTRAINT "mailboxes.site: at most 255 characters without control characters, or NULL" CHECK (
    site IS NULL OR (typeof(site) = 'text' AND length(site) <= 255 AND instr(site, char(0)) = 0
    AND site NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*'))
);

-- Other addresses of mailboxes, one row per target. '@domain' is the domain's catch-all.
CREATE TABLE aliases (
  address TEXT NOT NULL COLLATE NOCASE,
  mailbox TEXT NOT NULL COLLATE NOCASE,  -- the name of a mailbox, never of an alias: there are no loops
  PRIMARY KEY (address, mailbox),
  CONSTRAINT "aliases.address: 1 to 255 characters, no space or control, at most one @" CHECK (
    typeof(address) = 'text' AND length(address) BETWEEN 1 AND 255 AND instr(address, char(0)) = 0
    AND address NOT GLOB '*[' || char(1) || '-' || char(32) || char(127) || '-' || char(159) || ']*'
    AND length(address) - length(replace(address, '@', '')) <= 1)
) WITHOUT ROWID;

CREATE INDEX aliases_mailbox ON aliases (mailbox);

-- Users who may open a mailbox that is not theirs.
CREATE TABLE delegates (
  delegate  TEXT NOT NULL COLLATE NOCASE,  -- the name of a user
  principal TEXT NOT NULL COLLATE NOCASE,  -- the name of a mailbox
  PRIMARY KEY (delegate, principal)
) WITHOUT ROWID;

CREATE INDEX delegates_principal ON delegates (principal);

CREATE TRIGGER mailboxes_no_replace_insert BEFORE INSERT ON mailboxes
BEGIN
  SELECT RAISE(ABORT, 'mailboxes.name: a mailbox of this name or id exists; use UPDATE')
   WHERE EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.name OR id = NEW.id);
END;

CREATE TRIGGER mailboxes_no_replace_update BEFORE UPDATE OF id, name ON mailboxes
BEGIN
  SELECT RAISE(ABORT, 'mailboxes.id: cannot change') WHERE NEW.id IS NOT OLD.id;
  SELECT RAISE(ABORT, 'mailboxes.name: a mailbox of this name exists')
   WHERE EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.name AND id <> OLD.id);
  -- A user's own rename comes here after the user has left the old name.
  SELECT RAISE(ABORT, 'mailboxes.name: belongs to the user of the same name; rename the user')
   WHERE NEW.name <> OLD.name AND EXISTS (SELECT 1 FROM users WHERE name = OLD.name);
END;

CREATE TRIGGER mailboxes_utf8_insert BEFORE INSERT ON mailboxes
BEGIN INSERT INTO must_be_utf8 VALUES ('mailboxes.name', NEW.name), ('mailboxes.site', NEW.site); END;

CREATE TRIGGER mailboxes_utf8_update BEFORE UPDATE OF name, site ON mailboxes
BEGIN INSERT INTO must_be_utf8 VALUES ('mailboxes.name', NEW.name), ('mailboxes.site', NEW.site); END;

CREATE TRIGGER mailboxes_user_first BEFORE DELETE ON mailboxes
BEGIN
  SELECT RAISE(ABORT, 'mailboxes.name: belongs to the user of the same name; delete the user')
   WHERE EXISTS (SELECT 1 FROM users WHERE name = OLD.name);
END;

CREATE TRIGGER mailboxes_added AFTER INSERT ON mailboxes
BEGIN
  INSERT INTO usage (mailbox_id, next_uid)
    VALUES (NEW.id, max((SELECT first_uid FROM counters), coalesce((SELECT next_uid FROM retired WHERE name = NEW.name), 1)));
END;

CREATE TRIGGER mailboxes_renamed AFTER UPDATE OF name ON mailboxes WHEN CAST(NEW.name AS BLOB) <> CAST(OLD.name AS BLOB)
BEGIN
  UPDATE aliases SET mailbox = NEW.name WHERE mailbox = OLD.name;
  UPDATE delegates SET principal = NEW.name WHERE principal = OLD.name;
  DELETE FROM retired WHERE name = OLD.name;
  INSERT INTO retired (name, next_uid) SELECT OLD.name, next_uid FROM usage WHERE mailbox_id = OLD.id;
  UPDATE usage SET next_uid = max(next_uid, coalesce((SELECT next_uid FROM retired WHERE name = NEW.name), 1))
   WHERE mailbox_id = NEW.id;
  -- Which numbers clients of the new name were shown is not known any more.
  DELETE FROM unshown WHERE mailbox_id = NEW.id AND NEW.name <> OLD.name;
END;

-- It goes into deleted_mailbox and its messages into deleted; without RetainDeletedItemsDays only to be purged at once.
CREATE TRIGGER mailboxes_removed AFTER DELETE ON mailboxes
BEGIN
  DELETE FROM retired WHERE name = OLD.name;
  INSERT INTO retired (name, next_uid) SELECT OLD.name, next_uid FROM usage WHERE mailbox_id = OLD.id;
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  INSERT INTO deleted_mailbox (
      id, name, prohibit_send_receive_quota, issue_warning_quota, retain_read_days, retain_unread_days, retention_hold,
      exact_rfc822_size, site, next_uid, version, messages, bytes, deleted_at)
    SELECT OLD.id, OLD.name, OLD.prohibit_send_receive_quota, OLD.issue_warning_quota, OLD.retain_read_days,
           OLD.retain_unread_days, OLD.retention_hold, OLD.exact_rfc822_size, OLD.site,
           u.next_uid, u.version, u.messages, u.bytes, c.latest_at
      FROM usage u JOIN counters c WHERE u.mailbox_id = OLD.id;
  INSERT INTO deleted_alias (mailbox_id, address) SELECT OLD.id, address FROM aliases WHERE mailbox = OLD.name;
  INSERT INTO deleted (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, deleted_at, with_mailbox)
    SELECT g.mailbox_id, g.uid, g.body_id, g.size, g.flags, g.read_at, g.unique_id, g.received_at, g.stored_at, g.sender, c.latest_at, 1
      FROM message g JOIN counters c WHERE g.mailbox_id = OLD.id;
  DELETE FROM usage     WHERE mailbox_id = OLD.id;  -- first: message_removed then leaves these alone
  DELETE FROM message   WHERE mailbox_id = OLD.id;
  DELETE FROM reaping   WHERE mailbox_id = OLD.id;
  DELETE FROM overfull  WHERE mailbox_id = OLD.id;
  DELETE FROM aliases   WHERE mailbox = OLD.name;
  DELETE FROM delegates WHERE principal = OLD.name;
  DELETE FROM deleted_mailbox
   WHERE id = OLD.id AND '0' = (SELECT value FROM settings WHERE name = 'RetainDeletedItemsDays');
END;

-- Mailboxes that can still be brought back, with what their columns and counters were. Their messages, their unshown
-- and their purged_id stay under their id.
CREATE TABLE deleted_mailbox (
  id                          INTEGER PRIMARY KEY,
  name                        TEXT NOT NULL COLLATE NOCASE,  -- this and the next ones as in mailboxes
  prohibit_send_receive_quota INTEGER,
  issue_warning_quota         INTEGER,
  retain_read_days            INTEGER,
  retain_unread_days          INTEGER,
  retention_hold              INTEGER NOT NULL,
  exact_rfc822_size           INTEGER,
  site                        TEXT,
  next_uid                    INTEGER NOT NULL,              -- this and the next ones as in usage
  version                     INTEGER NOT NULL,
  messages                    INTEGER NOT NULL,
  bytes                       INTEGER NOT NULL,
  deleted_at                  INTEGER NOT NULL
);

CREATE INDEX deleted_mailbox_deleted_at ON deleted_mailbox (deleted_at);

-- The aliases that led to them.
CREATE TABLE deleted_alias (
  mailbox_id INTEGER NOT NULL,
  address    TEXT NOT NULL COLLATE NOCASE,
  PRIMARY KEY (mailbox_id, address)
) WITHOUT ROWID;

-- It was brought back, or is gone for good.
CREATE TRIGGER deleted_mailbox_removed AFTER DELETE ON deleted_mailbox
BEGIN
  DELETE FROM deleted_alias WHERE mailbox_id = OLD.id;
  -- An hour, because a RETR that has begun reads on, chunk by chunk.
  INSERT INTO purge (body_id, not_before)
    SELECT d.body_id, c.latest_at + 3600 FROM deleted d JOIN counters c
     WHERE d.mailbox_id = OLD.id AND NOT EXISTS (SELECT 1 FROM mailboxes WHERE id = OLD.id);
  DELETE FROM deleted   WHERE mailbox_id = OLD.id AND NOT EXISTS (SELECT 1 FROM mailboxes WHERE id = OLD.id);
  DELETE FROM unshown   WHERE mailbox_id = OLD.id AND NOT EXISTS (SELECT 1 FROM mailboxes WHERE id = OLD.id);
  DELETE FROM purged_id WHERE mailbox_id = OLD.id AND NOT EXISTS (SELECT 1 FROM mailboxes WHERE id = OLD.id);
END;

CREATE TRIGGER aliases_check_insert BEFORE INSERT ON aliases
BEGIN
  SELECT RAISE(ABORT, 'aliases.address: 1 to 255 characters, no space or control, at most one @') WHERE NEW.address IS NULL;
  INSERT INTO must_be_utf8 VALUES ('aliases.address', NEW.address);
  SELECT RAISE(ABORT, 'aliases.mailbox: no such mailbox; the target is the name of an existing mailbox')
   WHERE NOT EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.mailbox);
END;

CREATE TRIGGER aliases_check_update BEFORE UPDATE ON aliases
BEGIN
  SELECT RAISE(ABORT, 'aliases.address: 1 to 255 characters, no space or control, at most one @') WHERE NEW.address IS NULL;
  INSERT INTO must_be_utf8 VALUES ('aliases.address', NEW.address);
  SELECT RAISE(ABORT, 'aliases.mailbox: no such mailbox; the target is the name of an existing mailbox')
   WHERE NOT EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.mailbox);
END;

CREATE TRIGGER delegates_exist_insert BEFORE INSERT ON delegates
BEGIN
  SELECT RAISE(ABORT, 'delegates.delegate: no such user') WHERE NOT EXISTS (SELECT 1 FROM users WHERE name = NEW.delegate);
  SELECT RAISE(ABORT, 'delegates.principal: no such mailbox') WHERE NOT EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.principal);
END;

CREATE TRIGGER delegates_exist_update BEFORE UPDATE ON delegates
BEGIN
  SELECT RAISE(ABORT, 'delegates.delegate: no such user') WHERE NOT EXISTS (SELECT 1 FROM users WHERE name = NEW.delegate);
  SELECT RAISE(ABORT, 'delegates.principal: no such mailbox') WHERE NOT EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.principal);
END;


---- Counters ----------------------------------------------------------------------------------------------------

-- What changes with each delivery, apart from mailboxes so that a short row is rewritten. Triggers own it.
CREATE TABLE usage (
  mailbox_id INTEGER PRIMARY KEY,
  next_uid   INTEGER NOT NULL DEFAULT 1,
  messages   INTEGER NOT NULL DEFAULT 0,
  bytes      INTEGER NOT NULL DEFAULT 0,  -- storage size
  version    INTEGER NOT NULL DEFAULT 0,  -- grows with each change but an arrival, which next_uid shows: both name a listing
  CONSTRAINT "usage.next_uid: 1 to 9007199254740992" CHECK (next_uid BETWEEN 1 AND 9007199254740992),
  CONSTRAINT "usage.messages: not negative" CHECK (messages >= 0),
  CONSTRAINT "usage.bytes: not negative" CHECK (bytes >= 0)
) STRICT;

-- Where unique-ids go on when a name is deleted or renamed and used again: clients remember them by name.
CREATE TABLE retired (
  name     TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
  next_uid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for the whole database.
CREATE TABLE counters (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  -- Body ids are never given again: a session may still hold one.
  next_body_id INTEGER NOT NULL CHECK (next_body_id BETWEEN 1 AND 2251799813685247),
  -- Secrets that were removed outside the program, so that it knows what the write-ahead log may still contain.
  erased       INTEGER NOT NULL DEFAULT 0,
  -- Moves with whatever may shut somebody out of a session, so that the server looks at those who are in.
  revoked      INTEGER NOT NULL DEFAULT 0,
  -- Moves with whatever CAPA says before a login, which follows from all users, verifiers and mailboxes: the server looks
  -- through them only then.
  advertised   INTEGER NOT NULL DEFAULT 0,
  -- Where the uids of a mailbox with a new name start. A restored backup raises it: it cannot know which names were
  -- in use after it was made.
  first_uid    INTEGER NOT NULL DEFAULT 1 CHECK (first_uid BETWEEN 1 AND 9007199254740991),
  -- The latest date that was given, for all that age counts from (stored_at, deleted_at, not_before). It does not go
  -- back: mail that comes while the clock is a day back by mistake would be a day too old when that is mended. But if
  -- it lies more than 2 days ahead, a clock was wildly wrong once, and the clock of now is believed.
  latest_at    INTEGER NOT NULL DEFAULT 0,
  -- 1 while the server deletes: it has given the date by its own clock. Never seen outside of its transaction.
  date_given   INTEGER NOT NULL DEFAULT 0 CHECK (date_given IN (0, 1)),
  -- 1: the user that is being inserted existed before. Means nothing outside of that statement.
  user_exists  INTEGER NOT NULL DEFAULT 0 CHECK (user_exists IN (0, 1)),
  -- When PostmasterMailbox was last sent the server's warnings.
  warned_at    INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO counters (id, next_body_id) VALUES (1, 1);

CREATE TRIGGER usage_no_insert BEFORE INSERT ON usage
BEGIN
  SELECT RAISE(ABORT, 'usage.mailbox_id: the row exists') WHERE EXISTS (SELECT 1 FROM usage WHERE mailbox_id = NEW.mailbox_id);
  SELECT RAISE(ABORT, 'usage.mailbox_id: no such mailbox') WHERE NOT EXISTS (SELECT 1 FROM mailboxes WHERE id = NEW.mailbox_id);
END;

CREATE TRIGGER usage_fixed BEFORE UPDATE OF mailbox_id ON usage WHEN NEW.mailbox_id <> OLD.mailbox_id
BEGIN SELECT RAISE(ABORT, 'usage.mailbox_id: cannot change'); END;

CREATE TRIGGER usage_uid BEFORE UPDATE OF next_uid ON usage WHEN NEW.next_uid < OLD.next_uid
BEGIN SELECT RAISE(ABORT, 'usage.next_uid: only grows'); END;

CREATE TRIGGER usage_keep BEFORE DELETE ON usage
BEGIN
  SELECT RAISE(ABORT, 'usage.mailbox_id: belongs to a mailbox') WHERE EXISTS (SELECT 1 FROM mailboxes WHERE id = OLD.mailbox_id);
END;

CREATE TRIGGER counters_no_insert BEFORE INSERT ON counters
BEGIN SELECT RAISE(ABORT, 'counters: the row exists'); END;

CREATE TRIGGER counters_no_delete BEFORE DELETE ON counters
BEGIN SELECT RAISE(ABORT, 'counters: the row cannot be deleted'); END;

CREATE TRIGGER counters_grow BEFORE UPDATE OF next_body_id ON counters WHEN NEW.next_body_id < OLD.next_body_id
BEGIN SELECT RAISE(ABORT, 'counters.next_body_id: only grows'); END;

CREATE TRIGGER counters_first_uid BEFORE UPDATE OF first_uid ON counters WHEN NEW.first_uid < OLD.first_uid
BEGIN SELECT RAISE(ABORT, 'counters.first_uid: only grows'); END;


---- Messages ----------------------------------------------------------------------------------------------------

-- One row per message, clustered in listing order. Only read_at ever changes.
CREATE TABLE message (
  mailbox_id  INTEGER NOT NULL,
  uid         INTEGER NOT NULL,
  body_id     INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  flags       INTEGER NOT NULL,  -- 1 a line starts with a dot, 2 compressed (reserved), 4 internationalized, 8 exempt from quota
  read_at     INTEGER,           -- NULL: not read
  unique_id   TEXT,              -- what UIDL shows, if that is not the uid: what an imported message came with
  received_at INTEGER NOT NULL,  -- for people: by the clock, or the date that an imported message came with
  stored_at   INTEGER NOT NULL,  -- for retention: see counters.latest_at
  sender      TEXT NOT NULL DEFAULT '',
  -- A decimal unique-id up to 2^52 is a number that uids could reach, and moves the next uid above it; any other is plain
  -- text. So an import leaves half of all numbers, and what new mail gets (up to 2^53 - 1) fits a double.
  number      INTEGER GENERATED ALWAYS AS (
    CASE WHEN unique_id GLOB '[1-9]*' AND unique_id NOT GLOB '*[^0-9]*' AND length(unique_id) <= 16
              AND CAST(unique_id AS INTEGER) <= 4503599627370496 THEN CAST(unique_id AS INTEGER) END) VIRTUAL,
  PRIMARY KEY (mailbox_id, uid),
  CONSTRAINT "message.uid: 1 to 9007199254740991" CHECK (uid BETWEEN 1 AND 9007199254740991),
  CONSTRAINT "message.size: 0 to 1073741824 octets" CHECK (size BETWEEN 0 AND 1073741824),
  CONSTRAINT "message.flags: 0 to 15" CHECK (flags BETWEEN 0 AND 15),
  CONSTRAINT "message.unique_id: 1 to 70 characters of 0x21 to 0x7E" CHECK (
    unique_id IS NULL OR (length(unique_id) BETWEEN 1 AND 70 AND unique_id NOT GLOB '*[^!-~]*' AND instr(unique_id, char(0)) = 0))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX message_unique_id ON message (mailbox_id, unique_id) WHERE unique_id IS NOT NULL;

-- The octets, in chunks of 256 KiB.
CREATE TABLE chunk (
  id   INTEGER PRIMARY KEY,  -- body_id * 4096 + number of the chunk, from 0 on
  data BLOB NOT NULL
) STRICT;

-- A body whose chunks come one by one. Each chunk, and the end, must find the row: once it is gone, so are chunks.
-- No date is here, because the clocks of two processes may be days apart: a server counts how long it has seen no new
-- chunk, and each chunk sets that back.
CREATE TABLE staging (
  body_id INTEGER PRIMARY KEY,
  seen    INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),  -- by a server, since the last chunk
  idle    INTEGER NOT NULL DEFAULT 0 CHECK (idle >= 0)        -- seconds
) STRICT;

-- After its own first chunk (the header that names the recipient) a body goes on with all chunks of another one, which
-- the copies of a message have in common.
CREATE TABLE continuation (
  body_id INTEGER PRIMARY KEY,
  tail_id INTEGER NOT NULL
) STRICT;

-- Bodies that more than one row of message, deleted and purge refers to.
CREATE TABLE shared (
  body_id INTEGER PRIMARY KEY,
  copies  INTEGER NOT NULL CHECK (copies >= 1)  -- how many rows do
) STRICT;

-- What people know a message by, for messages and recoverable. A table of its own, so that listings read no more pages.
CREATE TABLE summary (
  body_id      INTEGER PRIMARY KEY,
  subject      TEXT,
  from_address TEXT,
  message_id   TEXT
) STRICT;

-- Numbers below next_uid that no client was ever shown, because an import skipped them or put another unique-id in
-- their place: only these may still come as the unique-id of an imported message.
CREATE TABLE unshown (
  mailbox_id INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  last       INTEGER NOT NULL CHECK (last >= first),
  PRIMARY KEY (mailbox_id, first)
) STRICT, WITHOUT ROWID;

-- The quota is spelled out: through a view SQLite would compute it for every mailbox at every insert.
-- A row of deleted with the same uid and body is a message on its way back: it keeps its uid.
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
     AND NOT EXISTS (SELECT 1 FROM deleted d WHERE d.mailbox_id = NEW.mailbox_id AND d.uid = NEW.uid AND d.with_mailbox)
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
      OR EXISTS (SELECT 1 FROM purged_id WHERE mailbox_id = NEW.mailbox_id AND unique_id = NEW.unique_id)
      OR (n < (SELECT next_uid FROM usage WHERE mailbox_id = NEW.mailbox_id)
          AND NOT EXISTS (SELECT 1 FROM unshown WHERE mailbox_id = NEW.mailbox_id AND last >= n
                             AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = NEW.mailbox_id AND first <= n))
          AND NOT EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = NEW.mailbox_id AND uid = NEW.uid));
END;

CREATE TRIGGER message_added AFTER INSERT ON message
  WHEN NEW.unique_id IS NULL OR EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = NEW.mailbox_id AND uid = NEW.uid)
BEGIN
  UPDATE usage SET messages = messages + 1, bytes = bytes + max(1, (NEW.size + 4095) / 4096) * 4096,
                   version = version + (NEW.uid < next_uid), next_uid = max(next_uid, NEW.uid + 1)
   WHERE mailbox_id = NEW.mailbox_id;
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

CREATE TRIGGER message_fixed BEFORE UPDATE OF mailbox_id, uid, body_id, size, flags, unique_id, received_at, stored_at, sender ON message
BEGIN SELECT RAISE(ABORT, 'message: immutable, only read_at can change'); END;

CREATE TRIGGER message_read AFTER UPDATE OF read_at ON message WHEN NEW.read_at IS NOT OLD.read_at
BEGIN UPDATE usage SET version = version + 1 WHERE mailbox_id = NEW.mailbox_id; END;

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


---- Deleted messages --------------------------------------------------------------------------------------------

-- Messages that can still be brought back.
CREATE TABLE deleted (
  mailbox_id  INTEGER NOT NULL,  -- this and the next ones as in message
  uid         INTEGER NOT NULL,
  body_id     INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  flags       INTEGER NOT NULL,
  read_at     INTEGER,
  unique_id   TEXT,
  received_at INTEGER NOT NULL,
  stored_at   INTEGER NOT NULL,
  sender      TEXT NOT NULL,
  deleted_at  INTEGER NOT NULL,
  with_mailbox INTEGER NOT NULL DEFAULT 0 CHECK (with_mailbox IN (0, 1)),  -- 1: its mailbox was deleted; both come back together
  PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX deleted_at ON deleted (deleted_at);
CREATE INDEX deleted_unique_id ON deleted (mailbox_id, unique_id) WHERE unique_id IS NOT NULL;

-- References to bodies that are to be dropped: of mailboxes that are gone, of uploads that never ended.
CREATE TABLE purge (
  id         INTEGER PRIMARY KEY,
  body_id    INTEGER NOT NULL,
  not_before INTEGER NOT NULL
) STRICT;

CREATE INDEX purge_not_before ON purge (not_before);
CREATE INDEX purge_body_id ON purge (body_id);

-- Unique-ids that imported messages came with, once these are purged: clients have seen them, so none is given to
-- another message. (Numbers need no memory: unshown has those that may still come.)
CREATE TABLE purged_id (
  mailbox_id INTEGER NOT NULL,
  unique_id  TEXT NOT NULL,
  PRIMARY KEY (mailbox_id, unique_id)
) STRICT, WITHOUT ROWID;

-- Not when a mailbox goes for good (then deleted_mailbox has gone before), nor when a message is brought back (then it
-- lives).
CREATE TRIGGER deleted_purged AFTER DELETE ON deleted
  WHEN OLD.unique_id IS NOT NULL
   AND NOT (OLD.unique_id GLOB '[1-9]*' AND OLD.unique_id NOT GLOB '*[^0-9]*' AND length(OLD.unique_id) <= 15)
   AND (EXISTS (SELECT 1 FROM usage WHERE mailbox_id = OLD.mailbox_id)
        OR EXISTS (SELECT 1 FROM deleted_mailbox WHERE id = OLD.mailbox_id))
   AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox_id = OLD.mailbox_id AND uid = OLD.uid)
BEGIN INSERT OR IGNORE INTO purged_id (mailbox_id, unique_id) VALUES (OLD.mailbox_id, OLD.unique_id); END;


---- Deletion by age ---------------------------------------------------------------------------------------------

-- The server does not look through all mailboxes to find those that need something: triggers keep two short queues,
-- this one and overfull, each with an index on the moment that a row is due.

-- When the reaper looks at a mailbox next. A delivery moves nothing here: who has just looked comes again before a
-- message could get old.
CREATE TABLE reaping (
  mailbox_id INTEGER PRIMARY KEY,
  due_at     INTEGER NOT NULL DEFAULT 0  -- 0: now; -1: it is looking; 9007199254740991: nothing goes by age
) STRICT;

CREATE INDEX reaping_due_at ON reaping (due_at);

-- Days that a mailbox keeps its messages, its own or inherited; 0: for ever.
CREATE VIEW mailbox_retention AS
  SELECT id AS mailbox_id, name,
         CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_read_days,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainReadDays')) END AS read_days,
         CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_unread_days,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainUnreadDays')) END AS unread_days
    FROM mailboxes;

CREATE TRIGGER reaping_mailbox_added AFTER INSERT ON mailboxes
BEGIN INSERT INTO reaping (mailbox_id) VALUES (NEW.id); END;

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


---- What CAPA says ----------------------------------------------------------------------------------------------

CREATE TRIGGER advertised_user_added AFTER INSERT ON users
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_user_changed AFTER UPDATE OF password, pop_enabled ON users
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_user_removed AFTER DELETE ON users
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_verifier_added AFTER INSERT ON verifiers
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_verifier_removed AFTER DELETE ON verifiers
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_mailbox_added AFTER INSERT ON mailboxes
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_mailbox_changed AFTER UPDATE OF retain_read_days, retain_unread_days, retention_hold ON mailboxes
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_mailbox_removed AFTER DELETE ON mailboxes
BEGIN UPDATE counters SET advertised = advertised + 1; END;

CREATE TRIGGER advertised_setting_changed AFTER UPDATE OF value ON settings
  WHEN OLD.name IN ('RetainReadDays', 'RetainUnreadDays') AND NEW.value IS NOT OLD.value
BEGIN UPDATE counters SET advertised = advertised + 1; END;


---- Warnings of mailboxes that fill up --------------------------------------------------------------------------

-- The mailboxes whose usage is at or over their IssueWarningQuota, and when they are warned next.
CREATE TABLE overfull (
  mailbox_id INTEGER PRIMARY KEY,
  due_at     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX overfull_due_at ON overfull (due_at);

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


---- Who is on, and who was --------------------------------------------------------------------------------------

-- The server's own: emptied when it starts, written at most once a second.
CREATE TABLE session (
  id        INTEGER PRIMARY KEY,
  name      TEXT NOT NULL,     -- who logged in
  principal TEXT NOT NULL,     -- whose mailbox is open
  address   TEXT NOT NULL,     -- of the client
  tls       INTEGER NOT NULL,  -- 0 or 1
  since     INTEGER NOT NULL
) STRICT;

-- Sessions that an administrator has ended, until the server has done so.
CREATE TABLE session_end (id INTEGER PRIMARY KEY) STRICT;

CREATE TRIGGER session_removed AFTER DELETE ON session
BEGIN DELETE FROM session_end WHERE id = OLD.id; END;

-- One row for a user, an address and a mechanism, so that a client that polls pushes nobody out.
CREATE TABLE recent_login (
  name      TEXT NOT NULL,
  address   TEXT NOT NULL,
  mechanism TEXT NOT NULL,
  at        INTEGER NOT NULL,  -- the last of count logins
  count     INTEGER NOT NULL,
  PRIMARY KEY (name, address, mechanism)
) STRICT, WITHOUT ROWID;

CREATE INDEX recent_login_at ON recent_login (at);

CREATE TRIGGER recent_login_user_removed AFTER DELETE ON users
BEGIN DELETE FROM recent_login WHERE name = OLD.name; END;

-- The same of logins that failed; name is what the client claimed, whoever that is.
CREATE TABLE recent_failure (
  name      TEXT NOT NULL,
  address   TEXT NOT NULL,
  mechanism TEXT NOT NULL,
  at        INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  PRIMARY KEY (name, address, mechanism)
) STRICT, WITHOUT ROWID;

CREATE INDEX recent_failure_at ON recent_failure (at);

-- Who may have lost the right to a session. (Of a password see users_password_changed.)
CREATE TRIGGER revoked_user_disabled AFTER UPDATE OF pop_enabled ON users WHEN NEW.pop_enabled IS NOT OLD.pop_enabled
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER revoked_user_removed AFTER DELETE ON users
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER revoked_mailbox_moved AFTER UPDATE OF site ON mailboxes WHEN NEW.site IS NOT OLD.site
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER revoked_mailbox_removed AFTER DELETE ON mailboxes
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER revoked_delegate_changed AFTER UPDATE ON delegates
BEGIN UPDATE counters SET revoked = revoked + 1; END;

CREATE TRIGGER revoked_delegate_removed AFTER DELETE ON delegates
BEGIN UPDATE counters SET revoked = revoked + 1; END;


---- What the server has done ---------------------------------------------------------------------------------------

-- A row an hour, kept 400 days. Servers and `pillarbox deliver` add to it.
CREATE TABLE statistics (
  at               INTEGER PRIMARY KEY,         -- when the hour began
  logins           INTEGER NOT NULL DEFAULT 0,
  failures         INTEGER NOT NULL DEFAULT 0,  -- logins with wrong credentials
  connections      INTEGER NOT NULL DEFAULT 0,  -- of POP3
  most_sessions    INTEGER NOT NULL DEFAULT 0,  -- that were logged in at the same time
  deliveries       INTEGER NOT NULL DEFAULT 0,  -- copies that were stored
  delivered_octets INTEGER NOT NULL DEFAULT 0,
  refused          INTEGER NOT NULL DEFAULT 0,  -- copies that were not
  retrieved        INTEGER NOT NULL DEFAULT 0,  -- messages that RETR has sent
  retrieved_octets INTEGER NOT NULL DEFAULT 0,
  removed          INTEGER NOT NULL DEFAULT 0,  -- messages that clients have deleted
  messages         INTEGER NOT NULL DEFAULT 0,  -- in all mailboxes, at the last look
  database_octets  INTEGER NOT NULL DEFAULT 0   -- the file's size, at the last look
) STRICT;

-- The same by the minute, for an hour: what `pillarbox status` tells.
CREATE TABLE recent_minute (
  at         INTEGER PRIMARY KEY,  -- when the minute began
  logins     INTEGER NOT NULL,
  failures   INTEGER NOT NULL,
  deliveries INTEGER NOT NULL
) STRICT;


---- What administrators look at ---------------------------------------------------------------------------------

-- How full each mailbox is; percent of limit_quota.
CREATE VIEW mailbox_usage AS
  SELECT name, messages, bytes, warning_quota, limit_quota,
         CASE WHEN limit_quota > 0 THEN round(100.0 * bytes / limit_quota, 1) END AS percent
    FROM (SELECT m.name, u.messages, u.bytes,
                 coalesce(m.issue_warning_quota,
                   (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota')) AS warning_quota,
                 coalesce(m.prohibit_send_receive_quota,
                   (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'ProhibitSendReceiveQuota')) AS limit_quota
            FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id);

-- The messages of all mailboxes. DELETE deletes; of the columns only read can be updated, and mailbox, which moves.
CREATE VIEW messages AS
  SELECT m.name AS mailbox, g.uid, g.size, strftime('%Y-%m-%dT%H:%M:%SZ', g.received_at, 'unixepoch') AS received_at,
         g.unique_id, g.sender, g.read_at IS NOT NULL AS read,
         strftime('%Y-%m-%dT%H:%M:%SZ', g.stored_at, 'unixepoch') AS stored_at,
         s.subject, s.from_address, s.message_id
    FROM mailboxes m JOIN message g ON g.mailbox_id = m.id LEFT JOIN summary s ON s.body_id = g.body_id;

CREATE TRIGGER messages_delete INSTEAD OF DELETE ON messages
BEGIN
  DELETE FROM message WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid;
END;

CREATE TRIGGER messages_update INSTEAD OF UPDATE ON messages
BEGIN
  SELECT RAISE(ABORT, 'messages: immutable, only mailbox and read can change')
   WHERE NEW.uid IS NOT OLD.uid OR NEW.size IS NOT OLD.size
      OR NEW.received_at IS NOT OLD.received_at OR NEW.unique_id IS NOT OLD.unique_id OR NEW.sender IS NOT OLD.sender
      OR NEW.stored_at IS NOT OLD.stored_at OR NEW.subject IS NOT OLD.subject OR NEW.from_address IS NOT OLD.from_address
      OR NEW.message_id IS NOT OLD.message_id;
  SELECT RAISE(ABORT, 'messages.read: 0 or 1') WHERE NEW.read IS NULL OR NEW.read NOT IN (0, 1);
  UPDATE message SET read_at = CASE NEW.read WHEN 1 THEN coalesce(read_at, CAST(strftime('%s', 'now') AS INTEGER)) END
   WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid AND (read_at IS NOT NULL) <> NEW.read;
  INSERT INTO move_message SELECT a.id, OLD.uid, b.id FROM mailboxes a LEFT JOIN mailboxes b ON b.name = NEW.mailbox
   WHERE a.name = OLD.mailbox AND b.id IS NOT a.id;
END;

-- Moves a message: there it gets a new uid, even if it was imported with a unique-id, is subject to the quota, and gets old
-- from now on. Here its unique-id is retired, and it cannot be brought back.
CREATE VIEW move_message (mailbox_id, uid, target_id) AS SELECT NULL, NULL, NULL WHERE 0;

CREATE TRIGGER move_message_called INSTEAD OF INSERT ON move_message
BEGIN
  SELECT RAISE(ABORT, 'messages.mailbox: no such mailbox; the target is the name of an existing mailbox') WHERE NEW.target_id IS NULL;
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  INSERT INTO message (mailbox_id, uid, body_id, size, flags, read_at, received_at, stored_at, sender)
    SELECT NEW.target_id, u.next_uid, g.body_id, g.size, g.flags & 7, g.read_at, g.received_at, c.latest_at, g.sender
      FROM message g JOIN usage u ON u.mailbox_id = NEW.target_id JOIN counters c
     WHERE g.mailbox_id = NEW.mailbox_id AND g.uid = NEW.uid;
  DELETE FROM message WHERE mailbox_id = NEW.mailbox_id AND uid = NEW.uid;
  DELETE FROM deleted WHERE mailbox_id = NEW.mailbox_id AND uid = NEW.uid;
END;

-- Deleted messages, as long as RetainDeletedItemsDays lets them be brought back: SET deleted_at = NULL does that. DELETE
-- purges.
CREATE VIEW recoverable AS
  SELECT m.name AS mailbox, d.uid, d.size, strftime('%Y-%m-%dT%H:%M:%SZ', d.deleted_at, 'unixepoch') AS deleted_at,
         strftime('%Y-%m-%dT%H:%M:%SZ', d.received_at, 'unixepoch') AS received_at, d.unique_id, d.sender,
         s.subject, s.from_address, s.message_id
    FROM mailboxes m JOIN deleted d ON d.mailbox_id = m.id LEFT JOIN summary s ON s.body_id = d.body_id
   WHERE d.deleted_at > CAST(strftime('%s', 'now') AS INTEGER)
         - 86400 * (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainDeletedItemsDays');

-- Quota and unique-id are checked again. Retention counts anew: else the reaper would undo the undo.
CREATE TRIGGER recoverable_update INSTEAD OF UPDATE ON recoverable
BEGIN
  SELECT RAISE(ABORT, 'recoverable.deleted_at: only SET deleted_at = NULL, which brings the message back')
   WHERE NEW.deleted_at IS NOT NULL OR NEW.mailbox IS NOT OLD.mailbox OR NEW.uid IS NOT OLD.uid OR NEW.size IS NOT OLD.size
      OR NEW.received_at IS NOT OLD.received_at OR NEW.unique_id IS NOT OLD.unique_id OR NEW.sender IS NOT OLD.sender
      OR NEW.subject IS NOT OLD.subject OR NEW.from_address IS NOT OLD.from_address OR NEW.message_id IS NOT OLD.message_id;
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  INSERT INTO message (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender)
    SELECT mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, (SELECT latest_at FROM counters), sender
      FROM deleted WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid;
  DELETE FROM deleted WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid;
END;

-- An hour, because a RETR that has begun reads on, chunk by chunk.
CREATE TRIGGER recoverable_delete INSTEAD OF DELETE ON recoverable
BEGIN
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  INSERT INTO purge (body_id, not_before)
    SELECT d.body_id, c.latest_at + 3600 FROM deleted d JOIN counters c
     WHERE d.mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND d.uid = OLD.uid;
  DELETE FROM deleted WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid;
END;

-- Mailboxes of deleted users, and others that were deleted, as long as RetainDeletedItemsDays lets them be brought back:
-- SET deleted_at = NULL does that. DELETE purges.
CREATE VIEW deleted_mailboxes AS
  SELECT id, name, messages, bytes, strftime('%Y-%m-%dT%H:%M:%SZ', d.deleted_at, 'unixepoch') AS deleted_at
    FROM deleted_mailbox d
   WHERE d.deleted_at > CAST(strftime('%s', 'now') AS INTEGER)
         - 86400 * (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainDeletedItemsDays');

-- Retention counts anew, as for a message. The quota is not checked again: all of it was within it once.
CREATE TRIGGER deleted_mailboxes_update INSTEAD OF UPDATE ON deleted_mailboxes
BEGIN
  SELECT RAISE(ABORT, 'deleted_mailboxes.deleted_at: only SET deleted_at = NULL, which brings the mailbox back')
   WHERE NEW.deleted_at IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.name IS NOT OLD.name OR NEW.messages IS NOT OLD.messages
      OR NEW.bytes IS NOT OLD.bytes;
  SELECT RAISE(ABORT, 'deleted_mailboxes.name: a mailbox of this name exists (rename or delete it first), or several deleted ones have this name (SELECT id, name, deleted_at FROM deleted_mailboxes, then UPDATE ... WHERE id = ...)')
   WHERE EXISTS (SELECT 1 FROM mailboxes WHERE name = OLD.name);
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  INSERT INTO mailboxes (id, name, prohibit_send_receive_quota, issue_warning_quota, retain_read_days, retain_unread_days,
                         retention_hold, exact_rfc822_size, site)
    SELECT id, name, prohibit_send_receive_quota, issue_warning_quota, retain_read_days, retain_unread_days,
           retention_hold, exact_rfc822_size, site FROM deleted_mailbox WHERE id = OLD.id;
  -- If the name was used since, clients may have been shown what was unshown.
  DELETE FROM unshown WHERE mailbox_id = OLD.id
     AND (SELECT next_uid FROM usage WHERE mailbox_id = OLD.id) <> (SELECT next_uid FROM deleted_mailbox WHERE id = OLD.id);
  UPDATE usage SET (next_uid, version) =
      (SELECT max(usage.next_uid, d.next_uid), d.version + 1 FROM deleted_mailbox d WHERE d.id = OLD.id)
   WHERE mailbox_id = OLD.id;
  INSERT INTO message (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender)
    SELECT mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, (SELECT latest_at FROM counters), sender
      FROM deleted WHERE mailbox_id = OLD.id AND with_mailbox;
  DELETE FROM deleted WHERE mailbox_id = OLD.id AND with_mailbox;
  INSERT INTO aliases (address, mailbox) SELECT address, OLD.name FROM deleted_alias WHERE mailbox_id = OLD.id;
  DELETE FROM deleted_mailbox WHERE id = OLD.id;
END;

CREATE TRIGGER deleted_mailboxes_delete INSTEAD OF DELETE ON deleted_mailboxes
BEGIN
  UPDATE counters SET latest_at = CAST(strftime('%s', 'now') AS INTEGER)
   WHERE latest_at - CAST(strftime('%s', 'now') AS INTEGER) NOT BETWEEN 0 AND 172800;
  DELETE FROM deleted_mailbox WHERE id = OLD.id;
END;

-- Who is logged in now.
CREATE VIEW sessions AS
  SELECT name, principal, address, tls, strftime('%Y-%m-%dT%H:%M:%SZ', since, 'unixepoch') AS since
    FROM session WHERE id NOT IN (SELECT id FROM session_end) ORDER BY session.since, id;

-- Ends all sessions that look the same: nobody can have meant only one of them.
CREATE TRIGGER sessions_delete INSTEAD OF DELETE ON sessions
BEGIN
  INSERT INTO session_end (id)
    SELECT id FROM session
     WHERE name = OLD.name AND principal = OLD.principal AND address = OLD.address AND tls = OLD.tls
       AND strftime('%Y-%m-%dT%H:%M:%SZ', since, 'unixepoch') = OLD.since AND id NOT IN (SELECT id FROM session_end);
  UPDATE counters SET revoked = revoked + 1;
END;

-- Who logged in lately; at is the last of count logins.
CREATE VIEW recent_logins AS
  SELECT name, address, mechanism, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at, count
    FROM recent_login ORDER BY recent_login.at DESC;

-- Who has failed to log in lately.
CREATE VIEW recent_failures AS
  SELECT name, address, mechanism, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS last_at, count
    FROM recent_failure ORDER BY recent_failure.at DESC;

-- What the server did in each hour.
CREATE VIEW hourly_statistics AS
  SELECT strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS hour, logins, failures, connections, most_sessions, deliveries,
         delivered_octets, refused, retrieved, retrieved_octets, removed, messages, database_octets
    FROM statistics ORDER BY statistics.at DESC;
