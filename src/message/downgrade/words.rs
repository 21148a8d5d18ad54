//! Encoded words (RFC 2047).

use super::steps::count;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Octets of text in an encoded word, which has 75 at most with its base64 (section 2).
const WORD: usize = 45;
/// Longest line with encoded words (section 2), without its end.
pub(super) const LINE: usize = 76;
/// Longest encoded word (section 2).
const LONGEST_ENCODED_WORD: usize = 75;

/// Where the words stand (section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In a field of text.
    Text,
    /// In a display name.
    Phrase,
}

/// Octets of text in the first encoded word, which stands behind a field's name: some readers show the blank of a
/// line break that comes before it.
pub(super) fn first_word(name: &str) -> usize {
    let room = LINE.saturating_sub(name.len() + ": =?UTF-8?B??=".len()) / 4 * 3;
    room.clamp(6, WORD)
}

/// A text as encoded words with a blank between them, with at most `first` octets of it in the first one. Those
/// that it has already stay as they are.
pub(super) fn encode(text: &str, place: Place, first: usize) -> String {
    let mut words = Vec::new();
    // What has not been encoded yet.
    let mut plain = String::new();
    let mut blanks = "";
    let mut rest = text.trim_matches([' ', '\t']);
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len()));
        count(word.len());
        if is_encoded(word, place) {
            // Readers drop the blanks between two encoded words (section 6.2): those that are meant are encoded.
            if !plain.is_empty() {
                plain += blanks;
            }
            add(&plain, first, &mut words);
            plain.clear();
            words.push(word.to_owned());
        } else {
            plain += blanks;
            plain += word;
        }
        rest = behind.trim_start_matches([' ', '\t']);
        blanks = &behind[..behind.len() - rest.len()];
    }
    add(&plain, first, &mut words);
    words.join(" ")
}

/// Appends what a text becomes. No character is split (section 5), and rather no word of the text: some readers
/// show the blank between two encoded words of a name.
fn add(text: &str, first: usize, words: &mut Vec<String>) {
    let mut rest = text;
    while !rest.is_empty() {
        let room = if words.is_empty() { first } else { WORD };
        let mut end = (1..=rest.len().min(room)).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        if end < rest.len() {
            end = rest[..end].rfind(' ').map_or(end, |blank| if blank > end / 2 { blank + 1 } else { end });
        }
        let (word, behind) = rest.split_at(end);
        count(end);
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
}

/// Whether readers take the word for an encoded one (section 2; section 5 (3) for a phrase).
fn is_encoded(word: &str, place: Place) -> bool {
    let Some(inner) = word.strip_prefix("=?").and_then(|rest| rest.strip_suffix("?=")) else { return false };
    let mut parts = inner.split('?');
    let (Some(charset), Some(encoding), Some(text), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let name = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.:+*".contains(&octet);
    let sound = |octet: u8| match place {
        Place::Text => octet.is_ascii_graphic(),
        Place::Phrase => octet.is_ascii_alphanumeric() || b"!*+-/=_".contains(&octet),
    };
    let known = encoding.eq_ignore_ascii_case("b") || encoding.eq_ignore_ascii_case("q");
    let filled = !charset.is_empty() && !text.is_empty();
    known && filled && charset.bytes().all(name) && text.bytes().all(sound) && word.len() <= LONGEST_ENCODED_WORD
}
