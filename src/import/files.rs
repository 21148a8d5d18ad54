//! Messages that are files: one `.eml`, or a folder of them in the order of their names.

use super::{ImportError, Listed, Result, Source, file_error};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Files, in their order.
pub struct Files {
    paths: Vec<PathBuf>,
}

impl Files {
    /// One file is one message.
    pub fn single(path: &Path) -> Self {
        Self { paths: vec![path.to_owned()] }
    }

    /// All `.eml` files of a folder.
    ///
    /// # Errors
    /// The folder cannot be read, or has no such file.
    pub fn folder(folder: &Path) -> Result<Self> {
        let mut paths = entries(folder)?;
        paths.retain(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("eml")));
        paths.sort();
        if paths.is_empty() {
            return Err(ImportError::Data(format!("{folder:?} is no Maildir and has no .eml files")));
        }
        Ok(Self { paths })
    }
}

impl Source for Files {
    fn list(&mut self) -> Result<Vec<Listed>> {
        let listed = |path: &PathBuf| Listed { place: path.display().to_string(), ..Listed::default() };
        Ok(self.paths.iter().map(listed).collect())
    }

    fn fetch(&mut self, at: usize, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
        read(&self.paths[at], limit, octets)
    }
}

/// The regular files of a folder, in no order.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(file_error(folder))? {
        let path = entry.map_err(file_error(folder))?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Replaces `octets` by the content of a file.
pub(super) fn read(path: &Path, limit: u64, octets: &mut Vec<u8>) -> Result<()> {
    octets.clear();
    let file = File::open(path).map_err(file_error(path))?;
    file.take(limit.saturating_add(1)).read_to_end(octets).map_err(file_error(path))?;
    if octets.len() as u64 > limit {
        return Err(ImportError::TooBig(path.display().to_string()));
    }
    Ok(())
}

/// When a file was written, seconds since 1970 UTC.
pub(super) fn modified(path: &Path) -> Option<i64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    i64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
