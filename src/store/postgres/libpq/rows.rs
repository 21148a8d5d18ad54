//! A statement's answer.

#![allow(unsafe_code)]

use super::abi::{Api, Handle};
use super::failure::Failure;
use super::value::{elements, number};
use crate::store::{Result, StoreError};
use std::ffi::{CStr, c_int};

/// The rows that a statement gave, in binary form.
pub struct Rows {
    api: &'static Api,
    handle: Handle,
}

// SAFETY: a result is not written to once it is there.
unsafe impl Send for Rows {}

impl Rows {
    /// The result of a call, which is ours from now on; none for a null pointer.
    ///
    /// # Safety
    /// Nobody else may give it back.
    pub(super) unsafe fn new(api: &'static Api, handle: Handle) -> Option<Self> {
        (!handle.is_null()).then_some(Self { api, handle })
    }

    pub(super) fn status(&self) -> c_int {
        // SAFETY: the result is ours.
        unsafe { (self.api.PQresultStatus)(self.handle) }
    }

    /// Why there are none.
    pub(super) fn failure(&self, lost: bool) -> Failure {
        match self.field(b'C') {
            // The library says it, and not the server.
            state if state.is_empty() => {
                // SAFETY: the result is ours, and the text lives as long as it.
                let text = unsafe { CStr::from_ptr((self.api.PQresultErrorMessage)(self.handle)) };
                Failure::lost(&text.to_string_lossy())
            }
            state => Failure { state, message: self.field(b'M'), lost },
        }
    }

    fn field(&self, which: u8) -> String {
        // SAFETY: the result is ours, and the text lives as long as it.
        unsafe {
            let text = (self.api.PQresultErrorField)(self.handle, which.into());
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        // SAFETY: the result is ours.
        unsafe { (self.api.PQntuples)(self.handle) }.max(0) as usize
    }

    /// How many rows were changed.
    pub fn changed(&self) -> usize {
        // SAFETY: the result is ours, and the text lives as long as it.
        let text = unsafe { CStr::from_ptr((self.api.PQcmdTuples)(self.handle)) };
        text.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Each row.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|at| Row { rows: self, at: at as c_int })
    }

    /// The first row.
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    /// The first row of an answer that has one.
    ///
    /// # Errors
    /// It has none.
    pub fn only(&self) -> Result<Row<'_>> {
        self.first().ok_or_else(|| StoreError::Internal("a query that gives a row gave none".into()))
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // SAFETY: the result is ours and not used again.
        unsafe { (self.api.PQclear)(self.handle) };
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    rows: &'a Rows,
    at: c_int,
}

impl<'a> Row<'a> {
    /// The octets of a column; none if it is NULL.
    pub fn bytes_or_null(&self, column: usize) -> Option<&'a [u8]> {
        let (api, handle, column) = (self.rows.api, self.rows.handle, column as c_int);
        // SAFETY: the library answers NULL, with a complaint, for a column that is not there; else the octets live as
        // long as the result.
        unsafe {
            if (api.PQgetisnull)(handle, self.at, column) != 0 {
                return None;
            }
            let length = (api.PQgetlength)(handle, self.at, column).max(0) as usize;
            Some(std::slice::from_raw_parts((api.PQgetvalue)(handle, self.at, column).cast(), length))
        }
    }

    /// A number of any width, or a truth value as 0 or 1.
    ///
    /// # Errors
    /// It is something else.
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>> {
        self.bytes_or_null(column).map(|octets| number(octets).ok_or_else(|| unexpected(column))).transpose()
    }

    /// A number that is not NULL.
    ///
    /// # Errors
    /// It is, or something else.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.int_or_null(column)?.ok_or_else(|| unexpected(column))
    }

    /// A truth value.
    ///
    /// # Errors
    /// It is something else.
    pub fn is(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A number that is not negative.
    ///
    /// # Errors
    /// It is something else.
    pub fn size(&self, column: usize) -> Result<u64> {
        Ok(self.int(column)?.max(0) as u64)
    }

    /// Text.
    ///
    /// # Errors
    /// It is something else.
    pub fn text_or_null(&self, column: usize) -> Result<Option<String>> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).map_err(|_| unexpected(column));
        self.bytes_or_null(column).map(text).transpose()
    }

    /// Text that is not NULL.
    ///
    /// # Errors
    /// It is, or something else.
    pub fn text(&self, column: usize) -> Result<String> {
        self.text_or_null(column)?.ok_or_else(|| unexpected(column))
    }

    /// The elements of an array, `None` for NULL.
    ///
    /// # Errors
    /// It is none of one dimension.
    pub fn array(&self, column: usize) -> Result<impl Iterator<Item = Option<&'a [u8]>>> {
        elements(self.bytes(column)?).ok_or_else(|| unexpected(column))
    }

    /// The elements of an array of numbers or truth values, none of them NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn ints(&self, column: usize) -> Result<Vec<i64>> {
        self.array(column)?.map(|one| one.and_then(number).ok_or_else(|| unexpected(column))).collect()
    }

    /// Octets that are not NULL.
    ///
    /// # Errors
    /// They are.
    pub fn bytes(&self, column: usize) -> Result<&'a [u8]> {
        self.bytes_or_null(column).ok_or_else(|| unexpected(column))
    }
}

fn unexpected(column: usize) -> StoreError {
    StoreError::Internal(format!("column {column} of a query is not what it should be"))
}
