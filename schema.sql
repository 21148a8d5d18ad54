-- The newest schema, made from migrations/ by PILLARBOX_BLESS=1 cargo test --lib schema_sql.
PRAGMA application_id = 1348628344;
PRAGMA user_version = 9;

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
INSERT INTO settings (name, value) VALUES ('GssapiExactCase', '0');
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

CREATE TRIGGER counters_first_uid BEFORE UPDATE OF first_uid ON counters WHEN NEW.first_uid < OLD.first_uid
BEGIN SELECT RAISE(ABORT, 'counters.first_uid: only grows'); END;

CREATE TRIGGER mailboxes_added AFTER INSERT ON mailboxes
BEGIN
  INSERT INTO usage (mailbox_id, next_uid)
    VALUES (NEW.id, max((SELECT first_uid FROM counters), coalesce((SELECT next_uid FROM retired WHERE name = NEW.name), 1)));
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

CREATE TRIGGER settings_no_insert BEFORE INSERT ON settings
BEGIN
  SELECT CASE WHEN EXISTS (SELECT 1 FROM settings WHERE name = NEW.name)
    THEN RAISE(ABORT, 'settings.name: this setting exists; use UPDATE settings SET value = ... WHERE name = ...')
    ELSE RAISE(ABORT, 'settings.name: no such setting; SELECT name FROM settings lists all') END;
END;

CREATE TRIGGER settings_gssapi BEFORE UPDATE OF value ON settings
  WHEN OLD.name = 'GssapiExactCase' AND CAST(NEW.value AS TEXT) NOT IN ('0', '1')
BEGIN SELECT RAISE(ABORT, 'GssapiExactCase: 0 or 1'); END;
