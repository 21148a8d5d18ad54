//! Messages on their way in, in a maildrop, and on their way out.

pub mod body_ids;
pub mod format;
pub mod maildrop;
pub mod upload;
