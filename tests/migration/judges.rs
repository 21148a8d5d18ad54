//! Other programs as judges: Python's `mailbox` module and Debian's Dovecot count the messages of mboxes that are written
//! here in each form, and POP3 clients find nothing new behind an import.

use crate::dovecot::{Mail, dovecot, lay_out, owner, shown};
use crate::foreign::write;
use crate::support::debian::free_port;
use crate::support::random::Random;
use crate::support::site::text;
use crate::support::{Site, eventually};
use std::path::Path;
use std::process::{Command, Stdio};
