//! The pages of a database file, as <https://www.sqlite.org/fileformat2.html> describes them: what they are, and what they
//! do not use.

use crate::store::sqlite::cell::Shape;
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

/// What a page of a table or an index does not use (section 1.6): between its cell pointers and its cells, and all but the
/// headers of its free blocks. `None`: it is not built as described to the last octet, and nothing of it may be touched,
/// or one wrong bit in a header would cost what can still be read.
pub fn unused(page: &[u8], usable: u32, number: u32) -> Option<Vec<Range<usize>>> {
    let page = page.get(..usable as usize)?;
    let header = if number == 1 { FILE_HEADER } else { 0 };
    let shape = Shape::of(*page.get(header)?)?;
    let pointers = header + shape.header();
    let content = match usize::from(be16(page, header + 5)?) {
        0 => 65_536,
        at => at,
    };
    let gap = pointers + 2 * usize::from(be16(page, header + 3)?)..content;
    if content > page.len() || gap.start > gap.end {
        return None;
    }
    let blocks = free_blocks(page, be16(page, header + 1)?)?;
    let mut parts = blocks.clone();
    for pointer in page.get(pointers..gap.start)?.chunks_exact(2) {
        let at = usize::from(be16(pointer, 0)?);
        parts.push(at..at + shape.cell(page, at)?);
    }
    let stray = usize::from(*page.get(header + 7)?);
    let mut unused = vec![gap];
    unused.extend(blocks.into_iter().map(|block| block.start + 4..block.end));
    (gaps(parts, content..page.len())? == stray).then_some(unused)
}

/// The free blocks of a page, the first of which is there.
fn free_blocks(page: &[u8], first: u16) -> Option<Vec<Range<usize>>> {
    let (mut blocks, mut at) = (Vec::new(), usize::from(first));
    while at != 0 {
        let (next, size) = (usize::from(be16(page, at)?), usize::from(be16(page, at + 2)?));
        let end = at + size;
        if size < 4 || (next != 0 && next < end) {
            return None;
        }
        blocks.push(at..end);
        at = next;
    }
    Some(blocks)
}

/// How many octets of the whole are in none of its parts; `None`: parts overlap, or are not within it.
fn gaps(mut parts: Vec<Range<usize>>, whole: Range<usize>) -> Option<usize> {
    parts.sort_unstable_by_key(|part| part.start);
    let (mut octets, mut at) = (0, whole.start);
    for part in parts {
        octets += part.start.checked_sub(at)?;
        at = part.end;
    }
    Some(octets + whole.end.checked_sub(at)?)
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    let pair = octets.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf of a table with two cells and a free block between them.
    fn leaf() -> Vec<u8> {
        let mut page = vec![0xff; 512];
        page[..12].copy_from_slice(&[0x0d, 1, 200, 0, 2, 1, 100, 0, 1, 100, 1, 240]);
        // Rows 1 and 2 with 98 octets and 14.
        page[356..358].copy_from_slice(&[98, 1]);
        page[496..498].copy_from_slice(&[14, 2]);
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
        let damages: [Damage; 13] = [
            // A free block that reaches into a cell, one that has lost octets, a cell that is not counted any more.
            |page| page[459] = 60,
            |page| page[459] = 36,
            |page| page[4] = 1,
            // The wrong number of stray octets, a cell that claims to be longer.
            |page| page[7] = 3,
            |page| page[356] = 99,
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
