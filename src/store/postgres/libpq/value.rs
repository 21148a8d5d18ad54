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

/// The elements of an array of one dimension, `None` for NULL; nothing if it is none.
pub fn elements(octets: &[u8]) -> Option<impl Iterator<Item = Option<&[u8]>>> {
    let (head, mut rest) = octets.split_first_chunk::<20>()?;
    if head[..4] != 1i32.to_be_bytes() {
        return None;
    }
    Some(std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length));
        let (element, behind) = behind.split_at_checked(length.unwrap_or(0))?;
        rest = behind;
        Some(length.is_ok().then_some(element))
    }))
}

/// A number of any width, or a truth value as 0 or 1.
pub fn number(octets: &[u8]) -> Option<i64> {
    Some(match *octets {
        [one] => one.into(),
        [a, b] => i16::from_be_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => i64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let read = |value: Value<'_>| -> Option<Vec<Option<Vec<u8>>>> {
            let octets = value.octets?;
            Some(elements(&octets)?.map(|one| one.map(<[u8]>::to_vec)).collect())
        };
        assert_eq!(read(texts([Some("a"), None, Some("")])), Some(vec![Some(b"a".to_vec()), None, Some(Vec::new())]));
        let numbers = read(ints([Some(-7), Some(i64::MAX)])).unwrap();
        assert_eq!(
            numbers.iter().map(|one| number(one.as_deref().unwrap())).collect::<Vec<_>>(),
            [Some(-7), Some(i64::MAX)]
        );
        assert!(elements(&[0; 19]).is_none() && elements(&[0; 20]).is_none(), "no dimension");
        assert_eq!((number(&[1]), number(&[255, 255]), number(&[0; 3])), (Some(1), Some(-1), None));
    }

    #[test]
    fn arrays_say_how_many_and_whether_any_is_null() {
        let octets = ints([Some(1), None]).octets.unwrap();
        assert_eq!(octets[..20], [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 20], [0, 0, 0, 2], [0, 0, 0, 1]].concat());
        assert_eq!(octets[20..], [&[0, 0, 0, 8][..], &[0, 0, 0, 0, 0, 0, 0, 1], &[255; 4]].concat());
        assert_eq!(texts([Some("é")]).octets.unwrap()[20..], [0, 0, 0, 2, 0xc3, 0xa9]);
        assert_eq!(byteas([&b""[..]]).octets.unwrap()[12..16], [0, 0, 0, 1]);
    }
}
