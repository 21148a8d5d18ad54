-- The newest schema, made from migrations/ by PILLARBOX_BLESS=1 cargo test --lib schema_sql.
PRAGMA application_id = 1348628344;
PRAGMA user_version = 7;

CREATE TABLE settings (
  name  TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
  value TEXT NOT NULL,
  CONSTRAINT "settings.value: text of at most 4096 characters without control characters" CHECK (
    typeof(value) = 'text' AND length(value) <= 4096 AND instr(value, char(0)) = 0
    AND value NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*')
) WITHOUT ROWID;
INSERT INTO settings (name, value) VALUES ('AuthenticatedConnectionTimeout', '1800');
INSERT INTO settings (name, value) VALUES ('Banner', 'The Pillarbox POP3 service is ready.');
INSERT INTO settings (name, value) VALUES ('CertificateFile', '');
INSERT INTO settings (name, value) VALUES ('Domains', '');
INSERT INTO settings (name, value) VALUES ('EnableExactRFC822Size', '0');
INSERT INTO settings (name, value) VALUES ('EnableGSSAPIAndNTLMAuth', '1');
INSERT INTO settings (name, value) VALUES ('ExtendedProtectionPolicy', 'None');
INSERT INTO settings (name, value) VALUES ('GssapiKeytab', '');
INSERT INTO settings (name, value) VALUES ('GssapiRealms', '');
INSERT INTO settings (name, value) VALUES ('IssueWarningQuota', '2039480320');
INSERT INTO settings (name, value) VALUES ('LmtpBindings', '');
INSERT INTO settings (name, value) VALUES ('LmtpMaxConnections', '100');
INSERT INTO settings (name, value) VALUES ('LmtpSocketGroup', '');
INSERT INTO settings (name, value) VALUES ('LmtpSocketMode', '0660');
INSERT INTO settings (name, value) VALUES ('LogFileLocation', '');
INSERT INTO settings (name, value) VALUES ('LogFileRollOverSettings', 'Hourly');
INSERT INTO settings (name, value) VALUES ('LogPerFileSizeQuota', '0');
INSERT INTO settings (name, value) VALUES ('LoginType', 'SecureLogin');
INSERT INTO settings (name, value) VALUES ('MaxCommandSize', '512');
INSERT INTO settings (name, value) VALUES ('MaxConnectionFromSingleIP', '256');
INSERT INTO settings (name, value) VALUES ('MaxConnections', '2000');
INSERT INTO settings (name, value) VALUES ('MaxConnectionsPerUser', '16');
INSERT INTO settings (name, value) VALUES ('MaxLoginDelay', '5');
INSERT INTO settings (name, value) VALUES ('MaxReceiveSize', '104857600');
INSERT INTO settings (name, value) VALUES ('MessageRetrievalSortOrder', 'Ascending');
INSERT INTO settings (name, value) VALUES ('OAuthAudience', '');
INSERT INTO settings (name, value) VALUES ('OAuthIssuer', '');
INSERT INTO settings (name, value) VALUES ('OAuthKeyFile', '');
INSERT INTO settings (name, value) VALUES ('OAuthUserClaim', 'sub');
INSERT INTO settings (name, value) VALUES ('OverQuotaPermanent', '0');
INSERT INTO settings (name, value) VALUES ('PreAuthenticatedConnectionTimeout', '60');
INSERT INTO settings (name, value) VALUES ('PrivateKeyFile', '');
INSERT INTO settings (name, value) VALUES ('ProhibitSendReceiveQuota', '2469396480');
INSERT INTO settings (name, value) VALUES ('ProtocolLogEnabled', '0');
INSERT INTO settings (name, value) VALUES ('ReaperInterval', '60');
INSERT INTO settings (name, value) VALUES ('RecipientDelimiter', '+');
INSERT INTO settings (name, value) VALUES ('RetainDeletedItemsDays', '14');
INSERT INTO settings (name, value) VALUES ('RetainReadDays', '0');
INSERT INTO settings (name, value) VALUES ('RetainUnreadDays', '0');
INSERT INTO settings (name, value) VALUES ('SSLBindings', '0.0.0.0:995,[::]:995');
INSERT INTO settings (name, value) VALUES ('Site', '');
INSERT INTO settings (name, value) VALUES ('TrustedNetworks', '');
INSERT INTO settings (name, value) VALUES ('UnencryptedOrTLSBindings', '0.0.0.0:110,[::]:110');

CREATE TRIGGER settings_no_delete BEFORE DELETE ON settings
BEGIN SELECT RAISE(ABORT, 'settings.name: a setting cannot be deleted; UPDATE its value'); END;

CREATE TRIGGER settings_no_rename BEFORE UPDATE OF name ON settings
  WHEN NEW.name IS NOT OLD.name OR CAST(NEW.name AS BLOB) IS NOT CAST(OLD.name AS BLOB)
BEGIN SELECT RAISE(ABORT, 'settings.name: a setting cannot be renamed'); END;

CREATE TRIGGER settings_numbers BEFORE UPDATE OF value ON settings
BEGIN
  SELECT CASE OLD.name
    WHEN 'MaxCommandSize' THEN CASE WHEN n NOT BETWEEN 40 AND 1024
      THEN RAISE(ABORT, 'MaxCommandSize: 40 to 1024 octets') END
    WHEN 'AuthenticatedConnectionTimeout' THEN CASE WHEN n NOT BETWEEN 30 AND 86400
      THEN RAISE(ABORT, 'AuthenticatedConnectionTimeout: 30 to 86400 seconds') END
    WHEN 'PreAuthenticatedConnectionTimeout' THEN CASE WHEN n NOT BETWEEN 30 AND 3600
      THEN RAISE(ABORT, 'PreAuthenticatedConnectionTimeout: 30 to 3600 seconds') END
    WHEN 'MaxConnections' THEN CASE WHEN n NOT BETWEEN 1 AND 2147483647
      THEN RAISE(ABORT, 'MaxConnections: 1 to 2147483647') END
    WHEN 'MaxConnectionFromSingleIP' THEN CASE WHEN n NOT BETWEEN 1 AND 2147483647
      THEN RAISE(ABORT, 'MaxConnectionFromSingleIP: 1 to 2147483647') END
    WHEN 'MaxConnectionsPerUser' THEN CASE WHEN n NOT BETWEEN 1 AND 2147483647
      THEN RAISE(ABORT, 'MaxConnectionsPerUser: 1 to 2147483647') END
    WHEN 'MaxLoginDelay' THEN CASE WHEN n NOT BETWEEN 0 AND 60
      THEN RAISE(ABORT, 'MaxLoginDelay: 0 to 60 seconds') END
    WHEN 'EnableExactRFC822Size' THEN CASE WHEN n NOT BETWEEN 0 AND 1
      THEN RAISE(ABORT, 'EnableExactRFC822Size: 0 or 1') END
    WHEN 'EnableGSSAPIAndNTLMAuth' THEN CASE WHEN n NOT BETWEEN 0 AND 1
      THEN RAISE(ABORT, 'EnableGSSAPIAndNTLMAuth: 0 or 1') END
    WHEN 'IssueWarningQuota' THEN CASE WHEN n NOT BETWEEN 0 AND 9007199254740991
      THEN RAISE(ABORT, 'IssueWarningQuota: 0 to 9007199254740991 octets') END
    WHEN 'ProhibitSendReceiveQuota' THEN CASE WHEN n NOT BETWEEN 0 AND 9007199254740991
      THEN RAISE(ABORT, 'ProhibitSendReceiveQuota: 0 to 9007199254740991 octets') END
    WHEN 'MaxReceiveSize' THEN CASE WHEN n NOT BETWEEN 1 AND 1073741824
      THEN RAISE(ABORT, 'MaxReceiveSize: 1 to 1073741824 octets') END
    WHEN 'RetainReadDays' THEN CASE WHEN n NOT BETWEEN 0 AND 24855
      THEN RAISE(ABORT, 'RetainReadDays: 0 to 24855 days') END
    WHEN 'RetainUnreadDays' THEN CASE WHEN n NOT BETWEEN 0 AND 24855
      THEN RAISE(ABORT, 'RetainUnreadDays: 0 to 24855 days') END
    WHEN 'ReaperInterval' THEN CASE WHEN n NOT BETWEEN 1 AND 86400
      THEN RAISE(ABORT, 'ReaperInterval: 1 to 86400 seconds') END
    WHEN 'RetainDeletedItemsDays' THEN CASE WHEN n NOT BETWEEN 0 AND 24855
      THEN RAISE(ABORT, 'RetainDeletedItemsDays: 0 to 24855 days') END
    WHEN 'ProtocolLogEnabled' THEN CASE WHEN n NOT BETWEEN 0 AND 1
      THEN RAISE(ABORT, 'ProtocolLogEnabled: 0 or 1') END
    WHEN 'LogPerFileSizeQuota' THEN CASE WHEN n NOT BETWEEN 0 AND 9007199254740991
      THEN RAISE(ABORT, 'LogPerFileSizeQuota: 0 to 9007199254740991 octets') END
    END
  FROM (SELECT CASE WHEN CAST(CAST(NEW.value AS INTEGER) AS TEXT) = NEW.value
                    THEN CAST(NEW.value AS INTEGER) ELSE -1 END AS n);
END;

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
    WHEN 'Site' THEN CASE WHEN length(v) > 255
      THEN RAISE(ABORT, 'Site: at most 255 characters') END
    END
  FROM (SELECT coalesce(CAST(NEW.value AS TEXT), '') AS v);
END;

CREATE TABLE users (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  name        TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password    TEXT,
  pop_enabled INTEGER NOT NULL DEFAULT 1,
  ntlm        INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "users.name: 1 to 255 characters, no space, control, / or \, at most one @" CHECK (
    typeof(name) = 'text' AND length(name) BETWEEN 1 AND 255 AND instr(name, char(0)) = 0
    AND name NOT GLOB '*[' || char(1) || '-' || char(32) || '/\' || char(127) || '-' || char(159) || ']*'
    AND length(name) - length(replace(name, '@', '')) <= 1),
  CONSTRAINT "users.pop_enabled: 0 or 1" CHECK (typeof(pop_enabled) = 'integer' AND pop_enabled IN (0, 1)),
  CONSTRAINT "users.ntlm: 0 or 1" CHECK (typeof(ntlm) = 'integer' AND ntlm IN (0, 1)),
  CONSTRAINT "users.password: 1 to 1024 characters of text without control characters" CHECK (
    password IS NULL OR (typeof(password) = 'text' AND length(password) BETWEEN 1 AND 1024 AND instr(password, char(0)) = 0
    AND password NOT GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*')),
  -- A hash is known by how it starts; what starts so must be one of the forms that can be verified.
  CONSTRAINT "users.password: plain text, or a well-formed $argon2, $2b$ or $6$ hash" CHECK (
    password IS NULL
    OR (password NOT GLOB '$argon2*' AND password NOT GLOB '$2b$*' AND password NOT GLOB '$6$*')
    OR (password GLOB '$argon2*$v=[0-9]*$m=[0-9]*,t=[0-9]*,p=[0-9]*$??????????*$????????????????*'
        AND (password GLOB '$argon2id$*' OR password GLOB '$argon2i$*' OR password GLOB '$argon2d$*')
        AND password NOT GLOB '*[^0-9A-Za-z+/$=,]*'
        AND length(password) - length(replace(password, '$', '')) = 5)
    OR (password GLOB '$2b$[0-3][0-9]$*' AND length(password) = 60 AND substr(password, 8) NOT GLOB '*[^0-9A-Za-z./]*')
    OR (password GLOB '$6$*$*' AND substr(password, -86) NOT GLOB '*[^0-9A-Za-z./]*' AND substr(password, -87, 1) = '$'
        AND password NOT GLOB '*[^0-9A-Za-z./$=]*'
        AND length(password) - length(replace(password, '$', '')) = CASE WHEN password GLOB '$6$rounds=[0-9]*$*' THEN 4 ELSE 3 END)),
  CONSTRAINT "users.password: {SCHEME} is one of {ARGON2ID}, {ARGON2I}, {BLF-CRYPT}, {SHA512-CRYPT}, {CRYPT}, with its hash" CHECK (
    password IS NULL OR password NOT GLOB '{[0-9A-Za-z._-]*}*'
    OR CASE upper(substr(password, 1, instr(password, '}')))
         WHEN '{ARGON2ID}' THEN password GLOB '{*}$argon2id$*'
         WHEN '{ARGON2I}' THEN password GLOB '{*}$argon2i$*'
         WHEN '{BLF-CRYPT}' THEN password GLOB '{*}$2[aby]$*'
         WHEN '{SHA512-CRYPT}' THEN password GLOB '{*}$6$*'
         WHEN '{CRYPT}' THEN password GLOB '{*}$2[aby]$*' OR password GLOB '{*}$6$*'
         ELSE 0 END
       AND CASE
         WHEN password GLOB '{*}$argon2*'
           THEN password GLOB '*}$argon2*$v=[0-9]*$m=[0-9]*,t=[0-9]*,p=[0-9]*$??????????*$????????????????*'
                AND password NOT GLOB '*}*[^0-9A-Za-z+/$=,]*' AND length(password) - length(replace(password, '$', '')) = 5
         WHEN password GLOB '{*}$2*'
           THEN password GLOB '{*}$2[aby]$[0-3][0-9]$*' AND length(password) - instr(password, '}') = 60
                AND substr(password, -53) NOT GLOB '*[^0-9A-Za-z./]*'
         ELSE substr(password, -86) NOT GLOB '*[^0-9A-Za-z./]*' AND substr(password, -87, 1) = '$'
                AND password NOT GLOB '*}*[^0-9A-Za-z./$=]*'
                AND length(password) - length(replace(password, '$', '')) = CASE WHEN password GLOB '*}$6$rounds=[0-9]*$*' THEN 4 ELSE 3 END
         END)
);

CREATE INDEX users_pending ON users (id)
  WHERE password NOT GLOB '$argon2*' AND password NOT GLOB '$2b$*' AND password NOT GLOB '$6$*' AND password NOT GLOB '{[0-9A-Za-z._-]*}*';

CREATE TABLE verifiers (
  user_id INTEGER NOT NULL,
  scheme  TEXT NOT NULL,
  value   BLOB NOT NULL,
  PRIMARY KEY (user_id, scheme),
  CONSTRAINT "verifiers.scheme: SCRAM-SHA-256 or NT" CHECK (scheme IN ('SCRAM-SHA-256', 'NT'))
) STRICT, WITHOUT ROWID;

CREATE TABLE mailboxes (
  id                          INTEGER PRIMARY KEY AUTOINCREMENT,
  name                        TEXT NOT NULL COLLATE NOCASE UNIQUE,
  prohibit_send_receive_quota INTEGER,
  issue_warning_quota         INTEGER,
  retain_read_days            INTEGER,
  retain_unread_days          INTEGER,
  retention_hold              INTEGER NOT NULL DEFAULT 0,
  site                        TEXT,
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
  CONSTRAINT "mailboxes.site: at most 255 characters, or NULL" CHECK (
    site IS NULL OR (typeof(site) = 'text' AND length(site) <= 255))
);

CREATE TABLE aliases (
  address TEXT NOT NULL COLLATE NOCASE,
  mailbox TEXT NOT NULL COLLATE NOCASE,
  PRIMARY KEY (address, mailbox),
  CONSTRAINT "aliases.address: 1 to 255 characters, no space or control, at most one @" CHECK (
    typeof(address) = 'text' AND length(address) BETWEEN 1 AND 255 AND instr(address, char(0)) = 0
    AND address NOT GLOB '*[' || char(1) || '-' || char(32) || char(127) || '-' || char(159) || ']*'
    AND length(address) - length(replace(address, '@', '')) <= 1)
) WITHOUT ROWID;

CREATE INDEX aliases_mailbox ON aliases (mailbox);

CREATE TABLE delegates (
  delegate  TEXT NOT NULL COLLATE NOCASE,
  principal TEXT NOT NULL COLLATE NOCASE,
  PRIMARY KEY (delegate, principal)
) WITHOUT ROWID;

CREATE INDEX delegates_principal ON delegates (principal);

CREATE TABLE usage (
  mailbox_id INTEGER PRIMARY KEY,
  next_uid   INTEGER NOT NULL DEFAULT 1,
  messages   INTEGER NOT NULL DEFAULT 0,
  bytes      INTEGER NOT NULL DEFAULT 0,
  version    INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "usage.next_uid: 1 to 9007199254740992" CHECK (next_uid BETWEEN 1 AND 9007199254740992),
  CONSTRAINT "usage.messages: not negative" CHECK (messages >= 0),
  CONSTRAINT "usage.bytes: not negative" CHECK (bytes >= 0)
) STRICT;

CREATE TABLE retired (
  name     TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
  next_uid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE unshown (
  mailbox_id INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  last       INTEGER NOT NULL CHECK (last >= first),
  PRIMARY KEY (mailbox_id, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  mailbox_id  INTEGER NOT NULL,
  uid         INTEGER NOT NULL,
  body_id     INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  flags       INTEGER NOT NULL,
  read_at     INTEGER,
  unique_id   TEXT,
  received_at INTEGER NOT NULL,
  stored_at   INTEGER NOT NULL,
  sender      TEXT NOT NULL DEFAULT '',
  -- A unique-id that is a number which uids could reach; any other is plain text.
  number      INTEGER GENERATED ALWAYS AS (
    CASE WHEN unique_id GLOB '[1-9]*' AND unique_id NOT GLOB '*[^0-9]*' AND length(unique_id) <= 16
              AND CAST(unique_id AS INTEGER) <= 9007199254740990 THEN CAST(unique_id AS INTEGER) END) VIRTUAL,
  PRIMARY KEY (mailbox_id, uid),
  CONSTRAINT "message.uid: 1 to 9007199254740991" CHECK (uid BETWEEN 1 AND 9007199254740991),
  CONSTRAINT "message.size: 0 to 1073741824 octets" CHECK (size BETWEEN 0 AND 1073741824),
  CONSTRAINT "message.flags: 0 to 15" CHECK (flags BETWEEN 0 AND 15),
  CONSTRAINT "message.unique_id: 1 to 70 characters of 0x21 to 0x7E" CHECK (
    unique_id IS NULL OR (length(unique_id) BETWEEN 1 AND 70 AND unique_id NOT GLOB '*[^!-~]*' AND instr(unique_id, char(0)) = 0))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX message_unique_id ON message (mailbox_id, unique_id) WHERE unique_id IS NOT NULL;

CREATE TABLE deleted (
  mailbox_id  INTEGER NOT NULL,
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
  PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX deleted_at ON deleted (deleted_at);

CREATE INDEX deleted_unique_id ON deleted (mailbox_id, unique_id) WHERE unique_id IS NOT NULL;

CREATE TABLE chunk (
  id   INTEGER PRIMARY KEY,
  data BLOB NOT NULL
) STRICT;

CREATE TABLE shared (
  body_id INTEGER PRIMARY KEY,
  copies  INTEGER NOT NULL CHECK (copies >= 1)
) STRICT;

CREATE TABLE purge (
  id         INTEGER PRIMARY KEY,
  body_id    INTEGER NOT NULL,
  not_before INTEGER NOT NULL
) STRICT;

CREATE INDEX purge_not_before ON purge (not_before);

CREATE INDEX purge_body_id ON purge (body_id);

CREATE TABLE counters (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  next_body_id INTEGER NOT NULL CHECK (next_body_id BETWEEN 1 AND 2251799813685247),
  erased       INTEGER NOT NULL DEFAULT 0
, first_uid INTEGER NOT NULL DEFAULT 1 CHECK (first_uid BETWEEN 1 AND 9007199254740991), latest_at INTEGER NOT NULL DEFAULT 0, date_given INTEGER NOT NULL DEFAULT 0 CHECK (date_given IN (0, 1))) STRICT;
INSERT INTO counters (id, next_body_id) VALUES (1, 1);

CREATE TRIGGER counters_no_insert BEFORE INSERT ON counters
BEGIN SELECT RAISE(ABORT, 'counters: the row exists'); END;

CREATE TRIGGER counters_no_delete BEFORE DELETE ON counters
BEGIN SELECT RAISE(ABORT, 'counters: the row cannot be deleted'); END;

CREATE TRIGGER counters_grow BEFORE UPDATE OF next_body_id ON counters WHEN NEW.next_body_id < OLD.next_body_id
BEGIN SELECT RAISE(ABORT, 'counters.next_body_id: only grows'); END;

CREATE TRIGGER users_no_replace_insert BEFORE INSERT ON users
BEGIN
  SELECT RAISE(ABORT, 'users.name: a user of this name or id exists; use UPDATE')
   WHERE EXISTS (SELECT 1 FROM users WHERE name = NEW.name OR id = NEW.id);
END;

CREATE TRIGGER users_no_replace_update BEFORE UPDATE OF id, name ON users
BEGIN
  SELECT RAISE(ABORT, 'users.id: cannot change') WHERE NEW.id IS NOT OLD.id;
  SELECT RAISE(ABORT, 'users.name: a user of this name exists')
   WHERE EXISTS (SELECT 1 FROM users WHERE name = NEW.name AND id <> OLD.id);
END;

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
  UPDATE counters SET erased = erased + 1;
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

CREATE TRIGGER mailboxes_user_first BEFORE DELETE ON mailboxes
BEGIN
  SELECT RAISE(ABORT, 'mailboxes.name: belongs to the user of the same name; delete the user')
   WHERE EXISTS (SELECT 1 FROM users WHERE name = OLD.name);
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

CREATE TRIGGER aliases_target_insert BEFORE INSERT ON aliases
BEGIN
  SELECT RAISE(ABORT, 'aliases.mailbox: no such mailbox; the target is the name of an existing mailbox')
   WHERE NOT EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.mailbox);
END;

CREATE TRIGGER aliases_target_update BEFORE UPDATE OF mailbox ON aliases
BEGIN
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

CREATE TRIGGER message_check BEFORE INSERT ON message
BEGIN
  SELECT RAISE(ABORT, 'message.mailbox_id: no such mailbox')
   WHERE NOT EXISTS (SELECT 1 FROM usage WHERE mailbox_id = NEW.mailbox_id);
  SELECT CASE
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

CREATE TRIGGER message_check_unique_id BEFORE INSERT ON message WHEN NEW.unique_id IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'unique-id exists: a message of the mailbox has it')
   WHERE EXISTS (SELECT 1 FROM message WHERE mailbox_id = NEW.mailbox_id AND unique_id = NEW.unique_id);
  SELECT RAISE(ABORT, 'unique-id taken: it was given to another message of the mailbox')
   WHERE EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = NEW.mailbox_id AND unique_id = NEW.unique_id AND body_id <> NEW.body_id)
      OR (NEW.number < (SELECT next_uid FROM usage WHERE mailbox_id = NEW.mailbox_id)
          AND NOT EXISTS (SELECT 1 FROM unshown WHERE mailbox_id = NEW.mailbox_id AND last >= NEW.number
                             AND first = (SELECT max(first) FROM unshown WHERE mailbox_id = NEW.mailbox_id AND first <= NEW.number))
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

CREATE VIEW mailbox_usage AS
  SELECT name, messages, bytes, warning_quota, limit_quota,
         CASE WHEN limit_quota > 0 THEN round(100.0 * bytes / limit_quota, 1) END AS percent
    FROM (SELECT m.name, u.messages, u.bytes,
                 coalesce(m.issue_warning_quota,
                   (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'IssueWarningQuota')) AS warning_quota,
                 coalesce(m.prohibit_send_receive_quota,
                   (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'ProhibitSendReceiveQuota')) AS limit_quota
            FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id);

CREATE VIEW messages AS
  SELECT m.name AS mailbox, g.uid, g.size, strftime('%Y-%m-%dT%H:%M:%SZ', g.received_at, 'unixepoch') AS received_at,
         g.unique_id, g.sender, g.read_at IS NOT NULL AS read,
         strftime('%Y-%m-%dT%H:%M:%SZ', g.stored_at, 'unixepoch') AS stored_at
    FROM mailboxes m JOIN message g ON g.mailbox_id = m.id;

CREATE TRIGGER messages_delete INSTEAD OF DELETE ON messages
BEGIN
  DELETE FROM message WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid;
END;

CREATE TRIGGER messages_update INSTEAD OF UPDATE ON messages
BEGIN
  SELECT RAISE(ABORT, 'messages: immutable, only read can change')
   WHERE NEW.mailbox IS NOT OLD.mailbox OR NEW.uid IS NOT OLD.uid OR NEW.size IS NOT OLD.size
      OR NEW.received_at IS NOT OLD.received_at OR NEW.unique_id IS NOT OLD.unique_id OR NEW.sender IS NOT OLD.sender
      OR NEW.stored_at IS NOT OLD.stored_at;
  SELECT RAISE(ABORT, 'messages.read: 0 or 1') WHERE NEW.read IS NULL OR NEW.read NOT IN (0, 1);
  UPDATE message SET read_at = CASE NEW.read WHEN 1 THEN coalesce(read_at, CAST(strftime('%s', 'now') AS INTEGER)) END
   WHERE mailbox_id = (SELECT id FROM mailboxes WHERE name = OLD.mailbox) AND uid = OLD.uid AND (read_at IS NOT NULL) <> NEW.read;
END;

CREATE VIEW recoverable AS
  SELECT m.name AS mailbox, d.uid, d.size, strftime('%Y-%m-%dT%H:%M:%SZ', d.deleted_at, 'unixepoch') AS deleted_at,
         strftime('%Y-%m-%dT%H:%M:%SZ', d.received_at, 'unixepoch') AS received_at, d.unique_id, d.sender
    FROM mailboxes m JOIN deleted d ON d.mailbox_id = m.id
   WHERE d.deleted_at > CAST(strftime('%s', 'now') AS INTEGER)
         - 86400 * (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainDeletedItemsDays');

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

CREATE TRIGGER counters_first_uid BEFORE UPDATE OF first_uid ON counters WHEN NEW.first_uid < OLD.first_uid
BEGIN SELECT RAISE(ABORT, 'counters.first_uid: only grows'); END;

CREATE TRIGGER mailboxes_added AFTER INSERT ON mailboxes
BEGIN
  INSERT INTO usage (mailbox_id, next_uid)
    VALUES (NEW.id, max((SELECT first_uid FROM counters), coalesce((SELECT next_uid FROM retired WHERE name = NEW.name), 1)));
END;

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

CREATE VIEW mailbox_retention AS
  SELECT id AS mailbox_id, name,
         CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_read_days,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainReadDays')) END AS read_days,
         CASE WHEN retention_hold THEN 0 ELSE coalesce(retain_unread_days,
           (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'RetainUnreadDays')) END AS unread_days
    FROM mailboxes;

CREATE TABLE reaping (
  mailbox_id INTEGER PRIMARY KEY,
  due_at     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX reaping_due_at ON reaping (due_at);

CREATE TRIGGER reaping_mailbox_added AFTER INSERT ON mailboxes
BEGIN INSERT INTO reaping (mailbox_id) VALUES (NEW.id); END;

CREATE TRIGGER reaping_mailbox_removed AFTER DELETE ON mailboxes
BEGIN DELETE FROM reaping WHERE mailbox_id = OLD.id; END;

CREATE TRIGGER reaping_mailbox_changed AFTER UPDATE OF retain_read_days, retain_unread_days, retention_hold ON mailboxes
BEGIN UPDATE reaping SET due_at = 0 WHERE mailbox_id = NEW.id; END;

CREATE TRIGGER reaping_setting_changed AFTER UPDATE OF value ON settings
  WHEN OLD.name IN ('RetainReadDays', 'RetainUnreadDays') AND NEW.value IS NOT OLD.value
BEGIN UPDATE reaping SET due_at = 0 WHERE due_at <> 0; END;

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

CREATE TABLE session (
  id        INTEGER PRIMARY KEY,
  name      TEXT NOT NULL,
  principal TEXT NOT NULL,
  address   TEXT NOT NULL,
  tls       INTEGER NOT NULL,
  since     INTEGER NOT NULL
) STRICT;

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

CREATE VIEW recent_logins AS
  SELECT name, address, mechanism, strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch') AS at, count
    FROM recent_login ORDER BY recent_login.at DESC;

CREATE TRIGGER settings_names BEFORE UPDATE OF value ON settings
  WHEN OLD.name IN ('Domains', 'GssapiRealms') AND NEW.value IS NOT ''
BEGIN
  SELECT CASE OLD.name
    WHEN 'Domains' THEN RAISE(ABORT, 'Domains: mail domains, comma separated, no space, @, / or \')
    ELSE RAISE(ABORT, 'GssapiRealms: realms, comma separated, no space, @, / or \') END
   WHERE typeof(NEW.value) <> 'text' OR EXISTS (SELECT 1 FROM json_each('[' || replace(json_quote(CAST(NEW.value AS TEXT)), ',', '","') || ']') AS item
                  WHERE length(trim(item.value)) NOT BETWEEN 1 AND 255 OR trim(item.value) GLOB '*[@/\ ]*');
END;

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

CREATE TABLE purged_id (
  mailbox_id INTEGER NOT NULL,
  unique_id  TEXT NOT NULL,
  PRIMARY KEY (mailbox_id, unique_id)
) STRICT, WITHOUT ROWID;

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
