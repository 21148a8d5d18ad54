//! The C side of `libgssapi_krb5.so.2`: layouts and functions, and the library itself once loaded.
//!
//! The declarations are those of RFC 2744 (C bindings of GSS-API version 2) for platforms that do
//! not pack structures, and MIT's `gss_acquire_cred_from` for the keytab, so that no environment
//! variable of a process with threads has to be changed. What must not be known here: how the calls
//! are used rightly (`super::library`).

#![allow(unsafe_code)]

use libloading::Library;
use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

/// The library's name on every Linux system with MIT Kerberos.
const NAME: &str = "libgssapi_krb5.so.2";

pub(super) type Handle = *mut c_void;

#[repr(C)]
pub(super) struct Buffer {
    pub(super) length: usize,
    pub(super) value: *mut c_void,
}

#[repr(C)]
pub(super) struct Oid {
    pub(super) length: u32,
    pub(super) elements: *const c_void,
}

#[repr(C)]
pub(super) struct OidSet {
    pub(super) count: usize,
    pub(super) elements: *const Oid,
}

#[repr(C)]
pub(super) struct Bindings {
    pub(super) initiator_type: u32,
    pub(super) initiator: Buffer,
    pub(super) acceptor_type: u32,
    pub(super) acceptor: Buffer,
    pub(super) application_data: Buffer,
}

#[repr(C)]
pub(super) struct KeyValue {
    pub(super) key: *const c_char,
    pub(super) value: *const c_char,
}

#[repr(C)]
pub(super) struct KeyValueSet {
    pub(super) count: u32,
    pub(super) elements: *const KeyValue,
}

/// Declares the functions once: their types, and the look-up of each by its name.
macro_rules! functions {
    ($($name:ident($($argument:ty),*);)*) => {
        pub(super) struct Api {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) -> u32,)*
        }

        impl Api {
            fn find(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: each name has the type that RFC 2744 (or MIT's gssapi_ext.h) gives it.
                unsafe { Ok(Self { $($name: *library.get(stringify!($name))?,)* }) }
            }
        }
    };
}

functions! {
    gss_acquire_cred_from(*mut u32, Handle, u32, *const OidSet, c_int, *const KeyValueSet, *mut Handle, *mut *mut OidSet, *mut u32);
    gss_accept_sec_context(*mut u32, *mut Handle, Handle, *const Buffer, *const Bindings, *mut Handle, *mut *const Oid, *mut Buffer, *mut u32, *mut u32, *mut Handle);
    gss_inquire_context(*mut u32, Handle, *mut Handle, *mut Handle, *mut u32, *mut *const Oid, *mut u32, *mut c_int, *mut c_int);
    gss_wrap(*mut u32, Handle, c_int, u32, *const Buffer, *mut c_int, *mut Buffer);
    gss_unwrap(*mut u32, Handle, *const Buffer, *mut Buffer, *mut c_int, *mut u32);
    gss_display_name(*mut u32, Handle, *mut Buffer, *mut *const Oid);
    gss_display_status(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer);
    gss_release_buffer(*mut u32, *mut Buffer);
    gss_release_name(*mut u32, *mut Handle);
    gss_release_cred(*mut u32, *mut Handle);
    gss_delete_sec_context(*mut u32, *mut Handle, *mut Buffer);
}

/// The library, once it has been loaded; it stays for ever.
static API: OnceLock<Api> = OnceLock::new();

pub(super) fn api() -> Result<&'static Api, String> {
    if let Some(api) = API.get() {
        return Ok(api);
    }
    // SAFETY: the library's initialisers only set up its own locks and tables.
    let library = unsafe { Library::new(NAME) }.map_err(|error| format!("{NAME} cannot be loaded: {error}"))?;
    let api = Api::find(&library).map_err(|error| format!("{NAME} is not MIT's: {error}"))?;
    // Its functions are called until the end of the process.
    std::mem::forget(library);
    Ok(API.get_or_init(|| api))
}
