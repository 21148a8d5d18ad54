//! Files that settings and commands name.

pub mod regular;
