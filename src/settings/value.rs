//! From a text that is in its setting's range to the type of its field.

use super::kind::{Kind, items};
use super::network::Network;
use std::path::PathBuf;
use std::time::Duration;

/// A type that a setting can have.
pub trait Value: Sized {
    /// Reads what [`Kind::admits`]; `None` for a kind that is not of this type.
    fn of(kind: &Kind, text: &str) -> Option<Self>;
}

impl Value for u64 {
    fn of(_: &Kind, text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for u32 {
    fn of(kind: &Kind, text: &str) -> Option<Self> {
        match kind {
            Kind::Mode => Self::from_str_radix(text, 8).ok(),
            _ => text.parse().ok(),
        }
    }
}

impl Value for usize {
    fn of(_: &Kind, text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for Duration {
    fn of(kind: &Kind, text: &str) -> Option<Self> {
        u64::of(kind, text).map(Self::from_secs)
    }
}

impl Value for bool {
    fn of(_: &Kind, text: &str) -> Option<Self> {
        Some(text == "1")
    }
}

impl Value for String {
    fn of(_: &Kind, text: &str) -> Option<Self> {
        Some(text.into())
    }
}

impl Value for Option<PathBuf> {
    fn of(_: &Kind, text: &str) -> Option<Self> {
        Some((!text.is_empty()).then(|| text.into()))
    }
}

impl Value for Vec<String> {
    fn of(_: &Kind, text: &str) -> Option<Self> {
        Some(items(text).map(Into::into).collect())
    }
}

impl Value for Vec<Network> {
    fn of(_: &Kind, text: &str) -> Option<Self> {
        items(text).map(|item| item.parse().ok()).collect()
    }
}
