//! What the SQL engines share, free of SQL.

pub mod accounts;
pub mod batch_size;
pub mod expiry;
pub mod lane;
pub mod listing_cache;
pub mod oneshot;
pub mod read_marks;
pub mod sessions;
pub mod statistics;
pub mod upload_buffer;
pub mod upload_watch;
