//! The bytes and forms of mail: pure, no effects.

pub mod address;
pub mod date;
pub mod domain;
pub mod dot;
pub mod downgrade;
pub mod summary;
