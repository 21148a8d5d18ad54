//! Names: from what a client or sender wrote to the names that the store is asked for.
//!
//! Pure. What lives here: the forms of docs/interface.md §2 and of [MS-OXPOP3] 2.2.2 (delegates). What
//! must not be known here: which names exist (a store only compares the names given to it) and
//! how letters compare there (ASCII letters without case; see [`crate::store::Accounts`]).

use super::domain::{is_same, spellings};
use std::collections::HashSet;
use std::iter;

/// Who looks after the mail of a domain (RFC 5321 section 4.5.1, RFC 2142 section 5).
const POSTMASTER: &str = "postmaster";
/// Most places where a sub-address is thought to start.
const MOST_BASES: usize = 8;

/// Who wants to log in, as the client wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Authentication identity: whose password or proof it is.
    pub authcid: String,
    /// Authorization identity: whose mailbox is wanted, if another one (RFC 4422 section 2).
    pub authzid: Option<String>,
}

/// A name that a stranger gave, for the log: nothing in it can end its field or the line.
pub fn printable(name: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',') { c } else { '?' };
    name.chars().take(255).map(shown).collect()
}

/// The names to try for a login as `alice`, `alice@domain`, `DOMAIN\alice` or `domain/alice`, in
/// order and never empty: the whole address first, then the local part if its domain is one of
/// `domains` (ASCII letters without case; none: any domain is). Before `\` and `/` the first label
/// of a domain, its usual NetBIOS name, stands for it. What has none of these forms is its own
/// only name, so that it fails later, as any unknown user does.
pub fn login_names(raw: &str, domains: &[String]) -> Vec<String> {
    match raw.split_once('\\').or_else(|| raw.rsplit_once('/')) {
        Some((domain, user)) if !domain.is_empty() && !user.is_empty() => qualified_names(domain, user, domains),
        Some(_) => vec![raw.to_owned()],
        None => address_names(raw, domains),
    }
}

/// What all forms have in common in which a login can be written: the last of [`login_names`], where the domain is one of ours
/// the local part.
pub fn common_name(raw: &str, domains: &[String]) -> String {
    login_names(raw, domains).pop().unwrap_or_default()
}

/// The names to try for an identity that somebody else has proved: itself, then its local part if its domain is
/// one of `domains`. Of no domains none is dropped: `alice@evil.example` is not alice. `/` and `\` mean nothing.
pub fn vouched_names(identity: &str, domains: &[String]) -> Vec<String> {
    let mut names = vec![identity.to_owned()];
    let local = split_address(identity).filter(|(local, domain)| !local.contains('@') && is_one_of(domains, domain));
    names.extend(local.map(|(local, _)| local.to_owned()));
    names
}

/// `alice` or `alice@domain`.
fn address_names(address: &str, domains: &[String]) -> Vec<String> {
    let mut names = vec![address.to_owned()];
    if let Some((local, domain)) = split_address(address) {
        names.extend(addresses(local, domain).filter(|name| name != address));
        names.extend(serves(domains, domain).then(|| local.to_owned()));
    }
    names
}

/// `DOMAIN\alice` or `domain/alice`.
fn qualified_names(domain: &str, user: &str, domains: &[String]) -> Vec<String> {
    let meant = meant_domains(domain, domains);
    let mut names: Vec<String> = meant.iter().flat_map(|domain| addresses(user, domain)).collect();
    if serves(domains, meant[0]) {
        names.push(user.to_owned());
    }
    names
}

/// The domains that `written` can mean, never none: itself where it is served or nothing is said
/// about it, else every served one whose first label it is.
fn meant_domains<'a>(written: &'a str, domains: &'a [String]) -> Vec<&'a str> {
    let label = |domain: &str| domain.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(written));
    let labelled: Vec<&str> = domains.iter().map(String::as_str).filter(|domain| label(domain)).collect();
    if serves(domains, written) || labelled.is_empty() { vec![written] } else { labelled }
}

/// The argument of USER in the forms of [MS-OXPOP3] 2.2.2: `domain/delegate/principal` and
/// `delegate@domain/principal` (the last `/` separates the principal), `domain\delegate/principal`
/// of older servers, or no delegate at all. Nothing is an error here: an empty part fails later, as
/// any unknown user does ([MS-STANXPOP3] V0009).
pub fn parse_user(raw: &str) -> Identity {
    match raw.rsplit_once('/') {
        Some((delegate, principal)) if delegate.contains(['/', '@', '\\']) => {
            Identity { authcid: delegate.to_owned(), authzid: Some(principal.to_owned()) }
        }
        // `a/b` is a user of domain a: Windows clients write `/` where `\` is meant.
        _ => Identity { authcid: raw.to_owned(), authzid: None },
    }
}

/// The names to try for mail to `address` (with or without angle brackets), in order: the whole
/// address, the local part if its domain is one of `domains` (none: any domain is), the same two
/// without sub-addresses (an exact name wins: the longest first), and `@domain`, the catch-all.
/// None at all for an address without a local part or a domain. Postmaster needs no domain
/// (RFC 5321 section 4.5.1): where nobody has that plain name, the domains are asked in their order.
pub fn recipient_names(address: &str, domains: &[String], delimiters: &str) -> Vec<String> {
    let address = address.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(address);
    if let Some((local, domain)) = split_address(address) {
        return names_at(local, domain, domains, delimiters);
    }
    let local = if address.contains('@') { "" } else { address };
    let mut names: Vec<String> =
        iter::once(local).chain(bases(local, delimiters)).filter(nonempty).map(owned).collect();
    if names.last().is_some_and(|name| name.eq_ignore_ascii_case(POSTMASTER)) {
        names.extend(domains.iter().flat_map(|domain| names_at(POSTMASTER, domain, domains, "")));
    }
    names
}

/// The addresses that a mailbox or alias of this name is known by, sub-addresses left out: at each of `domains` if it has none
/// of its own. `@domain` is the catch-all, as MTAs write it, too.
pub fn addresses_of(name: &str, domains: &[String]) -> Vec<String> {
    match name.rsplit_once('@') {
        Some((local, domain)) => addresses(local, domain).collect(),
        None => domains.iter().flat_map(|domain| addresses(name, domain)).collect(),
    }
}

/// The names to try for `local@domain`.
fn names_at(local: &str, domain: &str, domains: &[String], delimiters: &str) -> Vec<String> {
    let served = serves(domains, domain);
    let mut names = vec![format!("{local}@{domain}")];
    for local in iter::once(local).chain(bases(local, delimiters)) {
        names.extend(addresses(local, domain));
        // A quoted local part may look like an address, but is none.
        names.extend((served && !local.contains('@')).then(|| local.to_owned()));
    }
    names.extend(addresses("", domain));
    let mut tried = HashSet::new();
    names.retain(|name| tried.insert(name.clone()));
    names
}

/// Local part and domain, if both are there (RFC 5321 section 4.1.2: the last `@` separates them).
fn split_address(address: &str) -> Option<(&str, &str)> {
    address.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// What stands before the sub-addresses that there can be (RFC 5233 section 4), longest first: with `+-` as
/// delimiters `mary-jane+x` is mary-jane's, or else mary's.
fn bases<'a>(local: &'a str, delimiters: &str) -> impl Iterator<Item = &'a str> {
    let starts = local.char_indices().filter(|(at, c)| *at > 0 && delimiters.contains(*c));
    let bases: Vec<&str> = starts.take(MOST_BASES).map(|(at, _)| &local[..at]).collect();
    bases.into_iter().rev()
}

/// `local` at each spelling of the domain.
fn addresses<'a>(local: &'a str, domain: &str) -> impl Iterator<Item = String> + 'a {
    spellings(domain).into_iter().map(move |domain| format!("{local}@{domain}"))
}

/// Whether mail and logins for this domain are ours.
fn serves(domains: &[String], domain: &str) -> bool {
    domains.is_empty() || is_one_of(domains, domain)
}

fn is_one_of(domains: &[String], domain: &str) -> bool {
    domains.iter().any(|served| is_same(served, domain))
}

fn nonempty(text: &&str) -> bool {
    !text.is_empty()
}

fn owned(text: &str) -> String {
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(text: &str) -> Vec<String> {
        text.split_terminator(',').map(str::to_owned).collect()
    }

    #[test]
    fn a_strangers_name_ends_no_field_of_the_log() {
        assert_eq!(printable("DOMAIN\\a.b@c=!"), "DOMAIN\\a.b@c=!");
        assert_eq!(printable("a <b>,c\r\n\u{e4}"), "a??b??c???");
        assert_eq!(printable(&"a".repeat(300)), "a".repeat(255));
    }

    #[test]
    fn logins_try_the_whole_address_first() {
        // (what the client sent, Domains, names)
        let table: &[(&str, &str, &[&str])] = &[
            ("alice", "", &["alice"]),
            ("alice", "a.example", &["alice"]),
            ("alice@a.example", "", &["alice@a.example", "alice"]),
            ("alice@A.Example", "a.example", &["alice@A.Example", "alice"]),
            ("alice@b.example", "a.example", &["alice@b.example"]),
            ("a@b@c.example", "c.example", &["a@b@c.example", "a@b"]),
            ("alice@A.Example.", "a.example", &["alice@A.Example.", "alice@A.Example", "alice"]),
            ("alice@a.example", "a.example.", &["alice@a.example", "alice"]),
            ("alice@a.example..", "a.example", &["alice@a.example..", "alice@a.example."]),
            ("alice@.", "", &["alice@.", "alice"]),
            // The domain as it is.
            (r"a.example\alice", "", &["alice@a.example", "alice"]),
            ("a.example/alice", "a.example", &["alice@a.example", "alice"]),
            ("b.example/alice", "a.example", &["alice@b.example"]),
            ("a.example./alice", "a.example", &["alice@a.example", "alice"]),
            // Both forms of one that is not ASCII.
            (
                "alice@xn--bcher-kva.example",
                "b\u{fc}cher.example",
                &["alice@xn--bcher-kva.example", "alice@b\u{fc}cher.example", "alice"],
            ),
            (
                "B\u{dc}CHER.example\\alice",
                "XN--BCHER-KVA.example",
                &["alice@B\u{dc}CHER.example", "alice@xn--bcher-kva.example", "alice@b\u{fc}cher.example", "alice"],
            ),
            // Its NetBIOS name.
            (r"A\alice", "a.example,b.example", &["alice@a.example", "alice"]),
            ("a/alice", "a.example,a.test", &["alice@a.example", "alice@a.test", "alice"]),
            (r"C\alice", "a.example", &[r"alice@C"]),
            // A served domain without a dot is not also somebody's first label.
            (r"a\alice", "a.example,a", &["alice@a", "alice"]),
            (r"ANY\alice", "", &["alice@ANY", "alice"]),
            // Empty parts name nobody, but are no error.
            ("", "", &[""]),
            (r"\alice", "", &[r"\alice"]),
            ("/alice", "", &["/alice"]),
            (r"A\", "", &[r"A\"]),
            ("@a.example", "", &["@a.example"]),
            ("alice@", "", &["alice@"]),
        ];
        for (raw, served, names) in table {
            assert_eq!(login_names(raw, &domains(served)), *names, "{raw} in {served:?}");
        }
    }

    #[test]
    fn what_was_proved_is_taken_literally() {
        // (a token's claim or a principal's name, Domains, names)
        let table: &[(&str, &str, &[&str])] = &[
            ("alice", "", &["alice"]),
            ("alice", "a.example", &["alice"]),
            ("alice@evil.example", "", &["alice@evil.example"]),
            ("alice@evil.example", "a.example", &["alice@evil.example"]),
            ("alice@A.Example", "b.example,a.example", &["alice@A.Example", "alice"]),
            ("alice@a", "a.example", &["alice@a"]),
            ("alice@sub.a.example", "a.example", &["alice@sub.a.example"]),
            ("alice@evil.example@a.example", "a.example", &["alice@evil.example@a.example"]),
            ("evil/alice", "", &["evil/alice"]),
            ("a.example/alice", "a.example", &["a.example/alice"]),
            (r"a\alice", "a.example", &[r"a\alice"]),
            (r"evil\alice@a.example", "a.example", &[r"evil\alice@a.example", r"evil\alice"]),
            ("@a.example", "a.example", &["@a.example"]),
            ("alice@", "", &["alice@"]),
            ("alice@.", "", &["alice@."]),
            ("", "", &[""]),
        ];
        for (identity, served, names) in table {
            assert_eq!(vouched_names(identity, &domains(served)), *names, "{identity} in {served:?}");
        }
    }

    #[test]
    fn names_are_known_by_addresses() {
        // (name, Domains, addresses)
        let table: &[(&str, &str, &[&str])] = &[
            ("alice", "a.example,b.example.", &["alice@a.example", "alice@b.example"]),
            ("alice", "", &[]),
            ("alice@c.example", "a.example", &["alice@c.example"]),
            ("@a.example", "", &["@a.example"]),
            (
                "alice",
                "b\u{fc}cher.example",
                &["alice@b\u{fc}cher.example", "alice@xn--bcher-kva.example", "alice@b\u{fc}cher.example"],
            ),
        ];
        for (name, served, addresses) in table {
            let known = addresses_of(name, &domains(served));
            assert!(known.iter().all(|it| addresses.contains(&it.as_str())), "{known:?}");
            assert!(addresses.iter().all(|it| known.iter().any(|known| known == it)), "{known:?}");
            for address in known.iter().filter(|address| !address.starts_with('@')) {
                assert!(recipient_names(address, &domains(served), "").iter().any(|it| it == name), "{address}");
            }
        }
    }

    #[test]
    fn the_last_slash_separates_the_principal() {
        // (argument of USER, who logs in, whose mailbox); forms 1 to 4 of [MS-OXPOP3] 2.2.2 first
        let table: &[(&str, &str, Option<&str>)] = &[
            ("dom/bob/alice", "dom/bob", Some("alice")),
            ("dom/bob/alice@a.example", "dom/bob", Some("alice@a.example")),
            ("bob@a.example/alice", "bob@a.example", Some("alice")),
            ("bob@a.example/alice@a.example", "bob@a.example", Some("alice@a.example")),
            (r"dom\bob/alice", r"dom\bob", Some("alice")),
            ("alice", "alice", None),
            ("alice@a.example", "alice@a.example", None),
            ("dom/alice", "dom/alice", None),
            ("dom/alice@a.example", "dom/alice@a.example", None),
            (r"dom\alice", r"dom\alice", None),
            // Empty parts are kept, so that they fail as an unknown user does.
            ("", "", None),
            ("/", "/", None),
            ("bob@a.example/", "bob@a.example", Some("")),
            ("dom/bob/", "dom/bob", Some("")),
            ("//alice", "/", Some("alice")),
            ("dom//alice", "dom/", Some("alice")),
        ];
        for (raw, authcid, authzid) in table {
            let expected = Identity { authcid: (*authcid).into(), authzid: authzid.map(str::to_owned) };
            assert_eq!(parse_user(raw), expected, "{raw}");
        }
    }

    #[test]
    fn mail_finds_exact_names_before_sub_addresses_and_the_catch_all_last() {
        // (address, Domains, RecipientDelimiter, names)
        let table: &[(&str, &str, &str, &[&str])] = &[
            ("alice", "", "+", &["alice"]),
            ("alice+x", "a.example", "+", &["alice+x", "alice"]),
            ("alice@a.example", "", "+", &["alice@a.example", "alice", "@a.example"]),
            ("<alice@a.example>", "a.example", "+", &["alice@a.example", "alice", "@a.example"]),
            ("alice@A.EXAMPLE", "a.example", "+", &["alice@A.EXAMPLE", "alice", "@A.EXAMPLE"]),
            ("alice@b.example", "a.example", "+", &["alice@b.example", "@b.example"]),
            (
                "alice+x@a.example",
                "a.example",
                "+",
                &["alice+x@a.example", "alice+x", "alice@a.example", "alice", "@a.example"],
            ),
            ("alice+x@b.example", "a.example", "+", &["alice+x@b.example", "alice@b.example", "@b.example"]),
            ("alice+x@a.example", "", "", &["alice+x@a.example", "alice+x", "@a.example"]),
            // Each delimiter may be the one, but one at the start separates nothing.
            ("a-b+c@d.example", "x", "+-", &["a-b+c@d.example", "a-b@d.example", "a@d.example", "@d.example"]),
            ("a++@d", "", "+", &["a++@d", "a++", "a+@d", "a+", "a@d", "a", "@d"]),
            ("\u{fc}+\u{fc}", "", "+", &["\u{fc}+\u{fc}", "\u{fc}"]),
            ("+x@a.example", "", "+", &["+x@a.example", "+x", "@a.example"]),
            ("alice@A.Example.", "a.example", "+", &["alice@A.Example.", "alice@A.Example", "alice", "@A.Example"]),
            ("alice@b.example.", "a.example", "+", &["alice@b.example.", "alice@b.example", "@b.example"]),
            (
                "alice+x@xn--bcher-kva.example",
                "B\u{dc}CHER.example",
                "+",
                &[
                    "alice+x@xn--bcher-kva.example",
                    "alice+x@b\u{fc}cher.example",
                    "alice+x",
                    "alice@xn--bcher-kva.example",
                    "alice@b\u{fc}cher.example",
                    "alice",
                    "@xn--bcher-kva.example",
                    "@b\u{fc}cher.example",
                ],
            ),
            // What was quoted is no address.
            ("a@b.example@a.example", "a.example", "+", &["a@b.example@a.example", "@a.example"]),
            // Postmaster of the domains, in their order.
            ("Postmaster", "", "+", &["Postmaster"]),
            (
                "Postmaster",
                "a.example,b.example",
                "+",
                &[
                    "Postmaster",
                    "postmaster@a.example",
                    "postmaster",
                    "@a.example",
                    "postmaster@b.example",
                    "postmaster",
                    "@b.example",
                ],
            ),
            ("postmaster1", "a.example", "+", &["postmaster1"]),
            // No mailbox is meant.
            ("<>", "", "+", &[]),
            ("", "", "+", &[]),
            ("@a.example", "", "+", &[]),
            ("alice@", "", "+", &[]),
            ("<alice", "", "+", &["<alice"]),
        ];
        for (address, served, delimiters, names) in table {
            assert_eq!(recipient_names(address, &domains(served), delimiters), *names, "{address} in {served:?}");
        }
    }
}
