//! How a message lies in the database: the numbers that writing and reading it must agree on.

/// Octets in a chunk; the schema depends on it nowhere, old messages may have other chunks.
pub const CHUNK: usize = 256 << 10;

/// Pieces that a body id has room for.
pub const CHUNKS: i64 = 4096;
