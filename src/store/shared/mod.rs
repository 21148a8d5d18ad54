//! What the SQL engines share, free of SQL.

pub mod batch_size;
pub mod expiry;
pub mod lane;
pub mod listing_cache;
pub mod oneshot;
pub mod sessions;
pub mod upload_watch;
