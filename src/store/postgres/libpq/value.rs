//! Parameters and results in PostgreSQL's binary form: numbers in network order, text and `bytea` as they are.

use std::borrow::Cow;

/// Types by their numbers in `pg_type`.
const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const INT8: u32 = 20;
const TEXT: u32 = 25;
const BYTEA_ARRAY: u32 = 1001;
const TEXT_ARRAY: u32 = 1009;
const INT8_ARRAY: u32 = 1016;

/// A parameter: its type, and its octets unless it is NULL.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    /// The number of its type.
    pub oid: u32,
    /// In binary form.
    pub octets: Option<Cow<'a, [u8]>>,
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self { oid: INT8, octets: Some(number.to_be_bytes().to_vec().into()) }
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self { oid: INT8, octets: number.map(|number| number.to_be_bytes().to_vec().into()) }
    }
}

impl From<bool> for Value<'_> {
    fn from(is: bool) -> Self {
        Self { oid: BOOL, octets: Some(vec![u8::from(is)].into()) }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self { oid: TEXT, octets: Some(text.as_bytes().into()) }
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self { oid: TEXT, octets: text.map(|text| text.as_bytes().into()) }
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self { oid: BYTEA, octets: Some(octets.into()) }
    }
}

/// An array of `int8`.
pub fn ints(numbers: impl IntoIterator<Item = Option<i64>>) -> Value<'static> {
    array(INT8_ARRAY, INT8, numbers.into_iter().map(|number| number.map(i64::to_be_bytes)))
}

/// An array of `text`.
pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = Option<T>>) -> Value<'static> {
    array(TEXT_ARRAY, TEXT, texts.into_iter().map(|text| text.map(|text| text.as_ref().as_bytes().to_vec())))
}

/// An array of `bytea`.
pub fn byteas<'a>(all: impl IntoIterator<Item = &'a [u8]>) -> Value<'static> {
    array(BYTEA_ARRAY, BYTEA, all.into_iter().map(Some))
}

/// One dimension, its bounds from 1 (`array_recv` in PostgreSQL's source).
fn array<T: AsRef<[u8]>>(oid: u32, element: u32, all: impl Iterator<Item = Option<T>>) -> Value<'static> {
    let mut octets = Vec::new();
    let (mut length, mut nulls) = (0i32, 0i32);
    let head = |length: i32, nulls: i32| [1, nulls, element as i32, length, 1].map(i32::to_be_bytes).concat();
    octets.extend(head(0, 0));
    for one in all {
        length += 1;
        match one {
            None => {
                nulls = 1;
                octets.extend((-1i32).to_be_bytes());
            }
            Some(one) => {
                octets.extend((one.as_ref().len() as i32).to_be_bytes());
                octets.extend(one.as_ref());
            }
        }
    }
    octets[..20].copy_from_slice(&head(length, nulls));
    Value { oid, octets: Some(octets.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_say_how_many_and_whether_any_is_null() {
        let octets = ints([Some(1), None]).octets.unwrap();
        assert_eq!(octets[..20], [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 20], [0, 0, 0, 2], [0, 0, 0, 1]].concat());
        assert_eq!(octets[20..], [&[0, 0, 0, 8][..], &[0, 0, 0, 0, 0, 0, 0, 1], &[255; 4]].concat());
        assert_eq!(texts([Some("é")]).octets.unwrap()[20..], [0, 0, 0, 2, 0xc3, 0xa9]);
        assert_eq!(byteas([&b""[..]]).octets.unwrap()[12..16], [0, 0, 0, 1]);
    }
}
