//! The tokens of a structured field's value (RFC 5322 section 3.2).

use super::steps::count;

/// What a [`Token`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A quoted string, with its marks.
    Quoted,
    /// A comment, with its parentheses; comments may be nested.
    Comment,
    /// A domain literal, with its brackets.
    Literal,
    /// White space.
    Blank,
    /// One of `,` `:` `;` `<` `>`.
    Special,
    /// Anything else; also an opening mark that nothing closes.
    Text,
}

/// A token of a value; all of them together are the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

impl<'a> Token<'a> {
    /// What it is.
    pub fn kind(&self) -> Kind {
        count(1);
        self.kind
    }

    /// How it is written.
    pub fn text(&self) -> &'a str {
        count(self.text.len());
        self.text
    }

    /// Whether it is this special character.
    pub fn is(&self, special: &str) -> bool {
        self.kind() == Kind::Special && self.text == special
    }

    /// Whether it holds an address, or a part of one.
    pub fn has_at(&self) -> bool {
        self.kind() == Kind::Text && self.text().contains('@')
    }

    /// It can stand where it stood whatever is changed around it: ASCII, and no mark without its partner.
    pub fn is_plain(&self) -> bool {
        let stray = |c: char| matches!(c, '"' | '(' | ')' | '[' | ']' | '\\') || c.is_ascii_control();
        self.text().is_ascii() && !(self.kind == Kind::Text && self.text.contains(stray))
    }

    /// What is meant: without quotation marks and backslashes.
    pub fn meaning(&self) -> String {
        match self.kind {
            Kind::Quoted => self.content(),
            Kind::Comment => format!("({})", self.content()),
            _ => self.text().to_owned(),
        }
    }

    /// What stands between the marks of a quoted string, comment or literal.
    pub fn content(&self) -> String {
        let mut escaped = false;
        let keep = |c: &char| {
            escaped = *c == '\\' && !escaped;
            !escaped
        };
        self.text()[1..self.text.len() - 1].chars().filter(keep).collect()
    }
}

/// Reads a value whose lines have been joined.
pub(super) fn tokens(value: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut rest) = (Vec::new(), value);
    // What was found open once is not searched again for its end: the time stays linear.
    let mut open = [false; 3];
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match first {
            '"' => closed(rest, Kind::Quoted, &mut open[0]),
            '(' => closed(rest, Kind::Comment, &mut open[1]),
            '[' => closed(rest, Kind::Literal, &mut open[2]),
            ',' | ':' | ';' | '<' | '>' => (Kind::Special, 1),
            ' ' | '\t' => (Kind::Blank, rest.find(|c| c != ' ' && c != '\t').unwrap_or(rest.len())),
            _ => (Kind::Text, text_length(rest)),
        };
        let (text, behind) = rest.split_at(length);
        tokens.push(Token { kind, text });
        rest = behind;
    }
    tokens
}

/// Up to the next character that begins another token; the first one never does.
fn text_length(text: &str) -> usize {
    let other = |(_, c): &(usize, char)| "\"([,:;<> \t".contains(*c);
    let length = text.char_indices().skip(1).find(other).map_or(text.len(), |(at, _)| at);
    count(length);
    length
}

/// A token that goes on to its closing mark.
fn closed(text: &str, kind: Kind, open: &mut bool) -> (Kind, usize) {
    let end = if *open { None } else { closing(text, kind) };
    *open = end.is_none();
    end.map_or_else(|| (Kind::Text, text_length(text)), |end| (kind, end))
}

/// Where the token ends that begins with an opening mark.
fn closing(text: &str, kind: Kind) -> Option<usize> {
    let end = match kind {
        Kind::Quoted => '"',
        Kind::Comment => ')',
        _ => ']',
    };
    let (mut escaped, mut depth) = (false, 1_u32);
    for (at, c) in text.char_indices().skip(1) {
        count(1);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' if kind == Kind::Comment => depth += 1,
            _ if c == end => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}
