//! A whole site from one engine to another: `pillarbox copy`.
//!
//! Rows are copied as they are, with the rules of the target asleep, so every unique-id, verifier, date and counter is the
//! same afterwards. Until all of it is there and was compared, the target is marked, and nobody opens it as a store. A copy
//! that was cut goes on where it was; what is small is copied anew.

mod table;

pub use table::{Cell, Kind, TABLES, Table};

use super::{Result, StoreError};
use sha2::{Digest, Sha256};

/// Rows at a time.
const ROWS: usize = 2000;
/// Rows at a time of tables that must be sorted to be read.
const SORTED_ROWS: usize = 50_000;
/// Pieces at a time.
const PIECES: usize = 16;

/// A piece of a message: body, number, octets.
pub type Piece = (i64, i64, Vec<u8>);

/// What there is one of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Where the uids of a mailbox with a new name start.
    pub first_uid: i64,
    /// The latest date that was given.
    pub latest_at: i64,
    /// When the postmaster was last warned.
    pub warned_at: i64,
    /// The greatest id that a user ever had.
    pub last_user: i64,
    /// The same of mailboxes.
    pub last_mailbox: i64,
}

/// A database that is read at one moment.
pub trait Side {
    /// Rows in the order of their key, octet by octet, behind `after`.
    ///
    /// # Errors
    /// They cannot be read.
    fn rows(&mut self, table: &Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Vec<Cell>>>;

    /// Pieces of messages in the order of body and number, behind `after`. Those of uploads are none.
    ///
    /// # Errors
    /// They cannot be read.
    fn pieces(&mut self, after: (i64, i64), limit: usize) -> Result<Vec<Piece>>;

    /// What there is one of.
    ///
    /// # Errors
    /// It cannot be read.
    fn facts(&mut self) -> Result<Facts>;
}

/// A database that is filled.
pub trait Target: Side {
    /// Octets of a piece.
    const PIECE: usize;

    /// Marks it as unfinished. One that is so goes on; any other must be empty.
    ///
    /// # Errors
    /// [`StoreError::Refused`]: there is something in it.
    fn begin(&mut self) -> Result<()>;

    /// The last row's key of a table in the order of numbers.
    ///
    /// # Errors
    /// It cannot be read.
    fn last(&mut self, table: &Table) -> Result<Option<Vec<Cell>>>;

    /// Empties a table.
    ///
    /// # Errors
    /// It cannot be written.
    fn clear(&mut self, table: &Table) -> Result<()>;

    /// Adds rows, durably.
    ///
    /// # Errors
    /// They cannot be written.
    fn add(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<()>;

    /// Forgets the last body that has pieces, as it may lack some, and answers which that was.
    ///
    /// # Errors
    /// It cannot be written.
    fn drop_last_body(&mut self) -> Result<i64>;

    /// Adds pieces, durably.
    ///
    /// # Errors
    /// They cannot be written.
    fn add_pieces(&mut self, pieces: &[Piece]) -> Result<()>;

    /// Takes over what there is one of. The target is not finished yet.
    ///
    /// # Errors
    /// It cannot be written.
    fn settle(&mut self, facts: &Facts) -> Result<()>;

    /// Wakes its rules, and lets everybody open it.
    ///
    /// # Errors
    /// It cannot be written.
    fn finish(&mut self) -> Result<()>;
}

/// Copies all of `from`, compares, and says how many messages there are. `progress` is told of octets.
///
/// # Errors
/// What one of them says; [`StoreError::Damaged`] where they differ at the end.
pub fn run<T: Target>(from: &mut dyn Side, to: &mut T, progress: &dyn Fn(u64)) -> Result<u64> {
    to.begin()?;
    copy_pieces(from, to, progress)?;
    for table in TABLES {
        copy_table(from, to, table)?;
    }
    let facts = from.facts()?;
    to.settle(&facts)?;
    let messages = compare(from, to, &facts)?;
    to.finish()?;
    Ok(messages)
}

fn copy_table<T: Target>(from: &mut dyn Side, to: &mut T, table: &Table) -> Result<()> {
    let in_order = table.is_in_order_of_numbers();
    // Only what is large is not begun anew: elsewhere rows may have changed since the copy was cut.
    let goes_on = ["message", "deleted", "summary", "continuation", "shared"].contains(&table.name);
    let mut after = if goes_on { to.last(table)? } else { None };
    if after.is_none() {
        to.clear(table)?;
    }
    loop {
        let rows = from.rows(table, after.as_deref(), if in_order { ROWS } else { SORTED_ROWS })?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last[..table.key].to_vec());
        to.add(table, &rows)?;
    }
}

/// In pieces of the size that the target has them in.
fn copy_pieces<T: Target>(from: &mut dyn Side, to: &mut T, progress: &dyn Fn(u64)) -> Result<()> {
    let mut after = (to.drop_last_body()? - 1, i64::MAX);
    let mut cut = Cutter { size: T::PIECE, body: 0, number: 0, octets: Vec::new() };
    let mut done = 0;
    loop {
        let pieces = from.pieces(after, PIECES)?;
        let Some((body, number, _)) = pieces.last() else { break };
        after = (*body, *number);
        let mut out = Vec::new();
        for (body, _, octets) in pieces {
            done += octets.len() as u64;
            cut.push(body, octets, &mut out);
        }
        to.add_pieces(&out)?;
        progress(done);
    }
    let mut out = Vec::new();
    cut.end(&mut out);
    to.add_pieces(&out)
}

/// Makes pieces of one size of those of any other.
struct Cutter {
    size: usize,
    body: i64,
    number: i64,
    octets: Vec<u8>,
}

impl Cutter {
    fn push(&mut self, body: i64, octets: Vec<u8>, out: &mut Vec<Piece>) {
        if body != self.body {
            self.end(out);
            (self.body, self.number) = (body, 0);
        }
        self.octets.extend(octets);
        while self.octets.len() > self.size {
            let rest = self.octets.split_off(self.size);
            out.push((body, self.number, std::mem::replace(&mut self.octets, rest)));
            self.number += 1;
        }
        // An empty message has an empty piece.
        if self.octets.is_empty() && self.number == 0 {
            out.push((body, 0, Vec::new()));
            self.number = 1;
        }
    }

    fn end(&mut self, out: &mut Vec<Piece>) {
        if !self.octets.is_empty() {
            out.push((self.body, self.number, std::mem::take(&mut self.octets)));
        }
    }
}

fn compare<T: Target>(from: &mut dyn Side, to: &mut T, facts: &Facts) -> Result<u64> {
    let differs =
        |what: String| Err(StoreError::Damaged(format!("the copy differs: {what}; begin anew with an empty database")));
    let mut messages = 0;
    for table in TABLES {
        let mut after: Option<Vec<Cell>> = None;
        let limit = if table.is_in_order_of_numbers() { ROWS } else { SORTED_ROWS };
        loop {
            let (ours, theirs) = (from.rows(table, after.as_deref(), limit)?, to.rows(table, after.as_deref(), limit)?);
            if let Some((one, _)) = ours.iter().zip(&theirs).find(|(one, other)| one != other) {
                return differs(format!("table {}, the row with key {:?}", table.name, &one[..table.key]));
            }
            if ours.len() != theirs.len() {
                return differs(format!("table {} has another number of rows", table.name));
            }
            let Some(last) = ours.last() else { break };
            after = Some(last[..table.key].to_vec());
            messages += if table.name == "message" { ours.len() as u64 } else { 0 };
        }
    }
    if to.facts()? != *facts {
        return differs("its counters".into());
    }
    let (mut ours, mut theirs) = (Bodies::default(), Bodies::default());
    loop {
        match (ours.next(from)?, theirs.next(to)?) {
            (None, None) => return Ok(messages),
            (one, other) if one == other => {}
            (one, other) => {
                let body = one.or(other).map_or(0, |(body, ..)| body);
                return differs(format!("the octets of body {body}"));
            }
        }
    }
}

/// Bodies one after the other, however they are cut into pieces.
#[derive(Default)]
struct Bodies {
    after: (i64, i64),
    waiting: std::collections::VecDeque<Piece>,
    ended: bool,
}

impl Bodies {
    /// A body, its size and its digest.
    fn next(&mut self, side: &mut dyn Side) -> Result<Option<(i64, u64, [u8; 32])>> {
        let (mut digest, mut size, mut of) = (Sha256::new(), 0, None);
        loop {
            if self.waiting.is_empty() && !self.ended {
                self.waiting.extend(side.pieces(self.after, PIECES)?);
                match self.waiting.back() {
                    Some((body, number, _)) => self.after = (*body, *number),
                    None => self.ended = true,
                }
            }
            match self.waiting.front() {
                Some((body, ..)) if of.is_none_or(|of| of == *body) => {
                    of = Some(*body);
                    if let Some((_, _, octets)) = self.waiting.pop_front() {
                        digest.update(&octets);
                        size += octets.len() as u64;
                    }
                }
                _ => return Ok(of.map(|body| (body, size, digest.finalize().into()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(size: usize, pieces: &[(i64, &[u8])]) -> Vec<(i64, i64, usize)> {
        let (mut cutter, mut out) = (Cutter { size, body: 0, number: 0, octets: Vec::new() }, Vec::new());
        pieces.iter().for_each(|(body, octets)| cutter.push(*body, octets.to_vec(), &mut out));
        cutter.end(&mut out);
        out.into_iter().map(|(body, number, octets)| (body, number, octets.len())).collect()
    }

    #[test]
    fn pieces_are_cut_and_joined() {
        assert_eq!(
            cut(4, &[(1, b"123456789"), (2, b""), (3, b"1234")]),
            [(1, 0, 4), (1, 1, 4), (1, 2, 1), (2, 0, 0), (3, 0, 4)]
        );
        assert_eq!(cut(8, &[(1, b"1234"), (1, b"5678"), (1, b"9"), (2, b"1")]), [(1, 0, 8), (1, 1, 1), (2, 0, 1)]);
    }
}
