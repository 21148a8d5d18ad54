//! Lists of addresses: what RFC 6858 section 2.1 makes of them.

use super::lexer::{Kind, Token, tokens};
use super::words::{Place, encode};

/// The address that stands for one that cannot be shown; the domain is nobody's (RFC 2606 section 2).
const INVALID: &str = "invalid@internationalized-address.invalid";
/// Longest run of octets without a blank that may stay: a line has at most 998 (RFC 5322 section 2.1.1).
const LONGEST_RUN: usize = 900;

/// What stands before a colon, kept while the list is read: looking back at each colon would take time with
/// the square of their number.
#[derive(Default)]
struct Seen {
    text: bool,
    address: bool,
}

impl Seen {
    fn add(&mut self, token: &Token<'_>) {
        self.text |= token.kind() != Kind::Blank;
        self.address |= token.is("<") || token.has_at();
    }

    /// Whether a colon now ends the name of a group.
    fn names_group(&self) -> bool {
        self.text && !self.address
    }
}

/// A list that has been downgraded.
#[derive(Default)]
pub(super) struct List {
    first: usize,
    items: Vec<String>,
    /// The group that goes on: its name with the colon, and its members.
    group: Option<(String, Vec<String>)>,
    /// An address had to be replaced, so that nobody can write to it any more.
    pub replaced: bool,
}

impl List {
    /// Reads a list (RFC 5322 section 3.4) and downgrades what needs it. For `first` see [`encode`].
    pub fn read(value: &str, first: usize) -> Self {
        let tokens = tokens(value);
        let mut list = Self { first, ..Self::default() };
        let (mut start, mut within_angles, mut seen) = (0, false, Seen::default());
        for (at, token) in tokens.iter().enumerate() {
            let before = &tokens[start..at];
            let special = if token.kind() == Kind::Special { token.text() } else { "" };
            within_angles = special == "<" || within_angles && special != ">";
            match special {
                "," if !within_angles => list.mailbox(before),
                ":" if !within_angles && list.group.is_none() && seen.names_group() => {
                    list.group = Some((group_name(before, first), Vec::new()));
                }
                ";" if !within_angles => {
                    list.mailbox(before);
                    list.end_group();
                }
                _ => {
                    seen.add(token);
                    continue;
                }
            }
            (start, seen) = (at + 1, Seen::default());
        }
        list.mailbox(&tokens[start..]);
        list.end_group();
        list
    }

    /// The list as a field's value.
    pub fn value(&self) -> String {
        self.items.join(", ")
    }

    fn mailbox(&mut self, tokens: &[Token<'_>]) {
        let text = written(tokens);
        if text.is_empty() {
            return;
        }
        let text = if is_plain(tokens) { text } else { self.rewritten(&Mailbox::read(tokens)) };
        match &mut self.group {
            Some((_, members)) => members.push(text),
            None => self.items.push(text),
        }
    }

    /// One that is not ASCII as a whole.
    fn rewritten(&mut self, mailbox: &Mailbox) -> String {
        let Mailbox { name, address, sound } = mailbox;
        let (shown, address) = match (sound, name.is_empty()) {
            (true, _) => (name.clone(), address.as_str()),
            (false, true) => (address.clone(), INVALID),
            (false, false) if address.is_empty() => (name.clone(), INVALID),
            (false, false) => (format!("{name} <{address}>"), INVALID),
        };
        self.replaced |= !sound;
        if shown.is_empty() {
            address.to_owned()
        } else {
            format!("{} <{address}>", encode(&shown, Place::Phrase, self.first))
        }
    }

    fn end_group(&mut self) {
        if let Some((name, members)) = self.group.take() {
            let blank = if members.is_empty() { "" } else { " " };
            self.items.push(format!("{name}{blank}{};", members.join(", ")));
        }
    }
}

/// What a Return-Path field (RFC 5321 section 4.4) becomes: it has no display name.
pub(super) fn return_path(value: &str) -> String {
    let tokens = tokens(value);
    let mailbox = Mailbox::read(&tokens);
    let none = mailbox.address.is_empty() && tokens.iter().any(|token| token.is("<"));
    format!("<{}>", if mailbox.sound || none { mailbox.address.as_str() } else { INVALID })
}

/// One address and whose it is.
struct Mailbox {
    /// Display name and comments, as they are meant.
    name: String,
    address: String,
    /// Every client can use the address.
    sound: bool,
}

impl Mailbox {
    /// `address` or `display name <address>`, with comments wherever they stand.
    fn read(tokens: &[Token<'_>]) -> Self {
        let Some(open) = tokens.iter().position(|token| token.is("<")) else { return Self::bare(tokens) };
        let close = tokens.iter().position(|token| token.is(">")).unwrap_or(tokens.len());
        let inner = without_route(tokens.get(open + 1..close).unwrap_or_default());
        let comments = inner.iter().filter(|token| token.kind() == Kind::Comment).copied();
        let around = [&tokens[..open], tokens.get(close + 1..).unwrap_or_default()].concat();
        let name = meaning(around.into_iter().chain(comments));
        Self::new(name, inner)
    }

    /// Without angle brackets a comment is the name: `jane@b.example (Jane)`.
    fn bare(tokens: &[Token<'_>]) -> Self {
        if !tokens.iter().any(|token| token.has_at()) {
            return Self::new(meaning(tokens.iter().copied()), &[]);
        }
        let comments = tokens.iter().filter(|token| token.kind() == Kind::Comment);
        let names: Vec<String> = comments.map(Token::content).collect();
        Self::new(names.join(" "), tokens)
    }

    fn new(name: String, address: &[Token<'_>]) -> Self {
        let counts = |token: &&Token<'_>| !matches!(token.kind(), Kind::Comment | Kind::Blank);
        let address: Vec<Token<'_>> = address.iter().filter(counts).copied().collect();
        let sound =
            !address.is_empty() && is_plain(&address) && address.iter().all(|token| token.kind() != Kind::Special);
        Self { name, address: address.iter().map(|token| token.text()).collect(), sound }
    }
}

/// `@a.example,@b.example:jane@c.example` (RFC 5322 section 4.4).
fn without_route<'a>(address: &'a [Token<'a>]) -> &'a [Token<'a>] {
    let routed = address.first().is_some_and(|token| token.text().starts_with('@'));
    let colon = address.iter().rposition(|token| token.is(":")).filter(|_| routed);
    colon.map_or(address, |at| &address[at + 1..])
}

/// A group's name with its colon; an encoded word needs a blank before that (RFC 2047 section 5 (3)).
fn group_name(tokens: &[Token<'_>], first: usize) -> String {
    if is_plain(tokens) {
        return format!("{}:", written(tokens));
    }
    format!("{} :", encode(&meaning(tokens.iter().copied()), Place::Phrase, first))
}

fn written(tokens: &[Token<'_>]) -> String {
    tokens.iter().map(|token| token.text()).collect::<String>().trim_matches([' ', '\t']).to_owned()
}

fn meaning<'a>(tokens: impl Iterator<Item = Token<'a>>) -> String {
    tokens.map(|token| token.meaning()).collect::<String>().trim_matches([' ', '\t']).to_owned()
}

/// What may stay as it is written.
fn is_plain(tokens: &[Token<'_>]) -> bool {
    let angles: Vec<&str> = tokens.iter().map(|token| token.text()).filter(|text| ["<", ">"].contains(text)).collect();
    let paired = angles.is_empty() || angles == ["<", ">"];
    let text: String = tokens.iter().map(|token| token.text()).collect();
    let short = text.split([' ', '\t']).all(|run| run.len() <= LONGEST_RUN);
    paired && short && tokens.iter().all(Token::is_plain)
}
