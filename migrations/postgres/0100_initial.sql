-- The schema of a Pillarbox database on PostgreSQL 15 or newer: what schema.sql is for SQLite, table by table and refusal
-- by refusal. A test compares the two. `pillarbox init` runs this as the owner of an empty database, in one transaction.
--
-- * Administrators are members of pillarbox_admin, which may write to users, mailboxes, aliases, delegates, certificates,
--   settings and the views of messages. All else is the server's: no trigger stands on a table that a delivery, a QUIT or
--   the reaper writes to, so whoever writes there keeps the counters too (usage, overfull, reaping).
-- * Order of locks, everywhere: rows of usage, ascending by mailbox_id; then anything else of these mailboxes; then site or change.
-- * Refusals are check_violation (23514). Functions that an administrator's statement runs are SECURITY DEFINER with a
--   search_path of their own. They use indexes, because their plans are kept from when a table was small, and no compiler.
-- * `make generate` writes what stands between "generated" and "end of generated", from src/settings/table.rs.
--
-- Times are seconds since 1970 UTC, sizes are octets. "Storage size" is whole pages of 4,096 octets.

SET LOCAL search_path = public, pg_temp;
SET LOCAL client_min_messages = warning;


---- What the database must be like --------------------------------------------------------------------------------

DO $$
BEGIN
  IF current_setting('server_version_num')::int < 150000 THEN
    RAISE feature_not_supported USING MESSAGE = 'PostgreSQL 15 or newer is needed, this is ' || current_setting('server_version');
  END IF;
  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE feature_not_supported USING MESSAGE = 'the database must have ENCODING ''UTF8'', this one has ' || current_setting('server_encoding');
  END IF;
  BEGIN
    CREATE EXTENSION IF NOT EXISTS citext;
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING MESSAGE = format(
      '%I may not make the extension citext; a superuser types, in this database: CREATE EXTENSION citext;', current_user);
  END;
  -- Names fold as in SQLite: ASCII letters only.
  IF U&'\00C9'::citext = U&'\00E9'::citext THEN
    RAISE feature_not_supported USING MESSAGE = 'the database must have LC_CTYPE ''C'': CREATE DATABASE ... TEMPLATE template0 ENCODING ''UTF8'' LC_CTYPE ''C''';
  END IF;
  BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pillarbox_admin') THEN
      CREATE ROLE pillarbox_admin;
    END IF;
  EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- init of another database was faster
    WHEN insufficient_privilege THEN
      RAISE insufficient_privilege USING MESSAGE = format(
        '%I may not make the role pillarbox_admin; a superuser types: CREATE ROLE pillarbox_admin;', current_user);
  END;
  -- Of this role's connections to this database. Idle in a transaction: the locks of a node that is dead go then.
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET lock_timeout = ''5s''', current_user, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = ''60s''', current_user, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = ''10s''', current_user, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET default_transaction_isolation = ''read committed''', current_user, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET synchronous_commit = ''on''', current_user, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET jit = ''off''', current_user, current_database());
END $$;

CREATE DOMAIN nocase AS citext;


---- The database as a whole ---------------------------------------------------------------------------------------

-- One row. No delivery touches it.
CREATE TABLE site (
  id         int PRIMARY KEY CHECK (id = 1),
  schema     int NOT NULL,                 -- the last migration
  instance   uuid NOT NULL,                -- of this database, whatever server it is on
  seal       text,                         -- fingerprint of the key file of all nodes
  next_epoch bigint NOT NULL DEFAULT 1,    -- each start of a node takes one: its id, and the upper bits of its body ids
  -- Grows with each promotion of a standby: a mailbox of an older epoch jumps before it gives a uid, because the primary
  -- before may have shown some that no standby had.
  uid_epoch  int NOT NULL DEFAULT 0,
  timeline   text NOT NULL DEFAULT '',     -- of the write-ahead log when uid_epoch was looked at
  -- Where the uids of a mailbox with a new name start. A restored backup raises it.
  first_uid  bigint NOT NULL DEFAULT 1 CHECK (first_uid BETWEEN 1 AND 9007199254740991),
  -- The latest date that was given, for all that age counts from; a minute old at most. It does not go back; but if it
  -- lies more than 2 days ahead, a clock was wildly wrong once, and the clock of now is believed.
  latest_at  bigint NOT NULL DEFAULT 0,
  warned_at  bigint NOT NULL DEFAULT 0     -- when PostmasterMailbox was last sent the server's warnings
);

INSERT INTO site (id, schema, instance) VALUES (1, 100, gen_random_uuid());

-- One row that nodes poll. Transactions lock it at their end only: one that an administrator leaves open keeps nobody
-- waiting here, and nobody waits in a ring.
CREATE TABLE change (
  id      int PRIMARY KEY CHECK (id = 1),
  changed bigint NOT NULL DEFAULT 0,  -- differs after a change that nodes must know of
  revoked bigint NOT NULL DEFAULT 0   -- differs after whatever may shut somebody out of a session
);

INSERT INTO change (id) VALUES (1);

-- What a transaction will do to it.
CREATE TABLE noted (
  txid     bigint NOT NULL,
  revoking boolean NOT NULL,
  PRIMARY KEY (txid, revoking)
);

-- Programs that have the database open. A node is seen once a second; one that was not for 30 s is gone.
CREATE UNLOGGED TABLE node (
  id      bigint PRIMARY KEY,  -- its epoch
  name    text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now()
);

-- Who does what only one may do at a time.
CREATE TABLE lease (
  task    text PRIMARY KEY,
  node_id bigint,
  until   timestamptz NOT NULL DEFAULT '-infinity'
);


---- Settings ----------------------------------------------------------------------------------------------------

-- What an administrator may set, one row each. docs/settings.md says what each does.
CREATE TABLE settings (
  name  nocase NOT NULL,
  value text NOT NULL,
  CONSTRAINT "settings.name: this setting exists; use UPDATE" PRIMARY KEY (name)
);

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


---- Certificates ------------------------------------------------------------------------------------------------

-- Certificates of names of their own (server name indication); all other names get that of CertificateFile.
CREATE TABLE certificates (
  name             nocase NOT NULL,  -- a host, or '*.' and a domain for the hosts directly below it
  certificate_file text NOT NULL,    -- PEM, followed by its chain; on each node
  key_file         text NOT NULL,    -- PEM, without passphrase
  CONSTRAINT "certificates.name: a certificate of this name exists" PRIMARY KEY (name)
);


---- Users -------------------------------------------------------------------------------------------------------

-- The one place of the schema that knows which passwords are hashes, of a kind we have or of another.
-- src/auth/credential/stored.rs has the same rule.
CREATE FUNCTION password_is_hash(password text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN password ~ '^\$(argon2|2[abxy]?\$|[13567yPHS]\$|gy\$|md5|sha1|apr1\$|scrypt\$|pbkdf2|bcrypt)' THEN 1
    WHEN password ~ '^\{[Pp][Ll][Aa][Ii][Nn]\}' THEN 0
    WHEN password ~ '^\{[0-9A-Za-z._-]+\}' THEN 1
    WHEN password IS NOT NULL THEN 0 END
$$;

-- Who may log in. A user has the mailbox of the same name; triggers make, rename and remove it.
CREATE TABLE users (
  id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  name        nocase NOT NULL,             -- a local part or a whole address
  password    text,                        -- plain text until the program replaces it by a hash; NULL: no login by password
  pop_enabled int NOT NULL DEFAULT 1,      -- 0: no login; mail still arrives
  ntlm        int NOT NULL DEFAULT 0,      -- 1: keep an NT hash too
  last_login  bigint,                      -- when, written by the server; NULL: never
  -- Moves with each new password: sessions of the one before end. The program, where the new value is only another form
  -- of the same password, writes generation - 1 in the same statement.
  generation  bigint NOT NULL DEFAULT 0,
  is_hash     int GENERATED ALWAYS AS (password_is_hash(password)) STORED,
  CONSTRAINT "users.name: a user of this name exists" UNIQUE (name)
);

-- Plain passwords that wait for their verifiers; never more than a few.
CREATE INDEX users_pending ON users (id) WHERE is_hash = 0;

-- What else a password was turned into, one row for each mechanism that cannot use the hash.
CREATE TABLE verifiers (
  user_id bigint NOT NULL,
  scheme  text NOT NULL CHECK (scheme IN ('SCRAM-SHA-256', 'NT')),
  value   bytea NOT NULL,  -- in the program's own format, sealed with the key file
  PRIMARY KEY (user_id, scheme)
);


---- Mailboxes, and what leads to them ---------------------------------------------------------------------------

-- Where mail goes. One without a user of its name is shared: its delegates open it.
-- In columns of quotas, retention and sizes NULL means: as settings say.
CREATE TABLE mailboxes (
  id                          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  name                        nocase NOT NULL,
  prohibit_send_receive_quota bigint,           -- storage size beyond which mail is refused; 0: none
  issue_warning_quota         bigint,           -- storage size that earns a warning; 0: none
  retain_read_days            int,              -- age at which read mail is deleted; 0: never
  retain_unread_days          int,              -- the same of unread mail
  retention_hold              int NOT NULL DEFAULT 0,  -- 1: nothing is deleted by age
  exact_rfc822_size           int,              -- sizes in STAT and LIST: 1 exact octets, 0 whole pages
  site                        text,             -- the site whose server may open it; NULL or '': any
  CONSTRAINT "mailboxes.name: a mailbox of this name exists" UNIQUE (name)
);

-- Other addresses of mailboxes, one row per target. '@domain' is the domain's catch-all.
CREATE TABLE aliases (
  address nocase NOT NULL,
  mailbox nocase NOT NULL,  -- the name of a mailbox, never of an alias: there are no loops
  CONSTRAINT "aliases.address: leads to this mailbox already" PRIMARY KEY (address, mailbox)
);

CREATE INDEX aliases_mailbox ON aliases (mailbox);

-- Users who may open a mailbox that is not theirs.
CREATE TABLE delegates (
  delegate  nocase NOT NULL,  -- the name of a user
  principal nocase NOT NULL,  -- the name of a mailbox
  CONSTRAINT "delegates.delegate: is one of this principal already" PRIMARY KEY (delegate, principal)
);

CREATE INDEX delegates_principal ON delegates (principal);

-- Mailboxes that can still be brought back, with what their columns and counters were. Their messages, their unshown
-- and their purged_id stay under their id.
CREATE TABLE deleted_mailbox (
  id                          bigint PRIMARY KEY,
  name                        nocase NOT NULL,  -- this and the next ones as in mailboxes
  prohibit_send_receive_quota bigint,
  issue_warning_quota         bigint,
  retain_read_days            int,
  retain_unread_days          int,
  retention_hold              int NOT NULL,
  exact_rfc822_size           int,
  site                        text,
  next_uid                    bigint NOT NULL,  -- this and the next ones as in usage
  version                     bigint NOT NULL,
  messages                    bigint NOT NULL,
  bytes                       bigint NOT NULL,
  uid_epoch                   int NOT NULL,
  deleted_at                  bigint NOT NULL
);

CREATE INDEX deleted_mailbox_deleted_at ON deleted_mailbox (deleted_at);

-- The aliases that led to them.
CREATE TABLE deleted_alias (
  mailbox_id bigint NOT NULL,
  address    nocase NOT NULL,
  PRIMARY KEY (mailbox_id, address)
);


---- Counters ----------------------------------------------------------------------------------------------------

-- What changes with each delivery, apart from mailboxes so that a short row is rewritten. No index stands on what
-- changes, and half of each page is free for the next versions.
CREATE TABLE usage (
  mailbox_id bigint PRIMARY KEY,
  next_uid   bigint NOT NULL DEFAULT 1,
  messages   bigint NOT NULL DEFAULT 0,
  bytes      bigint NOT NULL DEFAULT 0,  -- storage size
  version    bigint NOT NULL DEFAULT 0,  -- grows with each change but an arrival, which next_uid shows: both name a listing
  uid_epoch  int NOT NULL DEFAULT 0,     -- site.uid_epoch when next_uid last grew
  CONSTRAINT "usage.next_uid: 1 to 9007199254740992" CHECK (next_uid BETWEEN 1 AND 9007199254740992),
  CONSTRAINT "usage.messages: not negative" CHECK (messages >= 0),
  CONSTRAINT "usage.bytes: not negative" CHECK (bytes >= 0)
) WITH (fillfactor = 50);

-- Where unique-ids go on when a name is deleted or renamed and used again: clients remember them by name.
CREATE TABLE retired (
  name      nocase PRIMARY KEY,
  next_uid  bigint NOT NULL,
  uid_epoch int NOT NULL     -- as in usage: who takes the name over jumps as its mailbox would have
);


---- Messages ----------------------------------------------------------------------------------------------------

-- One row per message. Only read_at ever changes.
CREATE TABLE message (
  mailbox_id  bigint NOT NULL,
  uid         bigint NOT NULL,
  body_id     bigint NOT NULL,
  size        bigint NOT NULL,
  flags       int NOT NULL,     -- 1 a line starts with a dot, 2 compressed (reserved), 4 internationalized, 8 exempt from quota
  read_at     bigint,           -- NULL: not read
  unique_id   text,             -- what UIDL shows, if that is not the uid: what an imported message came with
  received_at bigint NOT NULL,  -- for people: by the clock, or the date that an imported message came with
  stored_at   bigint NOT NULL,  -- for retention: see site.latest_at
  sender      text NOT NULL DEFAULT '',
  CONSTRAINT "message.uid: 1 to 9007199254740991" CHECK (uid BETWEEN 1 AND 9007199254740991),
  CONSTRAINT "message.size: 0 to 1073741824 octets" CHECK (size BETWEEN 0 AND 1073741824),
  CONSTRAINT "message.flags: 0 to 15" CHECK (flags BETWEEN 0 AND 15),
  CONSTRAINT "message.unique_id: 1 to 70 characters of 0x21 to 0x7E" CHECK (unique_id ~ '^[!-~]{1,70}$')
);

-- A heap is in no order: a listing is read from this alone.
CREATE UNIQUE INDEX message_listing ON message (mailbox_id, uid) INCLUDE (body_id, size, flags, read_at, unique_id);
CREATE UNIQUE INDEX message_unique_id ON message (mailbox_id, unique_id) WHERE unique_id IS NOT NULL;

-- The octets, in pieces of 64 KiB, from 0 on.
CREATE TABLE chunk (
  body_id bigint NOT NULL,
  piece   int NOT NULL,
  data    bytea NOT NULL,
  PRIMARY KEY (body_id, piece)
);

-- A body whose pieces come one by one. Each piece, and the end, must find the row: once it is gone, so are the pieces.
-- No date is here, because the clocks of two machines may be days apart: a node counts how long it has seen no new
-- piece, and each piece sets that back.
CREATE TABLE staging (
  body_id bigint PRIMARY KEY,
  seen    int NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),  -- by a node, since the last piece
  idle    bigint NOT NULL DEFAULT 0 CHECK (idle >= 0)     -- seconds
);

-- After its own first piece (the header that names the recipient) a body goes on with all pieces of another one, which
-- the copies of a message have in common.
CREATE TABLE continuation (
  body_id bigint PRIMARY KEY,
  tail_id bigint NOT NULL
);

-- Bodies that more than one row of message, deleted and purge refers to.
CREATE TABLE shared (
  body_id bigint PRIMARY KEY,
  copies  bigint NOT NULL CHECK (copies >= 1)  -- how many rows do
);

-- What people know a message by, for messages and recoverable. A table of its own, so that listings read no more pages.
CREATE TABLE summary (
  body_id      bigint PRIMARY KEY,
  subject      text,
  from_address text,
  message_id   text
);

-- Numbers below next_uid that no client was ever shown, because an import skipped them or put another unique-id in
-- their place: only these may still come as the unique-id of an imported message.
CREATE TABLE unshown (
  mailbox_id bigint NOT NULL,
  first      bigint NOT NULL,
  last       bigint NOT NULL CHECK (last >= first),
  PRIMARY KEY (mailbox_id, first)
);

-- Messages that can still be brought back.
CREATE TABLE deleted (
  mailbox_id   bigint NOT NULL,  -- this and the next ones as in message
  uid          bigint NOT NULL,
  body_id      bigint NOT NULL,
  size         bigint NOT NULL,
  flags        int NOT NULL,
  read_at      bigint,
  unique_id    text,
  received_at  bigint NOT NULL,
  stored_at    bigint NOT NULL,
  sender       text NOT NULL,
  deleted_at   bigint NOT NULL,
  with_mailbox int NOT NULL DEFAULT 0 CHECK (with_mailbox IN (0, 1)),  -- 1: its mailbox was deleted; both come back together
  PRIMARY KEY (mailbox_id, uid)
);

CREATE INDEX deleted_at ON deleted (deleted_at);
CREATE INDEX deleted_unique_id ON deleted (mailbox_id, unique_id) WHERE unique_id IS NOT NULL;

-- References to bodies that are to be dropped: of mailboxes that are gone, of uploads that never ended.
CREATE TABLE purge (
  id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  body_id    bigint NOT NULL,
  not_before bigint NOT NULL
);

CREATE INDEX purge_not_before ON purge (not_before);
CREATE INDEX purge_body_id ON purge (body_id);

-- Unique-ids that imported messages came with, once these are purged: clients have seen them, so none is given to
-- another message. (Numbers need no memory: unshown has those that may still come.)
CREATE TABLE purged_id (
  mailbox_id bigint NOT NULL,
  unique_id  text NOT NULL,
  PRIMARY KEY (mailbox_id, unique_id)
);


---- Upkeep ------------------------------------------------------------------------------------------------------

-- When the reaper looks at a mailbox next. A delivery moves nothing here: who has just looked comes again before a
-- message could get old.
CREATE TABLE reaping (
  mailbox_id bigint PRIMARY KEY,
  due_at     bigint NOT NULL DEFAULT 0  -- 0: now; -1: it is looking; 9007199254740991: nothing goes by age
);

CREATE INDEX reaping_due_at ON reaping (due_at);

-- The mailboxes whose usage is at or over their IssueWarningQuota, and when they are warned next.
CREATE TABLE overfull (
  mailbox_id bigint PRIMARY KEY,
  due_at     bigint NOT NULL DEFAULT 0
);

CREATE INDEX overfull_due_at ON overfull (due_at);


---- Who is on, and who was --------------------------------------------------------------------------------------

-- The nodes' own: each writes its rows at most once a second.
CREATE UNLOGGED TABLE session (
  node_id   bigint NOT NULL,
  id        bigint NOT NULL,
  user_id   bigint,
  name      text NOT NULL,    -- who logged in
  principal text NOT NULL,    -- whose mailbox is open
  address   text NOT NULL,    -- of the client
  tls       int NOT NULL,     -- 0 or 1
  since     bigint NOT NULL,
  PRIMARY KEY (node_id, id)
);

CREATE INDEX session_user_id ON session (user_id);

-- Sessions that an administrator has ended, until their node has done so.
CREATE UNLOGGED TABLE session_end (
  node_id bigint NOT NULL,
  id      bigint NOT NULL,
  PRIMARY KEY (node_id, id)
);

-- One row for a user, an address and a mechanism, so that a client that polls pushes nobody out.
CREATE TABLE recent_login (
  name      text NOT NULL,
  address   text NOT NULL,
  mechanism text NOT NULL,
  at        bigint NOT NULL,  -- the last of count logins
  count     bigint NOT NULL,
  PRIMARY KEY (name, address, mechanism)
);

CREATE INDEX recent_login_at ON recent_login (at);

-- The same of logins that failed; name is what the client claimed, whoever that is.
CREATE TABLE recent_failure (
  name      text NOT NULL,
  address   text NOT NULL,
  mechanism text NOT NULL,
  at        bigint NOT NULL,
  count     bigint NOT NULL,
  PRIMARY KEY (name, address, mechanism)
);

CREATE INDEX recent_failure_at ON recent_failure (at);


---- What the nodes have done --------------------------------------------------------------------------------------

-- A row an hour, kept 400 days. Nodes and `pillarbox deliver` add to it.
CREATE TABLE statistics (
  at               bigint PRIMARY KEY,         -- when the hour began
  logins           bigint NOT NULL DEFAULT 0,
  failures         bigint NOT NULL DEFAULT 0,  -- logins with wrong credentials
  connections      bigint NOT NULL DEFAULT 0,  -- of POP3
  most_sessions    bigint NOT NULL DEFAULT 0,  -- that were logged in at the same time, on one node
  deliveries       bigint NOT NULL DEFAULT 0,  -- copies that were stored
  delivered_octets bigint NOT NULL DEFAULT 0,
  refused          bigint NOT NULL DEFAULT 0,  -- copies that were not
  retrieved        bigint NOT NULL DEFAULT 0,  -- messages that RETR has sent
  retrieved_octets bigint NOT NULL DEFAULT 0,
  removed          bigint NOT NULL DEFAULT 0,  -- messages that clients have deleted
  messages         bigint NOT NULL DEFAULT 0,  -- in all mailboxes, at the last look
  database_octets  bigint NOT NULL DEFAULT 0   -- the database's size, at the last look
);

-- The same by the minute, for an hour: what `pillarbox status` tells.
CREATE TABLE recent_minute (
  at         bigint PRIMARY KEY,  -- when the minute began
  logins     bigint NOT NULL,
  failures   bigint NOT NULL,
  deliveries bigint NOT NULL
);

-- Text compresses to 40 % or so of it; where the server has no lz4, its own compression does.
DO $$
BEGIN
  ALTER TABLE chunk ALTER COLUMN data SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;


---- What several of them need -----------------------------------------------------------------------------------

CREATE FUNCTION seconds_now() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT floor(extract(epoch FROM now()))::bigint
$$;

-- Whole pages.
CREATE FUNCTION storage_size(octets bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(1, (octets + 4095) >> 12) << 12
$$;

-- 2026-11-23T10:00:00Z, for the years 0 to 9999.
CREATE FUNCTION utc(seconds bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN seconds BETWEEN -62167219200 AND 253402300799
              THEN to_char(to_timestamp(seconds) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END
$$;

-- In PL/pgSQL, as whatever is called for each row and reads a table: in SQL it would be planned at each call.
CREATE FUNCTION setting_number(wanted text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT value::bigint FROM settings WHERE name = wanted::nocase);
END $$;

-- Text without control characters.
CREATE FUNCTION is_printable(value text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT value !~ '[\u0001-\u001f\u007f-\u009f]'
$$;

-- The date that an administrator's statement gives: see site.latest_at, which nodes raise.
CREATE FUNCTION date_given() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT CASE WHEN latest_at - seconds_now() BETWEEN 0 AND 172800 THEN latest_at ELSE seconds_now() END FROM site);
END $$;

-- Tells nodes to read again, and if it is revoking to look at who is in: at the commit, once, however many rows it changes.
CREATE FUNCTION note_change(revoking boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO noted VALUES (txid_current(), revoking) ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION noted_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE change SET changed = NEW.txid, revoked = CASE WHEN NEW.revoking THEN NEW.txid ELSE revoked END;
  DELETE FROM noted WHERE txid = NEW.txid AND revoking = NEW.revoking;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER noted_commit AFTER INSERT ON noted DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noted_commit();

-- Puts a mailbox into the queue of warnings, or takes it out, as its usage and quota are now.
CREATE FUNCTION reconsider_overfull(in_mailbox bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  is_full CONSTANT boolean := (
    SELECT coalesce(m.issue_warning_quota, setting_number('IssueWarningQuota')) BETWEEN 1 AND u.bytes
      FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id WHERE u.mailbox_id = in_mailbox);
BEGIN
  IF is_full THEN
    INSERT INTO overfull (mailbox_id) VALUES (in_mailbox) ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM overfull WHERE mailbox_id = in_mailbox;
  END IF;
END $$;


---- Rules of settings -------------------------------------------------------------------------------------------

CREATE FUNCTION is_number(value text, low bigint, high bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN value ~ '^(0|[1-9][0-9]{0,15})$' THEN value::bigint BETWEEN low AND high ELSE false END
$$;

-- The parts of a text between commas, without the blanks around them.
CREATE FUNCTION items(value text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
  SELECT trim(BOTH ' ' FROM part) FROM unnest(string_to_array(value, ',')) AS part
$$;

-- The eight groups of an address, without leading zeros, four of an IPv4 address as the last two; NULL: it is none.
-- IPv6 is written as in RFC 4291 section 2.2.
CREATE FUNCTION address_groups(address text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  octet CONSTANT text := '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
  four  CONSTANT text := octet || '(\.' || octet || '){3}$';
  part  CONSTANT text := '([0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4})*)';
  given text := address;
  front text[];
  rear  text[];
BEGIN
  IF given ~ ('^' || four) THEN
    RETURN '{0,0,0,0,0,0,0,0}'::text[];
  ELSIF given ~ (':' || four) THEN
    given := regexp_replace(given, ':' || four, ':0:0');
  END IF;
  IF given ~ ('^' || part || '$') THEN
    front := string_to_array(given, ':');
  ELSIF given ~ ('^' || part || '?::' || part || '?$') THEN
    front := string_to_array(split_part(given, '::', 1), ':');
    rear := string_to_array(split_part(given, '::', 2), ':');
    IF cardinality(front) + cardinality(rear) > 7 THEN
      RETURN NULL;
    END IF;
    front := front || array_fill('0'::text, ARRAY[8 - cardinality(front) - cardinality(rear)]) || rear;
  END IF;
  RETURN CASE WHEN cardinality(front) = 8
              THEN (SELECT array_agg(coalesce(nullif(ltrim(lower(g), '0'), ''), '0') ORDER BY n) FROM unnest(front) WITH ORDINALITY AS t (g, n)) END;
END $$;

-- ADDRESS or ADDRESS/BITS. ::ffff:10.0.0.0/104 is 10.0.0.0/8, so 96 is the least there.
CREATE FUNCTION is_network(item text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  address text := split_part(item, '/', 1);
  bits    text := substr(item, length(address) + 2);
  groups  text[] := address_groups(address);
BEGIN
  RETURN groups IS NOT NULL AND (item = address OR is_number(bits,
    CASE WHEN groups[1:6] = '{0,0,0,0,0,ffff}'::text[] THEN 96 ELSE 0 END, CASE WHEN address LIKE '%:%' THEN 128 ELSE 32 END));
END $$;

-- ADDRESS:PORT, [ADDRESS]:PORT or [ADDRESS%INTERFACE]:PORT.
CREATE FUNCTION is_binding(item text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  four text[] := regexp_match(item, '^([0-9.]+):([0-9]+)$');
  six  text[] := regexp_match(item, '^\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(?:%([0-9]+))?\]:([0-9]+)$');
BEGIN
  RETURN address_groups(coalesce(four[1], six[1])) IS NOT NULL AND coalesce(four[2], six[3])::numeric <= 65535
     AND coalesce(six[2], '0')::numeric <= 4294967295;
END $$;

-- An absolute path that a Unix socket may have.
CREATE FUNCTION is_socket(item text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT item LIKE '/_%' AND octet_length(item) <= 107
$$;

-- A domain or a realm: no punctuation, no space, nor what else Unicode calls white space.
CREATE FUNCTION is_domain(item text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT length(item) BETWEEN 1 AND 255 AND item NOT LIKE '.%' AND item NOT LIKE '%..%'
     AND item !~ '[ -,/;-@\\^`{-~\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
$$;

-- generated: ranges (make generate)
CREATE FUNCTION setting_in_range(name text, value text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT length(value) <= 4096 AND is_printable(value) AND CASE name
    WHEN 'UnencryptedOrTLSBindings' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_binding(item)) IS NOT TRUE)
    WHEN 'SSLBindings' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_binding(item)) IS NOT TRUE)
    WHEN 'LmtpBindings' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_binding(item) OR is_socket(item)) IS NOT TRUE)
    WHEN 'LmtpMaxConnections' THEN is_number(value, 1, 2147483647)
    WHEN 'LmtpSocketMode' THEN value ~ '^0?[0-7]{3}$'
    WHEN 'LmtpSocketGroup' THEN length(value) <= 255
    WHEN 'OverQuotaPermanent' THEN is_number(value, 0, 1)
    WHEN 'Banner' THEN length(value) <= 400 AND value ~ '^[ -;=?-Z\\-~][ -;=?-~]*$'
    WHEN 'MaxCommandSize' THEN is_number(value, 40, 1024)
    WHEN 'AuthenticatedConnectionTimeout' THEN is_number(value, 30, 86400)
    WHEN 'PreAuthenticatedConnectionTimeout' THEN is_number(value, 30, 3600)
    WHEN 'MaxConnections' THEN is_number(value, 1, 2147483647)
    WHEN 'MaxConnectionFromSingleIP' THEN is_number(value, 1, 2147483647)
    WHEN 'MaxConnectionsPerUser' THEN is_number(value, 1, 2147483647)
    WHEN 'MaxSessionTime' THEN is_number(value, 0, 2592000)
    WHEN 'MaxLoginDelay' THEN is_number(value, 0, 60)
    WHEN 'LoginType' THEN value IN ('PlainTextLogin', 'PlainTextAuthentication', 'SecureLogin')
    WHEN 'EnableExactRFC822Size' THEN is_number(value, 0, 1)
    WHEN 'EnableGSSAPIAndNTLMAuth' THEN is_number(value, 0, 1)
    WHEN 'ExtendedProtectionPolicy' THEN value IN ('None', 'Allow', 'Require')
    WHEN 'MessageRetrievalSortOrder' THEN value IN ('Ascending', 'Descending')
    WHEN 'CertificateFile' THEN octet_length(value) <= 4095
    WHEN 'PrivateKeyFile' THEN octet_length(value) <= 4095
    WHEN 'Domains' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_domain(item)) IS NOT TRUE)
    WHEN 'IssueWarningQuota' THEN is_number(value, 0, 9007199254740991)
    WHEN 'ProhibitSendReceiveQuota' THEN is_number(value, 0, 9007199254740991)
    WHEN 'Site' THEN length(value) <= 255
    WHEN 'TrustedNetworks' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_network(item)) IS NOT TRUE)
    WHEN 'ScramIterations' THEN is_number(value, 4096, 1000000)
    WHEN 'GssapiKeytab' THEN octet_length(value) <= 4095
    WHEN 'GssapiExactCase' THEN is_number(value, 0, 1)
    WHEN 'GssapiRealms' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_domain(item)) IS NOT TRUE)
    WHEN 'OAuthKeyFile' THEN octet_length(value) <= 4095
    WHEN 'OAuthIssuer' THEN length(value) <= 255
    WHEN 'OAuthAudience' THEN length(value) <= 255
    WHEN 'OAuthUserClaim' THEN length(value) BETWEEN 1 AND 255
    WHEN 'RecipientDelimiter' THEN value ~ '^[!-.:-?\[\]-`{-~]{0,16}$'
    WHEN 'MaxReceiveSize' THEN is_number(value, 1, 1073741824)
    WHEN 'RetainReadDays' THEN is_number(value, 0, 24855)
    WHEN 'RetainUnreadDays' THEN is_number(value, 0, 24855)
    WHEN 'HttpBindings' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_binding(item) AND item ~ '^(127\.|\[::1\]:)' OR is_socket(item)) IS NOT TRUE)
    WHEN 'ProxyNetworks' THEN NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE (is_network(item)) IS NOT TRUE)
    WHEN 'DrainSeconds' THEN is_number(value, 0, 3600)
    WHEN 'PostmasterMailbox' THEN length(value) <= 255
    WHEN 'ReaperInterval' THEN is_number(value, 1, 86400)
    WHEN 'RetainDeletedItemsDays' THEN is_number(value, 0, 24855)
    WHEN 'ProtocolLogEnabled' THEN is_number(value, 0, 1)
    WHEN 'LogFileLocation' THEN octet_length(value) <= 4095
    WHEN 'LogFileRollOverSettings' THEN value IN ('Hourly', 'Daily', 'Weekly', 'Monthly')
    WHEN 'LogPerFileSizeQuota' THEN is_number(value, 0, 9007199254740991)
    WHEN 'LogFolderSizeQuota' THEN is_number(value, 0, 9007199254740991)
    END
$$;

CREATE FUNCTION setting_range(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE name
    WHEN 'UnencryptedOrTLSBindings' THEN 'ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated; empty: none'
    WHEN 'SSLBindings' THEN 'ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, comma separated; empty: none'
    WHEN 'LmtpBindings' THEN 'ADDRESS:PORT with port 0 to 65535, [ADDRESS]:PORT for IPv6, or /absolute/path of at most 107 octets, comma separated; empty: none'
    WHEN 'LmtpMaxConnections' THEN '1 to 2147483647'
    WHEN 'LmtpSocketMode' THEN '0000 to 0777, octal'
    WHEN 'LmtpSocketGroup' THEN 'at most 255 characters without control characters'
    WHEN 'OverQuotaPermanent' THEN '0 or 1'
    WHEN 'Banner' THEN '1 to 400 printable ASCII characters, no < or >, not starting with ['
    WHEN 'MaxCommandSize' THEN '40 to 1024 octets'
    WHEN 'AuthenticatedConnectionTimeout' THEN '30 to 86400 seconds'
    WHEN 'PreAuthenticatedConnectionTimeout' THEN '30 to 3600 seconds'
    WHEN 'MaxConnections' THEN '1 to 2147483647'
    WHEN 'MaxConnectionFromSingleIP' THEN '1 to 2147483647'
    WHEN 'MaxConnectionsPerUser' THEN '1 to 2147483647'
    WHEN 'MaxSessionTime' THEN '0 to 2592000 seconds'
    WHEN 'MaxLoginDelay' THEN '0 to 60 seconds'
    WHEN 'LoginType' THEN 'PlainTextLogin, PlainTextAuthentication, SecureLogin'
    WHEN 'EnableExactRFC822Size' THEN '0 or 1'
    WHEN 'EnableGSSAPIAndNTLMAuth' THEN '0 or 1'
    WHEN 'ExtendedProtectionPolicy' THEN 'None, Allow, Require'
    WHEN 'MessageRetrievalSortOrder' THEN 'Ascending, Descending'
    WHEN 'CertificateFile' THEN 'a path of at most 4095 octets without control characters, or empty'
    WHEN 'PrivateKeyFile' THEN 'a path of at most 4095 octets without control characters, or empty'
    WHEN 'Domains' THEN 'names of 1 to 255 characters, comma separated, no space, control or punctuation other than .-_:[], no empty label; empty: none'
    WHEN 'IssueWarningQuota' THEN '0 to 9007199254740991 octets'
    WHEN 'ProhibitSendReceiveQuota' THEN '0 to 9007199254740991 octets'
    WHEN 'Site' THEN 'at most 255 characters without control characters'
    WHEN 'TrustedNetworks' THEN 'CIDR blocks such as 10.0.0.0/8 or fd00::/8, comma separated; empty: none'
    WHEN 'ScramIterations' THEN '4096 to 1000000'
    WHEN 'GssapiKeytab' THEN 'a path of at most 4095 octets without control characters, or empty'
    WHEN 'GssapiExactCase' THEN '0 or 1'
    WHEN 'GssapiRealms' THEN 'names of 1 to 255 characters, comma separated, no space, control or punctuation other than .-_:[], no empty label; empty: none'
    WHEN 'OAuthKeyFile' THEN 'a path of at most 4095 octets without control characters, or empty'
    WHEN 'OAuthIssuer' THEN 'at most 255 characters without control characters'
    WHEN 'OAuthAudience' THEN 'at most 255 characters without control characters'
    WHEN 'OAuthUserClaim' THEN '1 to 255 characters without control characters'
    WHEN 'RecipientDelimiter' THEN 'at most 16 ASCII punctuation characters, no @, / or \'
    WHEN 'MaxReceiveSize' THEN '1 to 1073741824 octets'
    WHEN 'RetainReadDays' THEN '0 to 24855 days'
    WHEN 'RetainUnreadDays' THEN '0 to 24855 days'
    WHEN 'HttpBindings' THEN '127.0.0.1:PORT or [::1]:PORT with port 0 to 65535, or /absolute/path of at most 107 octets, comma separated; empty: none'
    WHEN 'ProxyNetworks' THEN 'CIDR blocks such as 10.0.0.0/8 or fd00::/8, comma separated; empty: none'
    WHEN 'DrainSeconds' THEN '0 to 3600 seconds'
    WHEN 'PostmasterMailbox' THEN 'at most 255 characters without control characters'
    WHEN 'ReaperInterval' THEN '1 to 86400 seconds'
    WHEN 'RetainDeletedItemsDays' THEN '0 to 24855 days'
    WHEN 'ProtocolLogEnabled' THEN '0 or 1'
    WHEN 'LogFileLocation' THEN 'a path of at most 4095 octets without control characters, or empty'
    WHEN 'LogFileRollOverSettings' THEN 'Hourly, Daily, Weekly, Monthly'
    WHEN 'LogPerFileSizeQuota' THEN '0 to 9007199254740991 octets'
    WHEN 'LogFolderSizeQuota' THEN '0 to 9007199254740991 octets'
    END
$$;
-- end of generated

-- INSERT ... ON CONFLICT DO UPDATE comes past this one with a name that exists.
CREATE FUNCTION settings_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE check_violation USING MESSAGE = 'settings.name: a setting cannot be deleted; UPDATE its value';
  ELSIF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT 1 FROM settings WHERE name = NEW.name) THEN
      RAISE check_violation USING MESSAGE = 'settings.name: no such setting; SELECT name FROM settings lists all';
    END IF;
  ELSIF NEW.name::text IS DISTINCT FROM OLD.name::text THEN
    RAISE check_violation USING MESSAGE = 'settings.name: a setting cannot be renamed';
  ELSIF setting_in_range(NEW.name::text, NEW.value) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = NEW.name || ': ' || setting_range(NEW.name::text);
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER settings_guard BEFORE INSERT OR UPDATE OR DELETE ON settings FOR EACH ROW EXECUTE FUNCTION settings_guard();

CREATE FUNCTION settings_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF NEW.value = OLD.value THEN
    RETURN NULL;
  END IF;
  PERFORM note_change(false);
  IF NEW.name IN ('RetainReadDays', 'RetainUnreadDays') THEN
    UPDATE reaping SET due_at = 0 WHERE due_at <> 0;
  ELSIF NEW.name = 'IssueWarningQuota' THEN
    DELETE FROM overfull o USING usage u, mailboxes m
     WHERE u.mailbox_id = o.mailbox_id AND m.id = o.mailbox_id
       AND coalesce(m.issue_warning_quota, NEW.value::bigint) NOT BETWEEN 1 AND u.bytes;
    INSERT INTO overfull (mailbox_id)
      SELECT u.mailbox_id FROM usage u JOIN mailboxes m ON m.id = u.mailbox_id
       WHERE coalesce(m.issue_warning_quota, NEW.value::bigint) BETWEEN 1 AND u.bytes
      ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER settings_changed AFTER UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION settings_changed();


---- Rules of certificates ---------------------------------------------------------------------------------------

CREATE FUNCTION certificates_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF (length(NEW.name::text) <= 253
      AND NEW.name::text ~ '^(\*\.)?([0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)*[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?$'
      AND NEW.name::text !~ '(^|\.)[0-9]+$') IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'certificates.name: a host name in ASCII (xn--... for others), or *.DOMAIN';
  ELSIF (octet_length(NEW.certificate_file) BETWEEN 1 AND 4095 AND is_printable(NEW.certificate_file)) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'certificates.certificate_file: 1 to 4095 octets without control characters';
  ELSIF (octet_length(NEW.key_file) BETWEEN 1 AND 4095 AND is_printable(NEW.key_file)) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'certificates.key_file: 1 to 4095 octets without control characters';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER certificates_guard BEFORE INSERT OR UPDATE ON certificates FOR EACH ROW EXECUTE FUNCTION certificates_guard();

CREATE FUNCTION certificates_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  PERFORM note_change(false);
  RETURN NULL;
END $$;

CREATE TRIGGER certificates_changed AFTER INSERT OR UPDATE OR DELETE ON certificates FOR EACH ROW EXECUTE FUNCTION certificates_changed();


---- Rules of users and their passwords --------------------------------------------------------------------------

-- Of users and mailboxes.
CREATE FUNCTION is_name(name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT name ~ '^[^\u0001-\u0020/\\\u007f-\u009f]{1,255}$' AND name NOT LIKE '%@%@%'
$$;

-- Base64 without padding, of whole octets: the bits that the last character has too many are 0.
CREATE FUNCTION is_base64(value text, low int, high int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT value ~ '^[0-9A-Za-z+/]+$' AND length(value) BETWEEN low AND high
     AND CASE length(value) % 4 WHEN 0 THEN true WHEN 2 THEN value ~ '[AQgw]$' WHEN 3 THEN value ~ '[AEIMQUYcgkosw048]$' ELSE false END
$$;

-- Why a hash is none that the program can compute, with costs that it can bear; NULL: it is one.
CREATE FUNCTION hash_refusal(hash text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  fields text[];
BEGIN
  IF hash LIKE '$argon2%' THEN
    fields := regexp_match(hash, '^\$argon2(?:id|i|d)\$v=(?:16|19)\$m=(0|[1-9][0-9]{0,8}),t=(0|[1-9][0-9]{0,8}),p=(0|[1-9][0-9]{0,8})\$([^$,]*)\$([^$,]*)$');
    IF (fields[3]::int BETWEEN 1 AND 4 AND fields[2]::int BETWEEN 1 AND 10
        AND fields[1]::int BETWEEN 8::bigint * fields[3]::int AND 65536
        AND is_base64(fields[4], 11, 64) AND is_base64(fields[5], 16, 86)) IS NOT TRUE THEN
      RETURN 'users.password: a well-formed $argon2 hash, with or without its {SCHEME}: v=16 or v=19, m=8*p to 65536, t=1 to 10, p=1 to 4, salt of 8 to 48 octets, hash of 12 to 64, both in base64 without padding';
    END IF;
  ELSIF hash ~ '^\$2[aby]\$' THEN
    -- $2b$12$ and 53 characters: 22 of salt, 31 of hash. The bits that their last characters have too many are 0.
    IF hash !~ '^\$2[aby]\$(0[4-9]|1[0-4])\$[./0-9A-Za-z]{21}[.Oeu][./0-9A-Za-z]{30}[.CGKOSWaeimquy26]$' THEN
      RETURN 'users.password: a well-formed $2a$, $2b$ or $2y$ hash, with or without its {SCHEME}: cost 04 to 14, then 53 characters of ./A-Za-z0-9';
    END IF;
  ELSIF hash LIKE '$6$%' THEN
    fields := regexp_match(hash, '^\$6\$(?:rounds=([1-9][0-9]{3,6})\$)?[./0-9A-Za-z]{1,16}\$([./0-9A-Za-z]{85}[./01])$');
    IF fields IS NULL OR coalesce(fields[1]::int, 5000) NOT BETWEEN 1000 AND 1000000 THEN
      RETURN 'users.password: a well-formed $6$ hash, with or without its {SCHEME}: rounds=1000 to 1000000 or none, a salt of 1 to 16 characters, then 86 of ./A-Za-z0-9';
    END IF;
  ELSE
    -- What crypt(5) and the like have besides. Its string itself would log in, were it taken for a text.
    RETURN 'users.password: ' || CASE
      WHEN hash LIKE '$1$%' THEN '$1$ (MD5 crypt)'
      WHEN hash LIKE '$2$%' THEN '$2$ (an old bcrypt)'
      WHEN hash LIKE '$2x$%' THEN '$2x$ (a broken bcrypt)'
      WHEN hash LIKE '$3$%' THEN '$3$ (NT hash)'
      WHEN hash LIKE '$5$%' THEN '$5$ (SHA-256 crypt)'
      WHEN hash LIKE '$7$%' THEN '$7$ (scrypt crypt)'
      WHEN hash LIKE '$y$%' THEN '$y$ (yescrypt)'
      WHEN hash LIKE '$gy$%' THEN '$gy$ (gost-yescrypt)'
      WHEN hash LIKE '$md5%' THEN '$md5 (Sun MD5)'
      WHEN hash LIKE '$sha1%' THEN '$sha1 (SHA-1 crypt)'
      WHEN hash LIKE '$apr1$%' THEN '$apr1$ (Apache''s MD5)'
      WHEN hash LIKE '$scrypt$%' THEN '$scrypt$ (scrypt)'
      WHEN hash LIKE '$pbkdf2%' THEN '$pbkdf2 (PBKDF2)'
      WHEN hash LIKE '$bcrypt%' THEN '$bcrypt (passlib''s bcrypt of a hash)'
      WHEN hash LIKE '$P$%' THEN '$P$ (phpass)'
      WHEN hash LIKE '$H$%' THEN '$H$ (phpass)'
      WHEN hash LIKE '$S$%' THEN '$S$ (Drupal''s SHA-512)'
      END || ' is a hash that cannot be verified here; {PLAIN} in front makes a text of it';
  END IF;
  RETURN NULL;
END $$;

-- Why a value cannot be a password; NULL: it can. A plain text must be one that a client can send.
CREATE FUNCTION password_refusal(password text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  scheme text := upper(substring(password FROM '^\{[0-9A-Za-z._-]+\}'));
  value  text := substr(password, length(coalesce(scheme, '')) + 1);
BEGIN
  IF password_is_hash(password) = 0 THEN
    IF octet_length(value) > 255 OR (scheme IS NOT NULL AND value = '') THEN
      RETURN 'users.password: plain text of 1 to 255 octets, as clients cannot send more';
    END IF;
  ELSE
    IF scheme IS NOT NULL AND NOT (CASE scheme
         WHEN '{ARGON2ID}' THEN value LIKE '$argon2id$%'
         WHEN '{ARGON2I}' THEN value LIKE '$argon2i$%'
         WHEN '{BLF-CRYPT}' THEN value ~ '^\$2[aby]\$'
         WHEN '{SHA512-CRYPT}' THEN value LIKE '$6$%'
         WHEN '{CRYPT}' THEN value ~ '^\$(2[aby]|6)\$'
         ELSE false END) THEN
      RETURN 'users.password: {SCHEME} is one of {ARGON2ID}, {ARGON2I}, {BLF-CRYPT}, {SHA512-CRYPT}, {CRYPT}, with its hash, or {PLAIN}';
    END IF;
    IF hash_refusal(value) IS NOT NULL THEN
      RETURN hash_refusal(value);
    END IF;
  END IF;
  IF length(password) NOT BETWEEN 1 AND 1024 OR password ~ '[\n\r]' THEN
    RETURN 'users.password: 1 to 1024 characters of text without NUL, CR or LF';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION users_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.id IS DISTINCT FROM OLD.id THEN
      RAISE check_violation USING MESSAGE = 'users.id: cannot change';
    ELSIF NEW.name <> OLD.name AND EXISTS (SELECT 1 FROM users WHERE name = NEW.name) THEN
      RAISE check_violation USING MESSAGE = 'users.name: a user of this name exists';
    ELSIF NEW.password IS DISTINCT FROM OLD.password THEN
      NEW.generation := NEW.generation + 1;
    END IF;
  END IF;
  IF is_name(NEW.name::text) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'users.name: 1 to 255 characters, no space, control, / or \, at most one @';
  ELSIF NEW.pop_enabled IN (0, 1) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'users.pop_enabled: 0 or 1';
  ELSIF NEW.ntlm IN (0, 1) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'users.ntlm: 0 or 1';
  ELSIF NEW.password IS NOT NULL AND password_refusal(NEW.password) IS NOT NULL THEN
    RAISE check_violation USING MESSAGE = password_refusal(NEW.password);
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER users_guard BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION users_guard();

CREATE FUNCTION users_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    -- An id that was given by hand is not given again.
    IF NEW.id > (SELECT last_value FROM users_id_seq) THEN
      PERFORM setval('users_id_seq', NEW.id);
    END IF;
    IF NOT EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.name) THEN
      INSERT INTO mailboxes (name) VALUES (NEW.name);
    END IF;
    PERFORM note_change(false);
  ELSIF TG_OP = 'DELETE' THEN
    DELETE FROM verifiers WHERE user_id = OLD.id;
    DELETE FROM delegates WHERE delegate = OLD.name;
    DELETE FROM mailboxes WHERE name = OLD.name;
    DELETE FROM recent_login WHERE name = OLD.name::text;
    PERFORM note_change(true);
  ELSE
    IF NEW.name::text <> OLD.name::text THEN
      UPDATE mailboxes SET name = NEW.name WHERE name = OLD.name;
      UPDATE delegates SET delegate = NEW.name WHERE delegate = OLD.name;
    END IF;
    IF NEW.password IS DISTINCT FROM OLD.password THEN
      DELETE FROM verifiers WHERE user_id = OLD.id;
    END IF;
    IF NEW.ntlm < OLD.ntlm THEN
      DELETE FROM verifiers WHERE user_id = OLD.id AND scheme = 'NT';
    END IF;
    -- A login that notes its time is no change to tell of.
    IF (NEW.name::text, NEW.password, NEW.pop_enabled, NEW.ntlm) IS DISTINCT FROM (OLD.name::text, OLD.password, OLD.pop_enabled, OLD.ntlm) THEN
      PERFORM note_change(NEW.generation <> OLD.generation OR NEW.pop_enabled <> OLD.pop_enabled);
    END IF;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER users_changed AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION users_changed();

-- The user's row is locked, so that ntlm does not go back to 0 meanwhile.
CREATE FUNCTION verifiers_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted int := (SELECT ntlm FROM users WHERE id = NEW.user_id FOR SHARE);
BEGIN
  IF wanted IS NULL THEN
    RAISE check_violation USING MESSAGE = 'verifiers.user_id: no such user';
  ELSIF NEW.scheme = 'NT' AND wanted = 0 THEN
    RAISE check_violation USING MESSAGE = 'verifiers.scheme: NT only while users.ntlm is 1';
  ELSIF TG_OP = 'UPDATE' AND (NEW.user_id, NEW.scheme) <> (OLD.user_id, OLD.scheme) THEN
    RAISE check_violation USING MESSAGE = 'verifiers.user_id, verifiers.scheme: cannot change';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER verifiers_guard BEFORE INSERT OR UPDATE ON verifiers FOR EACH ROW EXECUTE FUNCTION verifiers_guard();


---- Rules of mailboxes ------------------------------------------------------------------------------------------

CREATE FUNCTION mailboxes_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF EXISTS (SELECT 1 FROM users WHERE name = OLD.name) THEN
      RAISE check_violation USING MESSAGE = 'mailboxes.name: belongs to the user of the same name; delete the user';
    END IF;
    RETURN OLD;
  ELSIF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.name) OR EXISTS (SELECT 1 FROM mailboxes WHERE id = NEW.id) THEN
      RAISE check_violation USING MESSAGE = 'mailboxes.name: a mailbox of this name or id exists; use UPDATE';
    END IF;
  ELSIF NEW.id IS DISTINCT FROM OLD.id THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.id: cannot change';
  ELSIF NEW.name <> OLD.name AND EXISTS (SELECT 1 FROM mailboxes WHERE name = NEW.name) THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.name: a mailbox of this name exists';
  -- A user's own rename comes here after the user has left the old name.
  ELSIF NEW.name <> OLD.name AND EXISTS (SELECT 1 FROM users WHERE name = OLD.name) THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.name: belongs to the user of the same name; rename the user';
  END IF;
  IF is_name(NEW.name::text) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.name: 1 to 255 characters, no space, control, / or \, at most one @';
  ELSIF NEW.prohibit_send_receive_quota NOT BETWEEN 0 AND 9007199254740991 THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.prohibit_send_receive_quota: 0 to 9007199254740991 octets, or NULL';
  ELSIF NEW.issue_warning_quota NOT BETWEEN 0 AND 9007199254740991 THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.issue_warning_quota: 0 to 9007199254740991 octets, or NULL';
  ELSIF NEW.retain_read_days NOT BETWEEN 0 AND 24855 THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.retain_read_days: 0 to 24855 days, or NULL';
  ELSIF NEW.retain_unread_days NOT BETWEEN 0 AND 24855 THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.retain_unread_days: 0 to 24855 days, or NULL';
  ELSIF NEW.retention_hold IN (0, 1) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.retention_hold: 0 or 1';
  ELSIF NEW.exact_rfc822_size NOT IN (0, 1) THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.exact_rfc822_size: 0 or 1, or NULL';
  ELSIF length(NEW.site) > 255 OR NOT is_printable(NEW.site) THEN
    RAISE check_violation USING MESSAGE = 'mailboxes.site: at most 255 characters without control characters, or NULL';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER mailboxes_guard BEFORE INSERT OR UPDATE OR DELETE ON mailboxes FOR EACH ROW EXECUTE FUNCTION mailboxes_guard();

-- Notes where the unique-ids of a name go on that is left.
CREATE FUNCTION retire_name(old_name nocase, in_mailbox bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO retired (name, next_uid, uid_epoch) SELECT old_name, next_uid, uid_epoch FROM usage WHERE mailbox_id = in_mailbox
  ON CONFLICT (name) DO UPDATE SET name = excluded.name, next_uid = excluded.next_uid, uid_epoch = excluded.uid_epoch
$$;

-- It goes into deleted_mailbox and its messages into deleted; without RetainDeletedItemsDays only to be purged at once.
-- The lock of usage comes first: deliveries wait there, and find the mailbox gone.
CREATE FUNCTION archive_mailbox(gone mailboxes) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  counters usage;
  gone_at  bigint;
BEGIN
  -- The same statement may have changed its messages.
  PERFORM count_now();
  SELECT * INTO counters FROM usage WHERE mailbox_id = gone.id FOR UPDATE;
  gone_at := date_given();
  PERFORM retire_name(gone.name, gone.id);
  INSERT INTO deleted_mailbox
    VALUES (gone.id, gone.name, gone.prohibit_send_receive_quota, gone.issue_warning_quota, gone.retain_read_days,
            gone.retain_unread_days, gone.retention_hold, gone.exact_rfc822_size, gone.site,
            counters.next_uid, counters.version, counters.messages, counters.bytes, counters.uid_epoch, gone_at);
  INSERT INTO deleted_alias (mailbox_id, address) SELECT gone.id, address FROM aliases WHERE mailbox = gone.name;
  INSERT INTO deleted (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, deleted_at, with_mailbox)
    SELECT mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, gone_at, 1
      FROM message WHERE mailbox_id = gone.id;
  DELETE FROM usage     WHERE mailbox_id = gone.id;
  DELETE FROM message   WHERE mailbox_id = gone.id;
  DELETE FROM reaping   WHERE mailbox_id = gone.id;
  DELETE FROM overfull  WHERE mailbox_id = gone.id;
  DELETE FROM aliases   WHERE mailbox = gone.name;
  DELETE FROM delegates WHERE principal = gone.name;
  DELETE FROM deleted_mailbox WHERE id = gone.id AND setting_number('RetainDeletedItemsDays') = 0;
END $$;

CREATE FUNCTION mailboxes_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.id > (SELECT last_value FROM mailboxes_id_seq) THEN
      PERFORM setval('mailboxes_id_seq', NEW.id);
    END IF;
    INSERT INTO usage (mailbox_id, next_uid, uid_epoch)
      SELECT NEW.id, greatest(s.first_uid, r.next_uid), coalesce(r.uid_epoch, s.uid_epoch)
        FROM site s LEFT JOIN retired r ON r.name = NEW.name;
    INSERT INTO reaping (mailbox_id) VALUES (NEW.id);
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM archive_mailbox(OLD);
    PERFORM note_change(true);
  ELSE
    IF NEW.name::text <> OLD.name::text THEN
      -- Which numbers clients of the new name were shown is not known any more.
      PERFORM retire_name(OLD.name, OLD.id);
      UPDATE usage u SET next_uid = greatest(u.next_uid, r.next_uid), uid_epoch = least(u.uid_epoch, r.uid_epoch)
        FROM retired r WHERE u.mailbox_id = NEW.id AND r.name = NEW.name;
      DELETE FROM unshown WHERE mailbox_id = NEW.id AND NEW.name <> OLD.name;
      UPDATE aliases SET mailbox = NEW.name WHERE mailbox = OLD.name;
      UPDATE delegates SET principal = NEW.name WHERE principal = OLD.name;
    END IF;
    IF (NEW.retain_read_days, NEW.retain_unread_days, NEW.retention_hold)
       IS DISTINCT FROM (OLD.retain_read_days, OLD.retain_unread_days, OLD.retention_hold) THEN
      UPDATE reaping SET due_at = 0 WHERE mailbox_id = NEW.id;
    END IF;
    IF NEW.issue_warning_quota IS DISTINCT FROM OLD.issue_warning_quota THEN
      PERFORM reconsider_overfull(NEW.id);
    END IF;
    PERFORM note_change(NEW.site IS DISTINCT FROM OLD.site);
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER mailboxes_changed AFTER INSERT OR UPDATE OR DELETE ON mailboxes FOR EACH ROW EXECUTE FUNCTION mailboxes_changed();

-- It was brought back, or is gone for good. An hour, because a RETR that has begun reads on, piece by piece.
CREATE FUNCTION deleted_mailbox_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM deleted_alias WHERE mailbox_id = OLD.id;
  IF NOT EXISTS (SELECT 1 FROM mailboxes WHERE id = OLD.id) THEN
    WITH gone AS (DELETE FROM deleted WHERE mailbox_id = OLD.id RETURNING body_id)
    INSERT INTO purge (body_id, not_before) SELECT body_id, date_given() + 3600 FROM gone;
    DELETE FROM unshown WHERE mailbox_id = OLD.id;
    DELETE FROM purged_id WHERE mailbox_id = OLD.id;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER deleted_mailbox_removed AFTER DELETE ON deleted_mailbox FOR EACH ROW EXECUTE FUNCTION deleted_mailbox_removed();

-- What a row refers to is locked, so that nobody deletes it meanwhile.
CREATE FUNCTION aliases_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF (length(NEW.address::text) <= 255 AND NEW.address::text ~ '^[^\u0001-\u0020\u007f-\u009f]+$' AND NEW.address::text NOT LIKE '%@%@%') IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'aliases.address: 1 to 255 characters, no space or control, at most one @';
  ELSIF (SELECT id FROM mailboxes WHERE name = NEW.mailbox FOR KEY SHARE) IS NULL THEN
    RAISE check_violation USING MESSAGE = 'aliases.mailbox: no such mailbox; the target is the name of an existing mailbox';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER aliases_guard BEFORE INSERT OR UPDATE ON aliases FOR EACH ROW EXECUTE FUNCTION aliases_guard();

CREATE FUNCTION delegates_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  IF (SELECT id FROM users WHERE name = NEW.delegate FOR KEY SHARE) IS NULL THEN
    RAISE check_violation USING MESSAGE = 'delegates.delegate: no such user';
  ELSIF (SELECT id FROM mailboxes WHERE name = NEW.principal FOR KEY SHARE) IS NULL THEN
    RAISE check_violation USING MESSAGE = 'delegates.principal: no such mailbox';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER delegates_guard BEFORE INSERT OR UPDATE ON delegates FOR EACH ROW EXECUTE FUNCTION delegates_guard();

CREATE FUNCTION delegates_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  PERFORM note_change(true);
  RETURN NULL;
END $$;

CREATE TRIGGER delegates_changed AFTER UPDATE OR DELETE ON delegates FOR EACH ROW EXECUTE FUNCTION delegates_changed();


---- Messages, outside of deliveries and sessions ----------------------------------------------------------------

-- Days that a mailbox keeps its messages, its own or inherited; 0: for ever.
CREATE VIEW mailbox_retention AS
  SELECT id AS mailbox_id, name,
         CASE WHEN retention_hold = 1 THEN 0 ELSE coalesce(retain_read_days, setting_number('RetainReadDays')) END AS read_days,
         CASE WHEN retention_hold = 1 THEN 0 ELSE coalesce(retain_unread_days, setting_number('RetainUnreadDays')) END AS unread_days
    FROM mailboxes;

-- Whether a unique-id has to be remembered once its message is purged.
CREATE FUNCTION is_memorable(unique_id text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT unique_id IS NOT NULL AND unique_id !~ '^[1-9][0-9]{0,14}$'
$$;

-- What an administrator's statement changes in the counters of a mailbox is kept here and written once, when the statement comes to
-- another mailbox or to its end. Each write leaves an old row behind, and whoever writes again walks past all of them. It is
-- {mailbox, messages, bytes}, or NULL.
CREATE FUNCTION uncounted() RETURNS bigint[] LANGUAGE sql AS $$
  SELECT nullif(current_setting('pillarbox.uncounted', true), '')::bigint[]
$$;

CREATE FUNCTION count_now() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  waiting CONSTANT bigint[] := uncounted();
BEGIN
  IF waiting IS NOT NULL THEN
    PERFORM set_config('pillarbox.uncounted', '', true);
    UPDATE usage SET messages = messages + waiting[2], bytes = bytes + waiting[3], version = version + 1 WHERE mailbox_id = waiting[1];
    PERFORM reconsider_overfull(waiting[1]);
  END IF;
END $$;

CREATE FUNCTION count_later(in_mailbox bigint, more_messages bigint, more_bytes bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  waiting bigint[] := uncounted();
BEGIN
  IF waiting[1] IS DISTINCT FROM in_mailbox THEN
    PERFORM count_now();
    waiting := ARRAY[in_mailbox, 0, 0];
  END IF;
  PERFORM set_config('pillarbox.uncounted', ARRAY[in_mailbox, waiting[2] + more_messages, waiting[3] + more_bytes]::text, true);
END $$;

-- At the end of a statement.
CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM count_now();
  RETURN NULL;
END $$;

-- Locks the counters of two mailboxes in their order, and brings them into the present epoch.
CREATE FUNCTION lock_mailboxes(one bigint, other bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM usage WHERE mailbox_id IN (one, other) ORDER BY mailbox_id FOR NO KEY UPDATE;
  UPDATE usage u SET next_uid = u.next_uid + 1048576, uid_epoch = s.uid_epoch
    FROM site s WHERE u.mailbox_id IN (one, other) AND u.uid_epoch < s.uid_epoch;
END $$;

-- Adds a row of message, with the rules that deliveries keep too. is_back: it was in deleted, and keeps its uid.
CREATE FUNCTION put_message(arriving message, is_back boolean, in_quota boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  counters usage;
  quota    bigint;
BEGIN
  IF NOT is_back THEN
    PERFORM count_now();
  END IF;
  SELECT * INTO counters FROM usage WHERE mailbox_id = arriving.mailbox_id FOR NO KEY UPDATE;
  IF (uncounted())[1] = arriving.mailbox_id THEN
    counters.bytes := counters.bytes + (uncounted())[3];
  END IF;
  SELECT coalesce(prohibit_send_receive_quota, setting_number('ProhibitSendReceiveQuota')) INTO quota
    FROM mailboxes WHERE id = arriving.mailbox_id;
  IF counters.mailbox_id IS NULL OR quota IS NULL THEN
    RAISE check_violation USING MESSAGE = 'message.mailbox_id: no such mailbox';
  ELSIF arriving.uid > 9007199254740991 THEN
    RAISE check_violation USING MESSAGE = 'out of unique-ids: the mailbox has given out all of its numbers';
  ELSIF arriving.uid < counters.next_uid AND NOT is_back THEN
    RAISE check_violation USING MESSAGE = 'message.uid: already given out';
  ELSIF in_quota AND arriving.flags & 8 = 0 AND quota BETWEEN 1 AND counters.bytes + storage_size(arriving.size) - 1 THEN
    RAISE check_violation USING MESSAGE = 'over quota: the mailbox would exceed its ProhibitSendReceiveQuota';
  -- Numbers that no import moves past may have come as plain text.
  ELSIF arriving.unique_id IS NULL AND arriving.uid > 4503599627370496 AND (
       EXISTS (SELECT 1 FROM message WHERE mailbox_id = arriving.mailbox_id AND unique_id = arriving.uid::text)
    OR EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = arriving.mailbox_id AND unique_id = arriving.uid::text)
    OR EXISTS (SELECT 1 FROM purged_id WHERE mailbox_id = arriving.mailbox_id AND unique_id = arriving.uid::text)) THEN
    RAISE check_violation USING MESSAGE = 'message.uid: another message of the mailbox came with it as its unique-id';
  ELSIF EXISTS (SELECT 1 FROM message WHERE mailbox_id = arriving.mailbox_id AND unique_id = arriving.unique_id) THEN
    RAISE check_violation USING MESSAGE = 'unique-id exists: a message of the mailbox has it';
  ELSIF EXISTS (SELECT 1 FROM deleted WHERE mailbox_id = arriving.mailbox_id AND unique_id = arriving.unique_id AND body_id <> arriving.body_id)
     OR EXISTS (SELECT 1 FROM purged_id WHERE mailbox_id = arriving.mailbox_id AND unique_id = arriving.unique_id) THEN
    RAISE check_violation USING MESSAGE = 'unique-id taken: it was given to another message of the mailbox';
  END IF;
  INSERT INTO message SELECT arriving.*;
  IF is_back AND arriving.uid < counters.next_uid THEN
    PERFORM count_later(arriving.mailbox_id, 1, storage_size(arriving.size));
    RETURN;
  END IF;
  UPDATE usage
     SET messages = messages + 1, bytes = bytes + storage_size(arriving.size), next_uid = greatest(next_uid, arriving.uid + 1),
         version = version + (arriving.uid < next_uid)::int
   WHERE mailbox_id = arriving.mailbox_id;
  PERFORM reconsider_overfull(arriving.mailbox_id);
END $$;

-- Takes a row of message out of its mailbox; all NULL: it was not there any more.
CREATE FUNCTION take_message(in_mailbox bigint, in_uid bigint) RETURNS message LANGUAGE plpgsql AS $$
DECLARE
  taken message;
BEGIN
  PERFORM lock_mailboxes(in_mailbox, in_mailbox);
  DELETE FROM message WHERE mailbox_id = in_mailbox AND uid = in_uid RETURNING * INTO taken;
  IF FOUND THEN
    PERFORM count_later(in_mailbox, -1, -storage_size(taken.size));
  END IF;
  RETURN taken;
END $$;

-- Stores a row for a message that brings its own unique-id, and answers its uid. What the numbers are about: see unshown.
CREATE FUNCTION import_message(arriving message) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  box    CONSTANT bigint := arriving.mailbox_id;
  shown  CONSTANT bigint := CASE WHEN arriving.unique_id ~ '^[1-9][0-9]{0,15}$' THEN arriving.unique_id::bigint END;
  number CONSTANT bigint := CASE WHEN shown <= 4503599627370496 THEN shown END;  -- only these move the next uid
  until  bigint;
  latest bigint;
BEGIN
  PERFORM lock_mailboxes(box, box);
  arriving.uid := (SELECT next_uid FROM usage WHERE mailbox_id = box);
  IF EXISTS (SELECT 1 FROM message WHERE mailbox_id = box AND unique_id = arriving.unique_id) THEN
    RAISE check_violation USING MESSAGE = 'unique-id exists: a message of the mailbox has it';
  ELSIF shown < arriving.uid AND NOT EXISTS (
          SELECT 1 FROM (SELECT last FROM unshown WHERE mailbox_id = box AND first <= shown ORDER BY first DESC LIMIT 1) AS one
           WHERE last >= shown) THEN
    RAISE check_violation USING MESSAGE = 'unique-id taken: it was given to another message of the mailbox';
  END IF;
  PERFORM put_message(arriving, false, true);
  -- The number leaves the range of unshown ones that it came from.
  IF number IS NOT NULL THEN
    SELECT first, last INTO latest, until FROM unshown WHERE mailbox_id = box AND first <= number ORDER BY first DESC LIMIT 1;
    IF until >= number THEN
      DELETE FROM unshown WHERE mailbox_id = box AND first = latest;
      INSERT INTO unshown SELECT box, latest, number - 1 WHERE latest < number;
      INSERT INTO unshown SELECT box, number + 1, until WHERE number < until;
    END IF;
  END IF;
  -- The uid stays unshown, and so does everything from it up to the number.
  IF number IS DISTINCT FROM arriving.uid THEN
    SELECT first, last INTO latest, until FROM unshown WHERE mailbox_id = box ORDER BY first DESC LIMIT 1;
    IF until = arriving.uid - 1 THEN
      UPDATE unshown SET last = greatest(arriving.uid, number - 1) WHERE mailbox_id = box AND first = latest;
    ELSIF coalesce(until, 0) < arriving.uid THEN
      INSERT INTO unshown VALUES (box, arriving.uid, greatest(arriving.uid, number - 1));
    END IF;
  END IF;
  UPDATE usage SET next_uid = number + 1 WHERE mailbox_id = box AND next_uid <= number;
  RETURN arriving.uid;
END $$;


---- What administrators look at ---------------------------------------------------------------------------------

-- How full each mailbox is; percent of limit_quota.
CREATE VIEW mailbox_usage AS
  SELECT name, messages, bytes, warning_quota, limit_quota,
         CASE WHEN limit_quota > 0 THEN round(100.0 * bytes / limit_quota, 1) END AS percent
    FROM (SELECT m.name, u.messages, u.bytes,
                 coalesce(m.issue_warning_quota, setting_number('IssueWarningQuota')) AS warning_quota,
                 coalesce(m.prohibit_send_receive_quota, setting_number('ProhibitSendReceiveQuota')) AS limit_quota
            FROM mailboxes m JOIN usage u ON u.mailbox_id = m.id) AS mailbox;

-- The messages of all mailboxes. DELETE deletes; of the columns only read can be updated, and mailbox, which moves.
CREATE VIEW messages AS
  SELECT m.name AS mailbox, g.uid, g.size, utc(g.received_at) AS received_at, g.unique_id, g.sender,
         (g.read_at IS NOT NULL)::int AS read, utc(g.stored_at) AS stored_at, s.subject, s.from_address, s.message_id
    FROM mailboxes m JOIN message g ON g.mailbox_id = m.id LEFT JOIN summary s ON s.body_id = g.body_id;

CREATE FUNCTION messages_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
  gone message := take_message((SELECT id FROM mailboxes WHERE name = OLD.mailbox), OLD.uid);
BEGIN
  IF gone.uid IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO deleted (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender, deleted_at)
    VALUES (gone.mailbox_id, gone.uid, gone.body_id, gone.size, gone.flags, gone.read_at, gone.unique_id, gone.received_at,
            gone.stored_at, gone.sender, date_given());
  RETURN OLD;
END $$;

CREATE TRIGGER messages_delete INSTEAD OF DELETE ON messages FOR EACH ROW EXECUTE FUNCTION messages_delete();
CREATE TRIGGER messages_delete_counted AFTER DELETE ON messages FOR EACH STATEMENT EXECUTE FUNCTION count_statement();

-- Marks a message as read or not. That may bring its end forward, behind the back of a reaper that is looking.
CREATE FUNCTION mark_message(in_mailbox bigint, in_uid bigint, is_read int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  marked message;
  days   bigint;
BEGIN
  PERFORM lock_mailboxes(in_mailbox, in_mailbox);
  UPDATE message SET read_at = CASE is_read WHEN 1 THEN seconds_now() END
   WHERE mailbox_id = in_mailbox AND uid = in_uid AND (read_at IS NOT NULL)::int <> is_read RETURNING * INTO marked;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM count_later(in_mailbox, 0, 0);
  SELECT CASE is_read WHEN 1 THEN read_days ELSE unread_days END INTO days FROM mailbox_retention WHERE mailbox_id = in_mailbox;
  UPDATE reaping SET due_at = marked.stored_at + 86400 * days
   WHERE mailbox_id = in_mailbox AND days > 0 AND due_at NOT IN (0, 9007199254740991)
     AND (due_at = -1 OR due_at > marked.stored_at + 86400 * days);
END $$;

-- Moves a message: there it gets a new uid, even if it was imported with a unique-id, is subject to the quota, and gets old
-- from now on. Here its unique-id is retired, and it cannot be brought back.
CREATE FUNCTION move_message(in_mailbox bigint, in_uid bigint, target bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved message;
BEGIN
  IF target IS NULL THEN
    RAISE check_violation USING MESSAGE = 'messages.mailbox: no such mailbox; the target is the name of an existing mailbox';
  END IF;
  PERFORM lock_mailboxes(in_mailbox, target);
  moved := take_message(in_mailbox, in_uid);
  IF moved.uid IS NULL THEN
    RETURN;
  END IF;
  IF is_memorable(moved.unique_id) THEN
    INSERT INTO purged_id VALUES (in_mailbox, moved.unique_id) ON CONFLICT DO NOTHING;
  END IF;
  moved.mailbox_id := target;
  moved.uid := (SELECT next_uid FROM usage WHERE mailbox_id = target);
  moved.unique_id := NULL;
  moved.flags := moved.flags & 7;
  moved.stored_at := date_given();
  PERFORM put_message(moved, false, true);
END $$;

CREATE FUNCTION messages_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
  origin bigint := (SELECT id FROM mailboxes WHERE name = OLD.mailbox);
  target bigint := (SELECT id FROM mailboxes WHERE name = NEW.mailbox);
BEGIN
  IF (NEW.uid, NEW.size, NEW.received_at, NEW.unique_id, NEW.sender, NEW.stored_at, NEW.subject, NEW.from_address, NEW.message_id)
     IS DISTINCT FROM (OLD.uid, OLD.size, OLD.received_at, OLD.unique_id, OLD.sender, OLD.stored_at, OLD.subject, OLD.from_address, OLD.message_id) THEN
    RAISE check_violation USING MESSAGE = 'messages: immutable, only mailbox and read can change';
  ELSIF NEW.read IN (0, 1) IS NOT TRUE THEN
    RAISE check_violation USING MESSAGE = 'messages.read: 0 or 1';
  END IF;
  PERFORM mark_message(origin, OLD.uid, NEW.read);
  IF target IS DISTINCT FROM origin THEN
    PERFORM move_message(origin, OLD.uid, target);
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER messages_update INSTEAD OF UPDATE ON messages FOR EACH ROW EXECUTE FUNCTION messages_update();
CREATE TRIGGER messages_update_counted AFTER UPDATE ON messages FOR EACH STATEMENT EXECUTE FUNCTION count_statement();

-- Deleted messages, as long as RetainDeletedItemsDays lets them be brought back: SET deleted_at = NULL does that. DELETE
-- purges.
CREATE VIEW recoverable AS
  SELECT m.name AS mailbox, d.uid, d.size, utc(d.deleted_at) AS deleted_at, utc(d.received_at) AS received_at, d.unique_id,
         d.sender, s.subject, s.from_address, s.message_id
    FROM mailboxes m JOIN deleted d ON d.mailbox_id = m.id LEFT JOIN summary s ON s.body_id = d.body_id
   WHERE d.deleted_at > seconds_now() - 86400 * setting_number('RetainDeletedItemsDays');

-- Takes a row out of deleted; all NULL: it was not there any more.
CREATE FUNCTION take_deleted(in_mailbox bigint, in_uid bigint) RETURNS deleted LANGUAGE plpgsql AS $$
DECLARE
  taken deleted;
BEGIN
  PERFORM lock_mailboxes(in_mailbox, in_mailbox);
  DELETE FROM deleted WHERE mailbox_id = in_mailbox AND uid = in_uid RETURNING * INTO taken;
  RETURN taken;
END $$;

-- A row of message from one of deleted. Retention counts anew: else the reaper would undo the undo.
CREATE FUNCTION undeleted(d deleted) RETURNS message LANGUAGE sql AS $$
  SELECT d.mailbox_id, d.uid, d.body_id, d.size, d.flags, d.read_at, d.unique_id, d.received_at, date_given(), d.sender
$$;

-- Quota and unique-id are checked again.
CREATE FUNCTION recoverable_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
  back deleted;
BEGIN
  IF NEW.deleted_at IS NOT NULL
     OR (NEW.mailbox::text, NEW.uid, NEW.size, NEW.received_at, NEW.unique_id, NEW.sender, NEW.subject, NEW.from_address, NEW.message_id)
        IS DISTINCT FROM (OLD.mailbox::text, OLD.uid, OLD.size, OLD.received_at, OLD.unique_id, OLD.sender, OLD.subject, OLD.from_address, OLD.message_id) THEN
    RAISE check_violation USING MESSAGE = 'recoverable.deleted_at: only SET deleted_at = NULL, which brings the message back';
  END IF;
  back := take_deleted((SELECT id FROM mailboxes WHERE name = OLD.mailbox), OLD.uid);
  IF back.uid IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM put_message(undeleted(back), true, back.with_mailbox = 0);
  RETURN NEW;
END $$;

CREATE TRIGGER recoverable_update INSTEAD OF UPDATE ON recoverable FOR EACH ROW EXECUTE FUNCTION recoverable_update();
CREATE TRIGGER recoverable_update_counted AFTER UPDATE ON recoverable FOR EACH STATEMENT EXECUTE FUNCTION count_statement();

-- An hour, because a RETR that has begun reads on, piece by piece.
CREATE FUNCTION recoverable_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
  gone deleted := take_deleted((SELECT id FROM mailboxes WHERE name = OLD.mailbox), OLD.uid);
BEGIN
  IF gone.uid IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO purge (body_id, not_before) VALUES (gone.body_id, date_given() + 3600);
  IF is_memorable(gone.unique_id) THEN
    INSERT INTO purged_id VALUES (gone.mailbox_id, gone.unique_id) ON CONFLICT DO NOTHING;
  END IF;
  RETURN OLD;
END $$;

CREATE TRIGGER recoverable_delete INSTEAD OF DELETE ON recoverable FOR EACH ROW EXECUTE FUNCTION recoverable_delete();

-- Mailboxes of deleted users, and others that were deleted, as long as RetainDeletedItemsDays lets them be brought back:
-- SET deleted_at = NULL does that. DELETE purges.
CREATE VIEW deleted_mailboxes AS
  SELECT id, name, messages, bytes, utc(d.deleted_at) AS deleted_at
    FROM deleted_mailbox d
   WHERE d.deleted_at > seconds_now() - 86400 * setting_number('RetainDeletedItemsDays');

-- Retention counts anew, as for a message. The quota is not checked again: all of it was within it once.
CREATE FUNCTION deleted_mailboxes_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
  back    deleted_mailbox;
  back_at bigint;
BEGIN
  IF NEW.deleted_at IS NOT NULL OR (NEW.id, NEW.name::text, NEW.messages, NEW.bytes) IS DISTINCT FROM (OLD.id, OLD.name::text, OLD.messages, OLD.bytes) THEN
    RAISE check_violation USING MESSAGE = 'deleted_mailboxes.deleted_at: only SET deleted_at = NULL, which brings the mailbox back';
  ELSIF EXISTS (SELECT 1 FROM mailboxes WHERE name = OLD.name) THEN
    RAISE check_violation USING MESSAGE = 'deleted_mailboxes.name: a mailbox of this name exists (rename or delete it first), or several deleted ones have this name (SELECT id, name, deleted_at FROM deleted_mailboxes, then UPDATE ... WHERE id = ...)';
  END IF;
  SELECT * INTO back FROM deleted_mailbox WHERE id = OLD.id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO mailboxes (id, name, prohibit_send_receive_quota, issue_warning_quota, retain_read_days, retain_unread_days,
                         retention_hold, exact_rfc822_size, site)
    VALUES (back.id, back.name, back.prohibit_send_receive_quota, back.issue_warning_quota, back.retain_read_days,
            back.retain_unread_days, back.retention_hold, back.exact_rfc822_size, back.site);
  back_at := date_given();
  -- If the name was used since, clients may have been shown what was unshown.
  DELETE FROM unshown WHERE mailbox_id = back.id AND (SELECT next_uid FROM usage WHERE mailbox_id = back.id) <> back.next_uid;
  UPDATE usage SET next_uid = greatest(next_uid, back.next_uid), version = back.version + 1, uid_epoch = least(uid_epoch, back.uid_epoch),
                   messages = back.messages, bytes = back.bytes
   WHERE mailbox_id = back.id;
  INSERT INTO message (mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, stored_at, sender)
    SELECT mailbox_id, uid, body_id, size, flags, read_at, unique_id, received_at, back_at, sender
      FROM deleted WHERE mailbox_id = back.id AND with_mailbox = 1;
  DELETE FROM deleted WHERE mailbox_id = back.id AND with_mailbox = 1;
  INSERT INTO aliases (address, mailbox) SELECT address, back.name FROM deleted_alias WHERE mailbox_id = back.id;
  DELETE FROM deleted_mailbox WHERE id = back.id;
  PERFORM reconsider_overfull(back.id);
  RETURN NEW;
END $$;

CREATE TRIGGER deleted_mailboxes_update INSTEAD OF UPDATE ON deleted_mailboxes FOR EACH ROW EXECUTE FUNCTION deleted_mailboxes_update();

CREATE FUNCTION deleted_mailboxes_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  DELETE FROM deleted_mailbox WHERE id = OLD.id;
  RETURN OLD;
END $$;

CREATE TRIGGER deleted_mailboxes_delete INSTEAD OF DELETE ON deleted_mailboxes FOR EACH ROW EXECUTE FUNCTION deleted_mailboxes_delete();

-- Who is logged in now, on any node.
CREATE VIEW sessions AS
  SELECT s.name, s.principal, s.address, s.tls, utc(s.since) AS since
    FROM session s JOIN node n ON n.id = s.node_id AND n.seen_at > now() - interval '30 seconds'
   WHERE NOT EXISTS (SELECT 1 FROM session_end e WHERE e.node_id = s.node_id AND e.id = s.id)
   ORDER BY s.since, s.node_id, s.id;

-- Ends all sessions that look the same: nobody can have meant only one of them.
CREATE FUNCTION sessions_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
  INSERT INTO session_end (node_id, id)
    SELECT node_id, id FROM session
     WHERE name = OLD.name AND principal = OLD.principal AND address = OLD.address AND tls = OLD.tls AND utc(since) = OLD.since
    ON CONFLICT DO NOTHING;
  PERFORM note_change(true);
  RETURN OLD;
END $$;

CREATE TRIGGER sessions_delete INSTEAD OF DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION sessions_delete();

-- Who logged in lately; at is the last of count logins.
CREATE VIEW recent_logins AS
  SELECT name, address, mechanism, utc(at) AS at, count FROM recent_login ORDER BY recent_login.at DESC;

-- Who has failed to log in lately.
CREATE VIEW recent_failures AS
  SELECT name, address, mechanism, utc(at) AS last_at, count FROM recent_failure ORDER BY recent_failure.at DESC;

-- What the nodes did in each hour.
CREATE VIEW hourly_statistics AS
  SELECT utc(at) AS hour, logins, failures, connections, most_sessions, deliveries, delivered_octets, refused, retrieved,
         retrieved_octets, removed, messages, database_octets
    FROM statistics ORDER BY statistics.at DESC;


---- What administrators may do ----------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA public TO pillarbox_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON users, mailboxes, aliases, delegates, certificates, settings TO pillarbox_admin;
GRANT SELECT, UPDATE, DELETE ON messages, recoverable, deleted_mailboxes TO pillarbox_admin;
GRANT SELECT, DELETE ON sessions TO pillarbox_admin;
GRANT SELECT ON mailbox_usage, mailbox_retention, recent_logins, recent_failures, hourly_statistics TO pillarbox_admin;
