//! Connection strings: what was typed, what is refused of it, and what we add.

#![allow(unsafe_code)]

use super::abi::{Text, api};
use super::failure::Failure;
use crate::store::{Result, StoreError};
use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

/// What holds where nothing else was typed. Seconds, and milliseconds for the last.
const DEFAULTS: [(&str, &str); 6] = [
    ("connect_timeout", "2"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "3"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
    ("target_session_attrs", "read-write"),
];

/// A connection string that was taken apart.
#[derive(Debug)]
pub struct Conninfo {
    words: Vec<(CString, CString)>,
}

impl Conninfo {
    /// Takes a connection string apart. `node` is what the server shows for this program.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where it is none, holds a password, or would cross a network in clear;
    /// [`StoreError::Unavailable`] without the library.
    pub fn parse(text: &str, node: &str) -> Result<Self> {
        let mut words = parsed(text)?;
        let find = |words: &[(String, String)], key: &str| words.iter().any(|(known, _)| known == key);
        if find(&words, "password") {
            let text =
                "a password in a connection string is shown to everybody: it belongs into a password file (PGPASSFILE)";
            return Err(StoreError::Refused(text.into()));
        }
        let name = format!("pillarbox/{node}");
        let ours = DEFAULTS.into_iter().chain([("application_name", name.as_str())]);
        for (key, value) in ours {
            if !find(&words, key) {
                words.push((key.to_owned(), value.to_owned()));
            }
        }
        require_private(&words)?;
        let text = |text: String| CString::new(text).map_err(|_| StoreError::Refused("it has a NUL in it".into()));
        let words = words.into_iter().map(|(key, value)| Ok((text(key)?, text(value)?)));
        Ok(Self { words: words.collect::<Result<_>>()? })
    }

    /// For `PQconnectdbParams`.
    pub(super) fn pointers(&self) -> (Vec<Text>, Vec<Text>) {
        let end = || std::iter::once(null());
        let keys = self.words.iter().map(|(key, _)| key.as_ptr()).chain(end());
        (keys.collect(), self.words.iter().map(|(_, value)| value.as_ptr()).chain(end()).collect())
    }
}

/// The library's own reading of it.
fn parsed(text: &str) -> Result<Vec<(String, String)>> {
    let api = api().map_err(Failure::missing)?;
    let typed = CString::new(text).map_err(|_| StoreError::Refused("it has a NUL in it".into()))?;
    let mut error: *mut c_char = null_mut();
    // SAFETY: the text outlives the call; the array ends with a null keyword, and both it and the error are given back once.
    unsafe {
        let options = (api.PQconninfoParse)(typed.as_ptr(), &mut error);
        if options.is_null() {
            let why = if error.is_null() { "no memory".into() } else { CStr::from_ptr(error).to_string_lossy() };
            let why = StoreError::Refused(format!("it is no connection string: {}", why.trim()));
            (api.PQfreemem)(error.cast());
            return Err(why);
        }
        let (mut words, mut next) = (Vec::new(), options);
        while !(*next).keyword.is_null() {
            let text = |pointer: *mut c_char| CStr::from_ptr(pointer).to_string_lossy().into_owned();
            if !(*next).val.is_null() {
                words.push((text((*next).keyword), text((*next).val)));
            }
            next = next.add(1);
        }
        (api.PQconninfoFree)(options);
        Ok(words)
    }
}

/// Mail and password hashes cross no network in clear.
fn require_private(words: &[(String, String)]) -> Result<()> {
    let value = |key: &str| words.iter().find(|(known, _)| known == key).map_or("", |(_, value)| value.as_str());
    if matches!(value("sslmode"), "require" | "verify-ca" | "verify-full") {
        return Ok(());
    }
    let hosts = [value("host"), value("hostaddr")].join(",");
    let is_near = |host: &str| host.is_empty() || host.starts_with('/') || host.starts_with('@') || is_loopback(host);
    match hosts.split(',').find(|host| !is_near(host)) {
        None => Ok(()),
        Some(host) => Err(StoreError::Refused(format!(
            "the connection to {host} may be in clear: add sslmode=verify-full (or require) to the connection string"
        ))),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match Conninfo::parse(text, "n1") {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_dangerous_refused() {
        let conninfo = Conninfo::parse("postgresql:///mail?host=/run/x&connect_timeout=7", "n1").unwrap();
        let value = |key: &str| {
            let found = conninfo.words.iter().find(|(known, _)| known.to_str() == Ok(key));
            found.map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        assert_eq!(value("connect_timeout").as_deref(), Some("7"));
        assert_eq!(value("target_session_attrs").as_deref(), Some("read-write"));
        assert_eq!(value("application_name").as_deref(), Some("pillarbox/n1"));
        assert_eq!(refusal("host=127.0.0.1 dbname=x"), "");
        assert_eq!(refusal("host=localhost,::1 dbname=x"), "");
        assert_eq!(refusal("host=db1,db2 dbname=x sslmode=verify-full"), "");
        assert!(refusal("host=localhost,db2 dbname=x").contains("connection to db2"));
        assert!(refusal("postgresql://u:secret@localhost/x").contains("PGPASSFILE"));
        assert!(refusal("host=localhost nonsense=1").contains("no connection string"));
    }
}
