//! Copies of a database, the way back, and whether a database is sound.

pub mod check;
pub mod copy;
pub mod objects;
pub mod restore;
