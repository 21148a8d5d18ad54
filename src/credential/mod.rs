//! Passwords and what is made of them.

mod secret;

pub use secret::Secret;
