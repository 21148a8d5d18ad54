//! Files that settings and commands name: reading them, and writing them so that they are whole.

pub mod atomic;
pub mod exposed;
pub mod path;
pub mod regular;
pub mod socket_path;
