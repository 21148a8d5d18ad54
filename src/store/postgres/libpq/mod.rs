//! PostgreSQL's client library, loaded when a database string names a server.
//!
//! What must not be known here: tables, mail.

mod abi;
mod connection;
mod conninfo;
mod failure;
mod rows;
mod value;

pub use connection::{Cancel, Connection, Statement, Watch, statement};
pub use conninfo::Conninfo;
pub use failure::{CONFLICT, Failure, LOCKED};
pub use rows::{Row, Rows};
pub use value::{Value, byteas, ints, texts};
