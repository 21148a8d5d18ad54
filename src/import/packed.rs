//! Files that may be compressed with gzip or zstd, read at any place without all of it in memory.
//!
//! Reading forward costs nothing extra; reading backward in a compressed file begins it anew. What must not be
//! known here: what is in the files.

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Largest window of a zstd frame, octets: what its decoder may need in memory. `zstd --long=27` has it.
const LARGEST_WINDOW: u64 = 128 << 20;

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

/// A file, whose content is what was compressed.
pub struct Packed {
    file: Arc<File>,
    packing: Packing,
    /// Where its reader is, if the file is compressed.
    open: Option<(u64, Box<dyn Read>)>,
}

/// A file from its start on, whatever others read of it.
struct FromStart {
    file: Arc<File>,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Packed {
    /// Finds out how a file is compressed.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn new(file: File) -> io::Result<Self> {
        let mut start = [0; 4];
        let read = file.read_at(&mut start, 0)?;
        let packing = match &start[..read] {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            // A frame, or a skippable frame before one (RFC 8878 section 3.1).
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Packing::Zstd,
            _ => Packing::None,
        };
        Ok(Self { file: Arc::new(file), packing, open: None })
    }

    /// When the file was written, seconds since 1970 UTC.
    pub fn modified(&self) -> Option<i64> {
        let modified = self.file.metadata().ok()?.modified().ok()?;
        i64::try_from(modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
    }

    /// Its content, from the start.
    pub fn reader(&self) -> Box<dyn Read> {
        let file = FromStart { file: self.file.clone(), at: 0 };
        match self.packing {
            Packing::None => Box::new(file),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(file))),
            Packing::Zstd => Box::new(Frames::new(BufReader::new(file))),
        }
    }

    /// Its first octets, `most` at most.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn start(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        self.reader().take(most).read_to_end(&mut start)?;
        Ok(start)
    }

    /// Whether the file has no octets.
    pub fn is_empty(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.len() == 0)
    }

    /// Replaces `octets` by what stands from `start` on, `most` octets at most.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn rest(&self, start: u64, most: u64, octets: &mut Vec<u8>) -> io::Result<()> {
        octets.clear();
        let mut reader = self.reader();
        io::copy(&mut reader.by_ref().take(start), &mut io::sink())?;
        reader.take(most).read_to_end(octets).map(|_| ())
    }

    /// Replaces `octets` by what stands from `start` to `end`.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or ends before.
    pub fn read(&mut self, start: u64, end: u64, octets: &mut Vec<u8>) -> io::Result<()> {
        octets.clear();
        let wanted = end.saturating_sub(start);
        if self.packing == Packing::None {
            FromStart { file: self.file.clone(), at: start }.take(wanted).read_to_end(octets)?;
        } else {
            let (at, mut reader) = match self.open.take() {
                Some((at, reader)) if at <= start => (at, reader),
                _ => (0, self.reader()),
            };
            io::copy(&mut reader.by_ref().take(start - at), &mut io::sink())?;
            reader.by_ref().take(wanted).read_to_end(octets)?;
            self.open = Some((start + octets.len() as u64, reader));
        }
        if octets.len() as u64 == wanted { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// The frames of a zstd file, one behind the other (RFC 8878 section 3).
struct Frames<R> {
    file: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(file: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(LARGEST_WINDOW);
        Self { file, decoder, in_frame: false }
    }

    /// Begins the next frame; `false`: there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.file.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.file) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.file.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(damaged(error)),
            }
        }
        Ok(false)
    }

    fn decode(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            self.decoder.decode_blocks(&mut self.file, BlockDecodingStrategy::UptoBlocks(1)).map_err(damaged)?;
        }
        let read = self.decoder.read(buffer)?;
        let stated = self.decoder.get_checksum_from_data();
        if read == 0 && stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(damaged("wrong checksum"));
        }
        Ok(read)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && (self.in_frame || self.begin()?) {
            let read = self.decode(buffer)?;
            self.in_frame = read > 0;
            if read > 0 {
                return Ok(read);
            }
        }
        Ok(0)
    }
}

fn damaged(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// Whether an error of reading says that the content is damaged, and not that the disk is.
pub fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(octets: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(octets).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(octets: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(octets, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn packed(octets: &[u8]) -> Packed {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        Packed::new(file).unwrap()
    }

    #[test]
    fn what_was_compressed_is_read_at_any_place() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|number| (number % 251).to_string().into_bytes()).collect();
        let (one, other) = text.split_at(70_000);
        let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        let files = [
            text.clone(),
            gzip(&text),
            [gzip(one), gzip(other)].concat(),
            zstd(&text),
            [skippable.to_vec(), zstd(one), skippable.to_vec(), zstd(other)].concat(),
        ];
        for (at, file) in files.iter().enumerate() {
            let (mut file, mut octets) = (packed(file), Vec::new());
            assert_eq!(file.start(10).unwrap(), &text[..10], "file {at}");
            for range in [0..5, 5..9, 60_000..80_000, 100..100, 99..100_000, 0..text.len()] {
                file.read(range.start as u64, range.end as u64, &mut octets).unwrap();
                assert!(octets == text[range.clone()], "file {at}, {range:?}");
            }
            let end = text.len() as u64;
            assert_eq!(file.read(end, end + 1, &mut octets).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        assert!(packed(b"").start(9).unwrap().is_empty() && packed(b"\x1f").start(9).unwrap() == b"\x1f");
    }

    #[test]
    fn what_is_damaged_is_said() {
        let text = b"From: a@x.example\n\nhello hello hello hello\n";
        for whole in [gzip(text), zstd(text)] {
            for cut in 5..whole.len() {
                let error = packed(&whole[..cut]).start(1000).unwrap_err();
                assert!(is_damage(&error), "cut at {cut}: {error:?}");
            }
            let mut wrong = whole.clone();
            let last = wrong.len() - 2;
            wrong[last] ^= 0xff;
            assert!(packed(&wrong).start(1000).is_err());
        }
        assert!(packed(b"\x1f\x8bnonsense").start(9).is_err() && packed(b"\x28\xb5\x2f\xfd\xff").start(9).is_err());
    }
}
