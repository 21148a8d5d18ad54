//! What the SQL engines share, free of SQL.

pub mod sessions;
