//! The SQLite engine (to be written).
