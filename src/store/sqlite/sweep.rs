//! Clearing what pages do not use, in small steps.
//!
//! `secure_delete` clears the place of a row that is deleted. But where SQLite moves rows between pages it leaves copies of them
//! in the unused part of a page, about one row in two thousand, and later nobody knows that they are there. So after
//! something was purged every page is looked at, by a connection that reads: nobody waits for that. What is found is cleared
//! in transactions like any other, through SQLite's own table of pages (`sqlite_dbpage`).

use crate::store::sqlite::free::FreeList;
use crate::store::sqlite::page::{Kind, Layout, unused};
use crate::store::sqlite::residue::Task;
use crate::store::sqlite::writer::{Lane, truncate_log};
use crate::store::sqlite::{Sqlite, lock};
use crate::store::{Result, Scrub};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long one step looks.
const LOOK: Duration = Duration::from_millis(4);
/// Pages between two looks at the clock.
const PAGES: u32 = 64;
/// Pages cleared in one step at most.
const CLEARED: usize = 64;

/// See [`crate::store::Maintenance::scrub`].
pub fn scrub(store: &Sqlite) -> Result<Scrub> {
    let began = Instant::now();
    let task = lock(&store.residue).task(began);
    match task {
        Task::Sweep(from) => {
            let next = step(store, from).inspect_err(|_| lock(&store.residue).sweep_failed(began))?;
            lock(&store.residue).swept(next, Instant::now(), began.elapsed());
            Ok(Scrub::Step)
        }
        Task::CutLog => {
            let cut = store.writer.alone(Lane::Maintenance, truncate_log);
            lock(&store.residue).log_cut(cut == Ok(true), Instant::now());
            Ok(if cut? { Scrub::Clean } else { Scrub::Blocked })
        }
        Task::Nothing => Ok(Scrub::Clean),
    }
}

/// Looks at pages from this one on, and clears those that need it; says where to go on.
fn step(store: &Sqlite, from: u32) -> Result<Option<u32>> {
    let most = lock(&store.purging).limit(CLEARED);
    let (soiled, next) = store.readers.with(|connection| look(connection, from, most))?;
    if !soiled.is_empty() {
        let cleared = move |connection: &Connection| {
            let began = Instant::now();
            clear(connection, &soiled)?;
            Ok(began)
        };
        let began = store.writer.write(Lane::Maintenance, 0, cleared)?;
        lock(&store.purging).took(began);
    }
    Ok(next)
}

/// The pages that are to be cleared, at most so many, and the first one that was not looked at.
fn look(connection: &Connection, from: u32, most: usize) -> Result<(Vec<u32>, Option<u32>)> {
    // All of one moment. Nothing is written, so nothing is lost when it ends.
    let transaction = connection.unchecked_transaction()?;
    let (began, mut soiled, mut number) = (Instant::now(), Vec::new(), from);
    let Some(mut pages) = Pages::open(&transaction)? else { return Ok((soiled, None)) };
    while number <= pages.count {
        if pages.is_soiled(number)? {
            soiled.push(number);
        }
        number += 1;
        if soiled.len() >= most || (number.is_multiple_of(PAGES) && began.elapsed() >= LOOK) {
            break;
        }
    }
    let next = (number <= pages.count).then_some(number);
    Ok((soiled, next))
}

/// Clears these pages of what they do not use now.
fn clear(connection: &Connection, numbers: &[u32]) -> Result<()> {
    let Some(mut pages) = Pages::open(connection)? else { return Ok(()) };
    let mut update = connection.prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?;
    for &number in numbers {
        let unused = pages.unused(number)?;
        let Some(mut page) = pages.read(number, |page| page.to_vec())? else { continue };
        unused.into_iter().for_each(|range| page[range].fill(0));
        update.execute(params![number, page])?;
    }
    Ok(())
}

/// The database's pages at one moment.
struct Pages<'a> {
    connection: &'a Connection,
    layout: Layout,
    count: u32,
    /// The pointer map that was used last.
    map: (u32, Vec<u8>),
    /// The list of free pages, once it was asked for; `Some(None)`: it is damaged.
    free: Option<Option<FreeList>>,
}

impl<'a> Pages<'a> {
    /// `None`: nothing says what each page is. (Every database that we make says so; one that somebody made of a
    /// dump may not.)
    fn open(connection: &'a Connection) -> Result<Option<Self>> {
        let count = connection.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
        let layout = read(connection, 1, Layout::of)?.flatten().filter(|layout| layout.mapped);
        Ok(layout.map(|layout| Self { connection, layout, count, map: (0, Vec::new()), free: None }))
    }

    fn read<T>(&self, number: u32, with: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        read(self.connection, number, with)
    }

    /// Something is where nothing should be.
    fn is_soiled(&mut self, number: u32) -> Result<bool> {
        let usable = self.layout.usable;
        let is_soiled = |octets: &[u8]| octets.iter().any(|octet| *octet != 0);
        let within = |page: &[u8], unused: Vec<Range<usize>>| unused.into_iter().any(|range| is_soiled(&page[range]));
        let soiled = match self.kind(number)? {
            // Most pages: all of it is in use.
            Kind::Other => None,
            Kind::Tree => self.read(number, |page| within(page, unused(page, usable, number).unwrap_or_default()))?,
            // Nearly all of these are clear, and then nobody need ask for the list.
            Kind::Free if self.read(number, is_soiled)? == Some(true) => {
                let unused = self.unused(number)?;
                self.read(number, |page| within(page, unused))?
            }
            Kind::Free => None,
        };
        Ok(soiled.unwrap_or(false))
    }

    /// What the page does not use.
    fn unused(&mut self, number: u32) -> Result<Vec<Range<usize>>> {
        let usable = self.layout.usable;
        Ok(match self.kind(number)? {
            Kind::Tree => self.read(number, |page| unused(page, usable, number))?.flatten().unwrap_or_default(),
            Kind::Free => self.unused_of_free(number)?.into_iter().collect(),
            Kind::Other => Vec::new(),
        })
    }

    fn kind(&mut self, number: u32) -> Result<Kind> {
        let Some((map, at)) = self.layout.entry(number) else {
            return Ok(if number == 1 { Kind::Tree } else { Kind::Other });
        };
        if self.map.0 != map {
            self.map = (map, self.read(map, |page| page.to_vec())?.unwrap_or_default());
        }
        Ok(self.map.1.get(at).map_or(Kind::Other, |entry| Kind::of(*entry)))
    }

    /// What a free page does not use. That the pointer map calls it free is not enough: the list must, too.
    fn unused_of_free(&mut self, number: u32) -> Result<Option<Range<usize>>> {
        let list = match self.free.take() {
            Some(list) => list,
            None => FreeList::read(self.layout, self.count, |number| self.read(number, |page| page.to_vec()))?,
        };
        let list = self.free.insert(list);
        Ok(list.as_ref().and_then(|list| list.unused(number)))
    }
}

/// Calls `with` for the octets of a page; `None`: there is no such page.
fn read<T>(connection: &Connection, number: u32, with: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
    let mut select = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let page = select.query_row([number], |row| match row.get_ref(0)? {
        ValueRef::Blob(page) => Ok(Some(with(page))),
        _ => Ok(None),
    });
    Ok(page.optional()?.flatten())
}

#[cfg(test)]
mod tests;
