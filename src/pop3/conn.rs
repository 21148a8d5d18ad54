//! (driver, to be written)
