//! The list of free pages (<https://www.sqlite.org/fileformat2.html>, section 1.5).

use crate::store::Result;
use crate::store::sqlite::page::Layout;
use std::collections::HashMap;
use std::ops::Range;

/// A list that has been read to its end, and is what the file's header says.
pub struct FreeList {
    /// The pages that list others, with what they do not use themselves.
    trunks: HashMap<u32, Range<usize>>,
    /// A bit for each page of the file: it is listed.
    leaves: Vec<u64>,
    usable: usize,
}

impl FreeList {
    /// Goes through the list of a file of `count` pages, which `page` reads; `None`: it is not built as described.
    pub fn read(
        layout: Layout,
        count: u32,
        mut page: impl FnMut(u32) -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Self>> {
        let Some((mut next, free)) = page(1)?.and_then(|first| Some((be32(&first, 32)?, be32(&first, 36)?))) else {
            return Ok(None);
        };
        let usable = layout.usable as usize;
        let mut list = Self { trunks: HashMap::new(), leaves: vec![0; count as usize / 64 + 1], usable };
        let mut found = 0;
        while next != 0 {
            let Some((after, leaves)) = page(next)?.and_then(|page| list.add(next, &page)) else { return Ok(None) };
            found += 1 + leaves;
            if found > free {
                return Ok(None);
            }
            next = after;
        }
        Ok((found == free).then_some(list))
    }

    /// Adds a page that lists others: says which one is next, and how many it lists. `None`: it is in the list already, or
    /// not built as described.
    fn add(&mut self, number: u32, trunk: &[u8]) -> Option<(u32, u32)> {
        let (next, leaves) = (be32(trunk, 0)?, be32(trunk, 4)?);
        let end = (leaves as usize).checked_mul(4)?.checked_add(8)?;
        if end > self.usable || self.usable > trunk.len() {
            return None;
        }
        for leaf in trunk.get(8..end)?.chunks_exact(4) {
            let leaf = be32(leaf, 0)?;
            *self.leaves.get_mut(leaf as usize / 64)? |= 1 << (leaf % 64);
        }
        self.trunks.insert(number, end..self.usable).is_none().then_some((next, leaves))
    }

    /// What a page of the list does not use: all of it, if it does not list others. `None`: it is not in the list.
    pub fn unused(&self, number: u32) -> Option<Range<usize>> {
        let listed = self.leaves.get(number as usize / 64)? >> (number % 64) & 1 == 1;
        match self.trunks.get(&number) {
            // One or the other.
            Some(range) => (!listed).then(|| range.clone()),
            None => listed.then_some(0..self.usable),
        }
    }
}

fn be32(octets: &[u8], at: usize) -> Option<u32> {
    let four = octets.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { page: 512, usable: 510, mapped: true };

    /// A file of 99 pages: the first, and two that list others.
    fn file() -> HashMap<u32, Vec<u8>> {
        let mut file: HashMap<u32, Vec<u8>> = [1, 7, 9].map(|number| (number, vec![0; 512])).into();
        file.get_mut(&1).unwrap()[32..40].copy_from_slice(&[0, 0, 0, 7, 0, 0, 0, 4]);
        file.get_mut(&7).unwrap()[..16].copy_from_slice(&[0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 99]);
        file
    }

    fn list(file: &HashMap<u32, Vec<u8>>) -> Option<FreeList> {
        FreeList::read(LAYOUT, 99, |number| Ok(file.get(&number).cloned())).unwrap()
    }

    #[test]
    fn a_page_that_lists_others_uses_that_and_those_use_nothing() {
        let list = list(&file()).unwrap();
        let unused = [1, 5, 6, 7, 9, 99, 100, u32::MAX].map(|number| list.unused(number));
        let expected = [None, Some(0..510), None, Some(16..510), Some(8..510), Some(0..510), None, None];
        assert_eq!(unused, expected);
    }

    #[test]
    fn a_list_that_is_not_built_as_described_is_none() {
        type Damage = fn(&mut HashMap<u32, Vec<u8>>);
        let damages: [Damage; 7] = [
            |file| file.get_mut(&1).unwrap()[39] = 5,
            |file| file.get_mut(&1).unwrap()[34] = 1,
            |file| file.get_mut(&7).unwrap()[3] = 7,
            |file| file.get_mut(&7).unwrap()[7] = 126,
            |file| file.get_mut(&7).unwrap()[4] = 0xff,
            |file| file.get_mut(&7).unwrap()[8] = 0x80,
            |file| file.get_mut(&7).unwrap().truncate(500),
        ];
        for (number, damage) in damages.iter().enumerate() {
            let mut file = file();
            damage(&mut file);
            assert!(list(&file).is_none(), "damage {number}");
        }
        assert!(list(&HashMap::new()).is_none());
    }
}
