//! One connection, behind methods that can only be called the right way. This room, with its declarations in
//! `super::abi`, is the only one of the engine with `unsafe`.
//!
//! Whatever is sent goes through a pipeline: statements and a sync, in one round trip, and without a BEGIN all of them
//! or none.
//!
//! # Why the calls are sound
//!
//! * Every pointer that a call gets is null where the manual allows it, or points to something that outlives the call; the
//!   library keeps none of them, except that of the notices, which live as long as the connection.
//! * Whatever the library allocates is owned by a type here whose `Drop` gives it back once.
//! * A connection is used by one thread at a time (`&mut self`). [`Cancel`] may be used by any: the manual says so.

#![allow(unsafe_code)]

use super::abi::{Api, Handle, Text, api};
use super::conninfo::Conninfo;
use super::failure::Failure;
use super::rows::Rows;
use super::value::Value;
use crate::lock::IgnorePoison;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// `ConnStatusType` CONNECTION_OK.
const OK: c_int = 0;
/// `PGTransactionStatusType` PQTRANS_IDLE.
const IDLE: c_int = 0;
/// `ExecStatusType`.
const COMMAND_OK: c_int = 1;
const TUPLES_OK: c_int = 2;
const PIPELINE_SYNC: c_int = 10;
const PIPELINE_ABORTED: c_int = 11;
/// `PGVerbosity` PQERRORS_VERBOSE: with the SQLSTATE in the text.
const VERBOSE: c_int = 2;
const BINARY: c_int = 1;

/// A statement and its parameters.
pub struct Statement<'a> {
    /// It is prepared when a connection sees it first.
    pub sql: Cow<'static, str>,
    /// As many as it names.
    pub parameters: Vec<Value<'a>>,
}

/// A statement with these parameters.
pub fn statement<'a, const N: usize>(sql: impl Into<Cow<'static, str>>, parameters: [Value<'a>; N]) -> Statement<'a> {
    Statement { sql: sql.into(), parameters: parameters.into() }
}

/// Told once, after so long, that the server has not answered yet.
pub type Watch<'a> = (Duration, &'a mut dyn FnMut());

/// A connection in pipeline mode.
pub struct Connection {
    api: &'static Api,
    handle: Handle,
    notices: Box<Notices>,
    prepared: HashMap<Cow<'static, str>, CString>,
    /// An answer is missing.
    broken: bool,
}

// SAFETY: nothing of a connection belongs to the thread that made it; `&mut self` keeps it to one at a time.
unsafe impl Send for Connection {}

/// The first warning since it was asked for last.
#[derive(Default)]
struct Notices(Mutex<Option<String>>);

/// What is expected of the server, in order.
enum Step {
    Prepared(Cow<'static, str>, CString),
    Answer,
}

impl Connection {
    /// Connects, as long as that takes with the time limits of `conninfo`.
    ///
    /// # Errors
    /// What the server or the library says.
    pub fn open(conninfo: &Conninfo) -> Result<Self, Failure> {
        let api = api().map_err(Failure::missing)?;
        let (keys, values) = conninfo.pointers();
        // SAFETY: both arrays end with a null pointer and outlive the call.
        let handle = unsafe { (api.PQconnectdbParams)(keys.as_ptr(), values.as_ptr(), 0) };
        if handle.is_null() {
            return Err(Failure::lost("there is no memory for a connection"));
        }
        let connection = Self { api, handle, notices: Box::default(), prepared: HashMap::new(), broken: false };
        // SAFETY: the connection and what the pointer leads to live as long as each other.
        unsafe {
            (api.PQsetNoticeReceiver)(handle, noticed, (&raw const *connection.notices).cast_mut().cast());
        }
        if connection.is_lost() {
            // Why, in a form that is not translated, is said only by a connection that was told so: it tries again.
            // SAFETY: the connection is ours.
            unsafe {
                (api.PQsetErrorVerbosity)(handle, VERBOSE);
                (api.PQreset)(handle);
            }
            if connection.is_lost() {
                return Err(Failure::connecting(&connection.error()));
            }
        }
        // SAFETY: as above.
        match unsafe { (api.PQenterPipelineMode)(handle) } {
            1 => Ok(connection),
            _ => Err(connection.lost()),
        }
    }

    /// It cannot be used any more.
    pub fn is_lost(&self) -> bool {
        // SAFETY: the connection is ours.
        self.broken || unsafe { (self.api.PQstatus)(self.handle) != OK }
    }

    /// No transaction is open.
    pub fn is_idle(&self) -> bool {
        // SAFETY: the connection is ours.
        unsafe { (self.api.PQtransactionStatus)(self.handle) == IDLE }
    }

    /// The server's version: 150018 is 15.18.
    pub fn server_version(&self) -> i32 {
        // SAFETY: the connection is ours.
        unsafe { (self.api.PQserverVersion)(self.handle) }
    }

    /// The first warning since this was asked last.
    pub fn take_warning(&mut self) -> Option<String> {
        self.notices.0.lock().ignore_poison().take()
    }

    /// Runs statements in one round trip; the answers are theirs, in order.
    ///
    /// # Errors
    /// The first that failed; those behind it were not run.
    pub fn run(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Rows>, Failure> {
        self.run_watched(statements, None)
    }

    /// The same of one statement.
    ///
    /// # Errors
    /// As [`Connection::run`].
    pub fn query<const N: usize>(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        parameters: [Value<'_>; N],
    ) -> Result<Rows, Failure> {
        let mut answers = self.run(&[statement(sql, parameters)])?;
        answers.pop().ok_or_else(|| Failure::lost("the server gave no answer"))
    }

    /// The same, and somebody is told where it takes long.
    ///
    /// # Errors
    /// As [`Connection::run`].
    pub fn run_watched(
        &mut self,
        statements: &[Statement<'_>],
        watch: Option<Watch<'_>>,
    ) -> Result<Vec<Rows>, Failure> {
        let answers = self.send_all(statements).and_then(|steps| self.collect(steps, watch));
        self.broken |= answers.as_ref().is_err_and(|failure| failure.lost);
        answers
    }

    fn send_all(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Step>, Failure> {
        let mut steps = Vec::with_capacity(statements.len());
        for one in statements {
            self.send(one, &mut steps)?;
        }
        // SAFETY: the connection is ours.
        match unsafe { (self.api.PQpipelineSync)(self.handle) } {
            1 => Ok(steps),
            _ => Err(self.lost()),
        }
    }

    /// Runs any number of statements without parameters, outside of the pipeline.
    ///
    /// # Errors
    /// The first that failed.
    pub fn script(&mut self, sql: &str) -> Result<(), Failure> {
        let text = CString::new(sql).map_err(|_| Failure::lost("a statement has a NUL in it"))?;
        // SAFETY: the connection is ours, the text outlives the call, and the result is owned from here on.
        let result = unsafe {
            (self.api.PQexitPipelineMode)(self.handle);
            Rows::new(self.api, (self.api.PQexec)(self.handle, text.as_ptr()))
        };
        let done = match result {
            Some(rows) if matches!(rows.status(), COMMAND_OK | TUPLES_OK) => Ok(()),
            Some(rows) => Err(rows.failure(self.is_lost())),
            None => Err(self.lost()),
        };
        // SAFETY: as above.
        if unsafe { (self.api.PQenterPipelineMode)(self.handle) } != 1 && done.is_ok() {
            return Err(self.lost());
        }
        done
    }

    /// What ends the statement that runs.
    pub fn cancel(&self) -> Option<Cancel> {
        // SAFETY: the connection is ours.
        let handle = unsafe { (self.api.PQgetCancel)(self.handle) };
        (!handle.is_null()).then_some(Cancel { api: self.api, handle })
    }

    fn send(&mut self, one: &Statement<'_>, steps: &mut Vec<Step>) -> Result<(), Failure> {
        let name = match self.prepared.get(&one.sql) {
            Some(name) => name.clone(),
            None => self.prepare(one, steps)?,
        };
        let octets = |value: &Value<'_>| value.octets.as_ref().map_or(null(), |octets| octets.as_ptr().cast());
        // An empty value must not look like NULL.
        let pointers: Vec<Text> = one.parameters.iter().map(octets).collect();
        let lengths: Vec<c_int> = one
            .parameters
            .iter()
            .map(|value| value.octets.as_ref().map_or(0, |octets| octets.len() as c_int))
            .collect();
        let formats = vec![BINARY; one.parameters.len()];
        // SAFETY: the three arrays are as long as is said, and all they lead to outlives the call.
        let sent = unsafe {
            (self.api.PQsendQueryPrepared)(
                self.handle,
                name.as_ptr(),
                one.parameters.len() as c_int,
                pointers.as_ptr(),
                lengths.as_ptr(),
                formats.as_ptr(),
                BINARY,
            )
        };
        steps.push(Step::Answer);
        if sent == 1 { Ok(()) } else { Err(self.lost()) }
    }

    fn prepare(&mut self, one: &Statement<'_>, steps: &mut Vec<Step>) -> Result<CString, Failure> {
        let known = steps.iter().find_map(|step| match step {
            Step::Prepared(sql, name) if *sql == one.sql => Some(name.clone()),
            _ => None,
        });
        if let Some(name) = known {
            return Ok(name);
        }
        let new = steps.iter().filter(|step| matches!(step, Step::Prepared(..))).count();
        let number = self.prepared.len() + new;
        let bad = |_| Failure::lost("a statement has a NUL in it");
        let (name, sql) = (CString::new(format!("s{number}")).map_err(bad)?, CString::new(&*one.sql).map_err(bad)?);
        let types: Vec<u32> = one.parameters.iter().map(|value| value.oid).collect();
        // SAFETY: the texts and the array outlive the call.
        let sent = unsafe {
            (self.api.PQsendPrepare)(self.handle, name.as_ptr(), sql.as_ptr(), types.len() as c_int, types.as_ptr())
        };
        steps.push(Step::Prepared(one.sql.clone(), name.clone()));
        if sent == 1 { Ok(name) } else { Err(self.lost()) }
    }

    /// Takes all answers up to the sync.
    fn collect(&mut self, steps: Vec<Step>, mut watch: Option<Watch<'_>>) -> Result<Vec<Rows>, Failure> {
        let (mut answers, mut failure) = (Vec::new(), None);
        let mut steps = steps.into_iter();
        let mut nothing = 0;
        let began = Instant::now();
        loop {
            if let Some((patience, tell)) = &mut watch
                && !self.is_ready_by(began + *patience)
            {
                tell();
                watch = None;
            }
            // SAFETY: the connection is ours, and the result is owned from here on.
            let result = unsafe { Rows::new(self.api, (self.api.PQgetResult)(self.handle)) };
            let Some(rows) = result else {
                nothing += 1;
                // One stands behind each answer; more of them mean that nothing is to come.
                if nothing > 1 || self.is_lost() {
                    return Err(failure.unwrap_or_else(|| self.lost()));
                }
                continue;
            };
            nothing = 0;
            match rows.status() {
                PIPELINE_SYNC => return failure.map_or(Ok(answers), Err),
                PIPELINE_ABORTED => drop(steps.next()),
                COMMAND_OK | TUPLES_OK => match steps.next() {
                    Some(Step::Prepared(sql, name)) => drop(self.prepared.insert(sql, name)),
                    _ => answers.push(rows),
                },
                _ => {
                    steps.next();
                    let lost = self.is_lost();
                    failure.get_or_insert_with(|| rows.failure(lost)).lost |= lost;
                }
            }
        }
    }

    /// Waits until there is something to read, or until then; `false`: there is not.
    fn is_ready_by(&mut self, end: Instant) -> bool {
        loop {
            // SAFETY: the connection is ours.
            unsafe {
                if (self.api.PQisBusy)(self.handle) == 0 {
                    return true;
                }
                let left = end.saturating_duration_since(Instant::now());
                let socket = (self.api.PQsocket)(self.handle);
                if socket < 0 {
                    return true;
                }
                let mut sockets = [PollFd::new(BorrowedFd::borrow_raw(socket), PollFlags::POLLIN)];
                let timeout = PollTimeout::try_from(left.as_millis().saturating_add(1)).unwrap_or(PollTimeout::MAX);
                if left.is_zero() || poll(&mut sockets, timeout) == Ok(0) {
                    return false;
                }
                if (self.api.PQconsumeInput)(self.handle) == 0 {
                    return true;
                }
            }
        }
    }

    fn lost(&self) -> Failure {
        Failure::lost(&self.error())
    }

    fn error(&self) -> String {
        // SAFETY: the connection is ours, and the text stays until the next call.
        unsafe { CStr::from_ptr((self.api.PQerrorMessage)(self.handle)) }.to_string_lossy().trim().to_owned()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the connection is ours and not used again.
        unsafe { (self.api.PQfinish)(self.handle) };
    }
}

/// Called by the library with each notice, on the thread that waits for an answer.
extern "C" fn noticed(to: *mut c_void, notice: Handle) {
    let Ok(api) = api() else { return };
    // SAFETY: the pointer is that of `Connection::open`; the notice is the library's and stays while we are here.
    let (notices, severity, message) = unsafe {
        let field = |which: u8| {
            let text = (api.PQresultErrorField)(notice, which.into());
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        (&*to.cast_const().cast::<Notices>(), field(b'V'), field(b'M'))
    };
    if severity == "WARNING" {
        notices.0.lock().ignore_poison().get_or_insert(message);
    }
}

/// Ends what a connection is doing, from any thread.
pub struct Cancel {
    api: &'static Api,
    handle: Handle,
}

// SAFETY: the manual allows PQcancel from any thread, at any time.
unsafe impl Send for Cancel {}
// SAFETY: as above.
unsafe impl Sync for Cancel {}

impl Cancel {
    /// Asks the server; whether it is in time shows in the statement's answer.
    pub fn cancel(&self) {
        // SAFETY: the handle is ours; without a buffer no error is written.
        unsafe { (self.api.PQcancel)(self.handle, null_mut(), 0) };
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and not used again.
        unsafe { (self.api.PQfreeCancel)(self.handle) };
    }
}
