-- Messages on their way in, and bodies that begin apart and go on together.

-- A body whose chunks come one by one. Each chunk, and the end, must find the row: once it is gone, so are chunks.
-- No date is here, because the clocks of two processes may be days apart: a server counts how long it has seen no new
-- chunk (idle, seconds), and each chunk sets that back.
CREATE TABLE staging (
  body_id INTEGER PRIMARY KEY,
  seen    INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),  -- by a server, since the last chunk
  idle    INTEGER NOT NULL DEFAULT 0 CHECK (idle >= 0)
) STRICT;

-- After its own first chunk (the header that names the recipient) a body goes on with all chunks of another one, which
-- the copies of a message have in common.
CREATE TABLE continuation (
  body_id INTEGER PRIMARY KEY,
  tail_id INTEGER NOT NULL
) STRICT;
