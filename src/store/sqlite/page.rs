//! The pages of a database file, as <https://www.sqlite.org/fileformat2.html> describes them: what they are, and what they
//! do not use.

use std::ops::Range;

/// Where the page that holds the locks would be, octets from the beginning of the file (section 1.4).
const LOCKS_AT: u64 = 1 << 30;
/// Octets of an entry in a pointer map (section 1.8).
const ENTRY: u32 = 5;
/// Octets of the file's header, before the first page's own (section 1.3).
const FILE_HEADER: usize = 100;

/// What the file's header says of all pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Octets of a page.
    pub page: u32,
    /// Octets of it that tables and indexes may use.
    pub usable: u32,
    /// Every page's kind is in a pointer map.
    pub mapped: bool,
}

impl Layout {
    /// Reads the first page; `None`: it is none that we understand.
    pub fn of(first: &[u8]) -> Option<Self> {
        let page = match u32::from(be16(first, 16)?) {
            1 => 65_536,
            octets => octets,
        };
        let usable = page.checked_sub(u32::from(*first.get(20)?))?;
        let mapped = first.get(52..56)? != [0; 4];
        (page.is_power_of_two() && page >= 512 && usable >= 480).then_some(Self { page, usable, mapped })
    }

    /// The pointer map that tells of this page, and where in it; `None`: the page is itself a map, the first or none.
    pub fn entry(&self, number: u32) -> Option<(u32, usize)> {
        let span = self.usable / ENTRY + 1;
        let locks = u32::try_from(LOCKS_AT / u64::from(self.page)).ok()? + 1;
        let map = number.checked_sub(2)? / span * span + 2;
        let map = if map == locks { map + 1 } else { map };
        let place = number.checked_sub(map)?.checked_sub(1)?;
        (number != locks).then_some((map, (place * ENTRY) as usize))
    }
}

/// What a pointer map says of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Part of a table or an index.
    Tree,
    /// Free.
    Free,
    /// Part of a row that is longer than a page, or not known to a map. All of it is in use.
    Other,
}

impl Kind {
    /// By the first octet of an entry (section 1.8).
    pub fn of(entry: u8) -> Self {
        match entry {
            1 | 5 => Self::Tree,
            2 => Self::Free,
            _ => Self::Other,
        }
    }
}

/// The first page that lists free ones, and how many are free, by the first page of the file (section 1.3).
pub fn free_list(first: &[u8]) -> Option<(Option<u32>, u32)> {
    Some((be32(first, 32).filter(|number| *number > 0), be32(first, 36)?))
}

/// A page that lists free ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trunk {
    /// The next such page.
    pub next: Option<u32>,
    /// How many it lists.
    pub leaves: u32,
    /// What it does not use itself.
    pub unused: Range<usize>,
}

impl Trunk {
    /// Section 1.5; `None`: it is not built as described.
    pub fn of(page: &[u8], usable: u32) -> Option<Self> {
        let leaves = be32(page, 4)?;
        let end = leaves.checked_mul(4)?.checked_add(8)?;
        let unused = (end <= usable && usable as usize <= page.len()).then_some(end as usize..usable as usize)?;
        Some(Self { next: be32(page, 0).filter(|number| *number > 0), leaves, unused })
    }
}

/// What a page of a table or an index does not use (section 1.6): between its cell pointers and its cells, and all but the
/// headers of its free blocks. `None`: it is not built as described, and nothing of it may be touched.
pub fn unused(page: &[u8], usable: u32, number: u32) -> Option<Vec<Range<usize>>> {
    let usable = usable as usize;
    let header = if number == 1 { FILE_HEADER } else { 0 };
    let pointers = header
        + match *page.get(header)? {
            0x02 | 0x05 => 12,
            0x0a | 0x0d => 8,
            _ => return None,
        };
    let cells = usize::from(be16(page, header + 3)?);
    let content = match usize::from(be16(page, header + 5)?) {
        0 => 65_536,
        at => at,
    };
    let gap = pointers + 2 * cells..content;
    if usable > page.len() || content > usable || gap.start > gap.end {
        return None;
    }
    let within = |at: u16| (content..usable).contains(&usize::from(at));
    if !page.get(pointers..gap.start)?.chunks_exact(2).all(|cell| be16(cell, 0).is_some_and(within)) {
        return None;
    }
    let mut unused = vec![gap];
    let mut block = usize::from(be16(page, header + 1)?);
    while block != 0 {
        let (next, size) = (usize::from(be16(page, block)?), usize::from(be16(page, block + 2)?));
        let end = block + size;
        if block < content || size < 4 || end > usable || (next != 0 && next < end) {
            return None;
        }
        unused.push(block + 4..end);
        block = next;
    }
    Some(unused)
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    let pair = octets.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*pair))
}

fn be32(octets: &[u8], at: usize) -> Option<u32> {
    let four = octets.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf of a table with two cells and a free block between them, as far as that matters here.
    fn leaf() -> Vec<u8> {
        let mut page = vec![0xff; 512];
        page[..12].copy_from_slice(&[0x0d, 1, 200, 0, 2, 1, 100, 0, 1, 100, 1, 250]);
        // 456: next none, 40 octets.
        page[456..460].copy_from_slice(&[0, 0, 0, 40]);
        page
    }

    #[test]
    fn the_gap_and_the_inside_of_free_blocks_are_unused() {
        assert_eq!(unused(&leaf(), 512, 2), Some(vec![12..356, 460..496]));
    }

    #[test]
    fn a_page_that_is_not_built_as_described_is_left_alone() {
        type Damage = fn(&mut Vec<u8>);
        let damages: [Damage; 8] = [
            |page| page[0] = 0x0c,
            |page| page[3..5].copy_from_slice(&[1, 0]),
            |page| page[5..7].copy_from_slice(&[2, 1]),
            |page| page[8..10].copy_from_slice(&[0, 99]),
            |page| page[10..12].copy_from_slice(&[2, 0]),
            |page| page[456..458].copy_from_slice(&[1, 201]),
            |page| page[458..460].copy_from_slice(&[0, 57]),
            |page| page.truncate(300),
        ];
        for (number, damage) in damages.iter().enumerate() {
            let mut page = leaf();
            damage(&mut page);
            assert_eq!(unused(&page, 512, 2), None, "damage {number}");
        }
        assert_eq!(unused(&[], 512, 2), None);
    }

    /// Section 1.8: the map at page 2 tells of the pages after it, and so on; a map gives way to the locks.
    #[test]
    fn every_page_has_its_place_in_a_map() {
        let layout = Layout { page: 4096, usable: 4096, mapped: true };
        assert_eq!((layout.entry(1), layout.entry(2)), (None, None));
        assert_eq!((layout.entry(3), layout.entry(821)), (Some((2, 0)), Some((2, 818 * 5))));
        assert_eq!((layout.entry(822), layout.entry(823)), (None, Some((822, 0))));
        assert_eq!(layout.entry(262_145), None, "the locks");
        // With these the map itself would be where the locks are.
        let layout = Layout { page: 1024, usable: 1020, mapped: true };
        let (locks, span) = (1_048_577, 205);
        assert_eq!(locks % span, 2, "else this tests nothing");
        assert_eq!((layout.entry(locks), layout.entry(locks + 1)), (None, None));
        assert_eq!(layout.entry(locks + 2), Some((locks + 1, 0)));
    }

    #[test]
    fn a_page_that_lists_free_ones_uses_what_it_lists() {
        let mut page = vec![0; 512];
        assert_eq!(Trunk::of(&page, 512), Some(Trunk { next: None, leaves: 0, unused: 8..512 }));
        page[3] = 9;
        page[7] = 126;
        assert_eq!(Trunk::of(&page, 512), Some(Trunk { next: Some(9), leaves: 126, unused: 512..512 }));
        assert_eq!([Trunk::of(&page, 511), Trunk::of(&page[..511], 512), Trunk::of(&[], 512)], [None, None, None]);
        page[4] = 0xff;
        assert_eq!(Trunk::of(&page, 512), None);
    }

    #[test]
    fn the_layout_is_in_the_first_page() {
        let mut first = vec![0; 100];
        assert_eq!(Layout::of(&first), None);
        first[16..18].copy_from_slice(&[0, 1]);
        first[20] = 32;
        first[55] = 9;
        assert_eq!(Layout::of(&first), Some(Layout { page: 65_536, usable: 65_504, mapped: true }));
        assert_eq!(Layout::of(&first[..50]), None);
    }
}
