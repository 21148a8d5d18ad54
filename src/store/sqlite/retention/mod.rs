//! What happens to messages by age and to mailboxes by size, in small batches.

pub mod expire;
pub mod purge;
pub mod quota_warning;
