//! The cells of a page: how many octets each has there (<https://www.sqlite.org/fileformat2.html>, section 1.6).

/// What a page holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// The upper part of an index.
    IndexInterior,
    /// The upper part of a table.
    TableInterior,
    /// Entries of an index.
    IndexLeaf,
    /// Rows of a table.
    TableLeaf,
}

impl Shape {
    /// By the first octet of the page's header.
    pub fn of(octet: u8) -> Option<Self> {
        Some(match octet {
            0x02 => Self::IndexInterior,
            0x05 => Self::TableInterior,
            0x0a => Self::IndexLeaf,
            0x0d => Self::TableLeaf,
            _ => return None,
        })
    }

    fn is_interior(self) -> bool {
        matches!(self, Self::IndexInterior | Self::TableInterior)
    }

    /// Octets of the page's header.
    pub fn header(self) -> usize {
        if self.is_interior() { 12 } else { 8 }
    }

    /// Octets of the cell that begins there; `page` is the part of it that may be used.
    pub fn cell(self, page: &[u8], at: usize) -> Option<usize> {
        // A child's number.
        let mut end = at + if self.is_interior() { 4 } else { 0 };
        if self == Self::TableInterior {
            return Some(end + varint(page, end)?.1 - at);
        }
        let (payload, octets) = varint(page, end)?;
        end += octets;
        if self == Self::TableLeaf {
            end += varint(page, end)?.1;
        }
        end += self.local(usize::try_from(payload).ok()?, page.len())?;
        // A free block must have room where the cell was.
        Some((end - at).max(4))
    }

    /// Octets of a payload that are on the page, with the number of the page that has the rest.
    fn local(self, payload: usize, usable: usize) -> Option<usize> {
        let most = match self {
            Self::TableLeaf => usable.checked_sub(35)?,
            _ => (usable.checked_sub(12)? * 64 / 255).checked_sub(23)?,
        };
        if payload <= most {
            return Some(payload);
        }
        let least = (usable.checked_sub(12)? * 32 / 255).checked_sub(23)?;
        let whole_pages = least + payload.checked_sub(least)? % usable.checked_sub(4)?;
        Some(4 + if whole_pages <= most { whole_pages } else { least })
    }
}

/// A number of 1 to 9 octets, and how many it has.
fn varint(page: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (place, octet) in page.get(at..)?.iter().take(9).enumerate() {
        if place == 8 {
            return Some((value << 8 | u64::from(*octet), 9));
        }
        value = value << 7 | u64::from(octet & 0x7f);
        if *octet < 0x80 {
            return Some((value, place + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_up_to_nine_octets() {
        assert_eq!(varint(&[0x7f], 0), Some((127, 1)));
        assert_eq!(varint(&[9, 0x81, 0x00], 1), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9], 0), Some((u64::MAX, 9)));
        assert_eq!((varint(&[0x80], 0), varint(&[], 0), varint(&[1], 2)), (None, None, None));
    }

    #[test]
    fn cells_are_as_long_as_their_shape_says() {
        let page = |octets: &[u8]| [octets, &vec![0; 4096 - octets.len()]].concat();
        assert_eq!(Shape::TableLeaf.cell(&page(&[98, 1]), 0), Some(100));
        assert_eq!(Shape::TableLeaf.cell(&page(&[1, 1]), 0), Some(4), "the least there is");
        assert_eq!(Shape::IndexLeaf.cell(&page(&[98]), 0), Some(99));
        assert_eq!(Shape::IndexInterior.cell(&page(&[0, 0, 0, 9, 98]), 0), Some(103));
        assert_eq!(Shape::TableInterior.cell(&page(&[0, 0, 0, 9, 0x81, 1]), 0), Some(6));
        assert_eq!(Shape::of(0), None);
    }

    /// Section 1.6's U, X, M and K.
    #[test]
    fn a_long_payload_goes_on_elsewhere() {
        assert_eq!(Shape::TableLeaf.local(4061, 4096), Some(4061), "X");
        assert_eq!(Shape::TableLeaf.local(4062, 4096), Some(489 + 4), "K is greater than X: M");
        assert_eq!(Shape::TableLeaf.local(4092 + 500, 4096), Some(500 + 4), "K");
        assert_eq!((Shape::IndexLeaf.local(1002, 4096), Shape::IndexLeaf.local(1003, 4096)), (Some(1002), Some(493)));
        assert_eq!(Shape::TableLeaf.local(99, 20), None);
    }
}
