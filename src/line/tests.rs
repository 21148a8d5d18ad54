//! The reader and the buffer against a scripted transport.
