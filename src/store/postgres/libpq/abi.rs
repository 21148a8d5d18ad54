//! The C side of `libpq.so.5`: functions, and the library itself once loaded.
//!
//! The declarations are those of libpq-fe.h ("libpq — C Library" in PostgreSQL's manual). What must not be known here:
//! how the calls are used rightly (`super::connection`).

#![allow(unsafe_code)]

use libloading::Library;
use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

/// The library's name, whatever its version, since 2006.
const NAME: &str = "libpq.so.5";
/// The first version with pipeline mode.
const OLDEST: c_int = 140_000;

/// `PGconn *`, `PGresult *` and `PGcancel *`.
pub(super) type Handle = *mut c_void;
pub(super) type Text = *const c_char;
pub(super) type NoticeReceiver = extern "C" fn(*mut c_void, Handle);

#[repr(C)]
pub(super) struct ConninfoOption {
    pub(super) keyword: *mut c_char,
    envvar: *mut c_char,
    compiled: *mut c_char,
    pub(super) val: *mut c_char,
    label: *mut c_char,
    dispchar: *mut c_char,
    dispsize: c_int,
}

/// Declares the functions once: their types, and the look-up of each by its name.
macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $answer:ty)?;)*) => {
        #[allow(non_snake_case, reason = "the library's own names")]
        pub(super) struct Api {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
        }

        impl Api {
            /// # Safety
            /// The library must be libpq: its functions have the types that are declared here.
            unsafe fn of(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: as above.
                unsafe { Ok(Self { $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)* }) }
            }
        }
    };
}

functions! {
    PQlibVersion() -> c_int;
    PQconninfoParse(Text, *mut *mut c_char) -> *mut ConninfoOption;
    PQconninfoFree(*mut ConninfoOption);
    PQfreemem(*mut c_void);
    PQconnectdbParams(*const Text, *const Text, c_int) -> Handle;
    PQreset(Handle);
    PQfinish(Handle);
    PQstatus(Handle) -> c_int;
    PQtransactionStatus(Handle) -> c_int;
    PQerrorMessage(Handle) -> Text;
    PQsetErrorVerbosity(Handle, c_int) -> c_int;
    PQserverVersion(Handle) -> c_int;
    PQsocket(Handle) -> c_int;
    PQsetNoticeReceiver(Handle, NoticeReceiver, *mut c_void) -> *mut c_void;
    PQexec(Handle, Text) -> Handle;
    PQenterPipelineMode(Handle) -> c_int;
    PQexitPipelineMode(Handle) -> c_int;
    PQsendPrepare(Handle, Text, Text, c_int, *const u32) -> c_int;
    PQsendQueryPrepared(Handle, Text, c_int, *const Text, *const c_int, *const c_int, c_int) -> c_int;
    PQpipelineSync(Handle) -> c_int;
    PQconsumeInput(Handle) -> c_int;
    PQisBusy(Handle) -> c_int;
    PQgetResult(Handle) -> Handle;
    PQresultStatus(Handle) -> c_int;
    PQresultErrorMessage(Handle) -> Text;
    PQresultErrorField(Handle, c_int) -> Text;
    PQntuples(Handle) -> c_int;
    PQgetvalue(Handle, c_int, c_int) -> Text;
    PQgetlength(Handle, c_int, c_int) -> c_int;
    PQgetisnull(Handle, c_int, c_int) -> c_int;
    PQcmdTuples(Handle) -> Text;
    PQclear(Handle);
    PQgetCancel(Handle) -> Handle;
    PQcancel(Handle, *mut c_char, c_int) -> c_int;
    PQfreeCancel(Handle);
}

/// The library, loaded when it is first asked for and then kept.
///
/// # Errors
/// One line that says what is missing.
pub(super) fn api() -> Result<&'static Api, String> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    API.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Result<Api, String> {
    let failed = |error| format!("{NAME} cannot be loaded (Debian: libpq5): {error}");
    // SAFETY: libpq's initialisers have no requirements.
    let library = unsafe { Library::new(NAME) }.map_err(failed)?;
    // SAFETY: this is libpq.
    let api = unsafe { Api::of(&library) }.map_err(failed)?;
    // It stays until the process ends, or the functions would be gone.
    std::mem::forget(library);
    // SAFETY: without arguments.
    match unsafe { (api.PQlibVersion)() } {
        version if version >= OLDEST => Ok(api),
        version => Err(format!("{NAME} is version {}, 14 or newer is needed", version / 10_000)),
    }
}
