//! What carries a dialogue: bounded lines, TLS, and the pool of workers.

pub mod line;
pub mod pool;
pub mod proxy;
pub mod tls;
