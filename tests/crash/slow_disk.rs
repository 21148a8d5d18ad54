//! A disk that takes its time.
