//! How a message lies in the database: the numbers that writing and reading it must agree on.

/// Octets in a chunk; the schema depends on it nowhere, old messages may have other chunks.
pub const CHUNK: usize = 256 << 10;

/// Pieces that a body id has room for.
pub const CHUNKS: i64 = 4096;

/// `message.flags`: some line starts with a dot.
pub const DOTTED: i64 = 1;

/// `message.flags`: imported without a unique-id; those with one show it by that.
pub const IMPORTED: i64 = 2;

/// `message.flags`: received as internationalized (RFC 6531).
pub const INTERNATIONALIZED: i64 = 4;
