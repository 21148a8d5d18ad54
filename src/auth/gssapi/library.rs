//! `libgssapi_krb5.so.2`, loaded when it is first asked for, behind types that can only be used the
//! right way. This room, with its declarations in `super::abi`, is the only one of the project with
//! `unsafe`.
//!
//! # Why the calls are sound
//!
//! * Every pointer that a call gets is null where RFC 2744 allows it, or points to a local value or
//!   a borrowed slice that outlives the call; the library keeps none of them.
//! * Whatever the library allocates is owned by a type here whose `Drop` gives it back once.
//! * A security context is used by one thread at a time (`&mut self`). A credential may be used by
//!   many: MIT's library locks it.

#![allow(unsafe_code)]

use super::abi::{Api, Bindings, Buffer, Handle, KeyValue, KeyValueSet, Oid, OidSet, api};
use std::ffi::{CString, c_int};
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// Most lines of text that a status may have.
const MOST_LINES: usize = 8;
/// `gss_cred_usage_t` GSS_C_ACCEPT.
const ACCEPT: c_int = 2;
/// Kinds of status code, for `gss_display_status`.
const GSS_CODE: c_int = 1;
const MECH_CODE: c_int = 2;
/// GSS_S_CONTINUE_NEEDED, in the supplementary part of a major status.
const CONTINUE_NEEDED: u32 = 1;
/// GSS_C_CHANNEL_BOUND_FLAG: the initiator sent bindings and they matched (MIT 1.19).
const CHANNEL_BOUND: u32 = 0x800;
/// 1.2.840.113554.1.2.2 (RFC 4121 section 1).
const KRB5: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];

/// A call that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The major status' routine error (RFC 2744 section 3.9.1).
    pub error: u32,
    /// What the library says of it.
    pub text: String,
}

/// The keys that this process accepts contexts with.
pub struct Credential {
    api: &'static Api,
    handle: Handle,
}

// SAFETY: MIT's library allows a credential to be used by several threads at once and locks it.
unsafe impl Send for Credential {}
// SAFETY: as above.
unsafe impl Sync for Credential {}

impl Credential {
    /// Loads the library if need be, and takes every key of the keytab.
    ///
    /// # Errors
    /// One line that says what is missing.
    pub fn from_keytab(path: &str) -> Result<Self, String> {
        let api = api()?;
        let value = CString::new(format!("FILE:{path}")).map_err(|_| "keytab's path has a NUL".to_owned())?;
        let element = KeyValue { key: c"keytab".as_ptr(), value: value.as_ptr() };
        let store = KeyValueSet { count: 1, elements: &element };
        let krb5 = krb5();
        let mechanisms = OidSet { count: 1, elements: &krb5 };
        let (mut minor, mut handle) = (0, null_mut());
        // SAFETY: all structures are alive here; GSS_C_NO_NAME stands for every key of the keytab.
        let major = unsafe {
            let (any, ignored) = (null_mut(), null_mut());
            (api.gss_acquire_cred_from)(
                &mut minor,
                any,
                u32::MAX,
                &mechanisms,
                ACCEPT,
                &store,
                &mut handle,
                ignored,
                null_mut(),
            )
        };
        api.check(major, minor).map_err(|status| status.text)?;
        Ok(Self { api, handle })
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and not used again.
        unsafe { (self.api.gss_release_cred)(&mut 0, &mut self.handle) };
    }
}

/// A context that an initiator establishes with us.
pub struct Context {
    credential: Arc<Credential>,
    handle: Handle,
    bindings: Option<Vec<u8>>,
}

// SAFETY: nothing of a context belongs to the thread that made it; `&mut self` keeps it to one at a time.
unsafe impl Send for Context {}

/// What taking a token came to.
pub struct Progress {
    /// For the initiator; may be empty.
    pub token: Vec<u8>,
    /// The context is established.
    pub complete: bool,
}

/// What is known of an established context.
pub struct Facts {
    /// The initiator's principal.
    pub initiator: String,
    /// The acceptor's, which is one of ours.
    pub acceptor: String,
    /// Channel bindings were sent and matched.
    pub bound: bool,
}

impl Context {
    /// A context of which nothing is known yet.
    pub fn new(credential: Arc<Credential>, bindings: Option<Vec<u8>>) -> Self {
        Self { credential, handle: null_mut(), bindings }
    }

    /// Takes a token. Credentials that the initiator wants to delegate are not taken.
    ///
    /// # Errors
    /// The library's status.
    pub fn accept(&mut self, token: &[u8]) -> Result<Progress, Status> {
        let api = self.credential.api;
        let bindings = self.bindings.as_deref().map(channel_bindings);
        let bindings = bindings.as_ref().map_or(null(), |bindings| bindings as *const Bindings);
        let mut output = Output::new(api);
        let mut minor = 0;
        // SAFETY: `self.handle` is null or what an earlier call made it; token and bindings are borrowed.
        let major = unsafe {
            (api.gss_accept_sec_context)(
                &mut minor,
                &mut self.handle,
                self.credential.handle,
                &input(token),
                bindings,
                null_mut(),
                null_mut(),
                &mut output.buffer,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        api.check(major, minor)?;
        Ok(Progress { token: output.octets(), complete: major & CONTINUE_NEEDED == 0 })
    }

    /// Who talks to whom, in an established context.
    ///
    /// # Errors
    /// The library's status, or that this is not Kerberos (RFC 4752 section 3.2).
    pub fn facts(&self) -> Result<Facts, Status> {
        let api = self.credential.api;
        let (mut initiator, mut acceptor) = (Name::new(api), Name::new(api));
        let (mut minor, mut flags, mut mechanism) = (0, 0, null());
        // SAFETY: the handle is a context; RFC 2744 allows null for what is not wanted.
        let major = unsafe {
            (api.gss_inquire_context)(
                &mut minor,
                self.handle,
                &mut initiator.handle,
                &mut acceptor.handle,
                null_mut(),
                &mut mechanism,
                &mut flags,
                null_mut(),
                null_mut(),
            )
        };
        api.check(major, minor)?;
        if !is_krb5(mechanism) {
            return Err(Status { error: 0, text: "context is not of Kerberos".to_owned() });
        }
        Ok(Facts { initiator: initiator.text()?, acceptor: acceptor.text()?, bound: flags & CHANNEL_BOUND != 0 })
    }

    /// Seals a message for integrity.
    ///
    /// # Errors
    /// The library's status.
    pub fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Status> {
        let api = self.credential.api;
        let mut output = Output::new(api);
        let mut minor = 0;
        // SAFETY: a null handle is GSS_C_NO_CONTEXT, which the library refuses.
        let major =
            unsafe { (api.gss_wrap)(&mut minor, self.handle, 0, 0, &input(message), null_mut(), &mut output.buffer) };
        api.check(major, minor)?;
        Ok(output.octets())
    }

    /// Opens a sealed message.
    ///
    /// # Errors
    /// The library's status.
    pub fn unwrap(&mut self, message: &[u8]) -> Result<Vec<u8>, Status> {
        let api = self.credential.api;
        let mut output = Output::new(api);
        let mut minor = 0;
        // SAFETY: as in `wrap`.
        let major = unsafe {
            (api.gss_unwrap)(&mut minor, self.handle, &input(message), &mut output.buffer, null_mut(), null_mut())
        };
        api.check(major, minor)?;
        Ok(output.octets())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: null or ours, and not used again; no token is wanted (GSS_C_NO_BUFFER).
        unsafe { (self.credential.api.gss_delete_sec_context)(&mut 0, &mut self.handle, null_mut()) };
    }
}

impl Api {
    /// The upper half of a major status is an error (RFC 2744 section 3.9.1).
    fn check(&self, major: u32, minor: u32) -> Result<(), Status> {
        if major >> 16 == 0 {
            return Ok(());
        }
        let mut lines = self.lines(major, GSS_CODE, null());
        if minor != 0 {
            lines.extend(self.lines(minor, MECH_CODE, &krb5()));
        }
        Err(Status { error: major >> 16 & 0xff, text: lines.join(": ") })
    }

    fn lines(&self, code: u32, kind: c_int, mechanism: *const Oid) -> Vec<String> {
        let mut lines = Vec::new();
        let mut more = 0;
        while lines.len() < MOST_LINES {
            let mut output = Output::new(self);
            // SAFETY: `mechanism` is null or borrowed; `more` is what the call before left in it.
            let major =
                unsafe { (self.gss_display_status)(&mut 0, code, kind, mechanism, &mut more, &mut output.buffer) };
            if major >> 16 != 0 {
                break;
            }
            lines.push(output.text());
            if more == 0 {
                break;
            }
        }
        lines
    }
}

/// A buffer that the library fills and we give back.
struct Output<'a> {
    api: &'a Api,
    buffer: Buffer,
}

impl<'a> Output<'a> {
    fn new(api: &'a Api) -> Self {
        Self { api, buffer: Buffer { length: 0, value: null_mut() } }
    }

    fn octets(&self) -> Vec<u8> {
        if self.buffer.value.is_null() {
            return Vec::new();
        }
        // SAFETY: the library says that so many octets are there, and they are not given back yet.
        unsafe { std::slice::from_raw_parts(self.buffer.value.cast::<u8>(), self.buffer.length) }.to_vec()
    }

    /// In one line, whatever it holds.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets()).replace(|letter: char| letter.is_control(), " ")
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        // SAFETY: the buffer is empty or the library's, and not used again.
        unsafe { (self.api.gss_release_buffer)(&mut 0, &mut self.buffer) };
    }
}

/// A name that the library made and we give back.
struct Name<'a> {
    api: &'a Api,
    handle: Handle,
}

impl<'a> Name<'a> {
    fn new(api: &'a Api) -> Self {
        Self { api, handle: null_mut() }
    }

    fn text(&self) -> Result<String, Status> {
        let mut output = Output::new(self.api);
        let mut minor = 0;
        // SAFETY: a null handle is GSS_C_NO_NAME, which the library refuses.
        let major = unsafe { (self.api.gss_display_name)(&mut minor, self.handle, &mut output.buffer, null_mut()) };
        self.api.check(major, minor)?;
        String::from_utf8(output.octets())
            .map_err(|_| Status { error: 0, text: "principal is not in UTF-8".to_owned() })
    }
}

impl Drop for Name<'_> {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the name is ours and not used again.
            unsafe { (self.api.gss_release_name)(&mut 0, &mut self.handle) };
        }
    }
}

/// Octets that the library only reads.
fn input(octets: &[u8]) -> Buffer {
    Buffer { length: octets.len(), value: octets.as_ptr().cast_mut().cast() }
}

/// Bindings without addresses (RFC 2744 section 3.11): type 0 and no octets each.
fn channel_bindings(application_data: &[u8]) -> Bindings {
    Bindings {
        initiator_type: 0,
        initiator: input(&[]),
        acceptor_type: 0,
        acceptor: input(&[]),
        application_data: input(application_data),
    }
}

fn krb5() -> Oid {
    Oid { length: KRB5.len() as u32, elements: KRB5.as_ptr().cast() }
}

fn is_krb5(mechanism: *const Oid) -> bool {
    // SAFETY: null, or an object identifier that the library keeps for ever (RFC 2744 section 3.2).
    unsafe {
        mechanism
            .as_ref()
            .filter(|oid| !oid.elements.is_null())
            .is_some_and(|oid| std::slice::from_raw_parts(oid.elements.cast::<u8>(), oid.length as usize) == KRB5)
    }
}
