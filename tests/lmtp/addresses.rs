//! Which mailboxes an address leads to: over LMTP, and with `pillarbox deliver`, which must agree.

use crate::support::{Server, Site};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\ny\r\n";

/// The mailboxes that have something, in order; afterwards they have nothing.
fn collected(server: &Server) -> Vec<String> {
    let names = server.sql("SELECT mailbox FROM messages ORDER BY mailbox; DELETE FROM messages WHERE uid > 0");
    names.lines().map(str::to_owned).collect()
}

/// Where a message to this path goes; nowhere: it was refused.
#[track_caller]
fn over_lmtp(server: &Server, path: &str) -> Vec<String> {
    let mut lmtp = server.lmtp();
    lmtp.say("MAIL FROM:<bob@c.example>", "250 ");
    lmtp.send(format!("RCPT TO:<{path}>\r\n"));
    let reply = lmtp.try_reply().unwrap();
    if reply.starts_with("550 5.1.1 ") {
        return Vec::new();
    }
    assert!(reply.starts_with("250 2.1.5 "), "{path}: {reply}");
    lmtp.say("DATA", "354 ");
    lmtp.send(MESSAGE);
    lmtp.send(".\r\n");
    lmtp.expect("250 2.0.0 ");
    collected(server)
}

/// The same with the command.
#[track_caller]
fn delivered(server: &Server, address: &str) -> Vec<String> {
    let output = server.run(&["deliver", "--", address], MESSAGE);
    let found = collected(server);
    let code = output.status.code();
    assert_eq!(code, Some(if found.is_empty() { 67 } else { 0 }), "{address}: {:?}", String::from_utf8(output.stderr));
    found
}

#[track_caller]
fn expect(server: &Server, table: &[(&str, &[&str])]) {
    for (address, mailboxes) in table {
        assert_eq!(over_lmtp(server, address), *mailboxes, "LMTP to <{address}>");
        assert_eq!(delivered(server, address), *mailboxes, "deliver {address}");
    }
}

/// Users and aliases of every kind, for example.org and b.example; other domains are not served.
fn server(settings: &[(&str, &str)]) -> Server {
    let site = Site::new();
    site.set("Domains", "example.org, b.example");
    for (name, value) in settings {
        site.set(name, value);
    }
    for user in ["alice", "bob", "carol@example.org", "mary-jane", "j\u{f6}rg", "dave", "dave+exact"] {
        site.sql(&format!("INSERT INTO users(name) VALUES ('{user}')"));
    }
    for (address, mailbox) in [
        ("sales@example.org", "alice"),
        ("sales@example.org", "bob"),
        ("Info", "bob"),
        ("alice+news", "bob"),
        ("bob@b.example", "alice"),
        ("@b.example", "dave"),
        ("@c.example", "dave"),
        // A mailbox comes before an alias of its name.
        ("dave", "alice"),
    ] {
        site.sql(&format!("INSERT INTO aliases(address, mailbox) VALUES ('{address}', '{mailbox}')"));
    }
    site.serve(&[])
}

#[test]
fn the_whole_address_comes_first_then_the_local_part_of_a_served_domain() {
    expect(
        &server(&[]),
        &[
            ("alice", &["alice"]),
            ("ALICE@Example.ORG", &["alice"]),
            ("alice@b.example", &["alice"]),
            ("alice@d.example", &[]),
            ("bob@b.example", &["alice"]),
            ("bob@example.org", &["bob"]),
            ("dave@example.org", &["dave"]),
            ("carol@EXAMPLE.org", &["carol@example.org"]),
            ("carol", &[]),
            ("info@example.org", &["bob"]),
            ("INFO", &["bob"]),
            ("sales@example.org", &["alice", "bob"]),
            ("sales", &[]),
            ("nobody@example.org", &[]),
        ],
    );
}

#[test]
fn the_catch_all_comes_last_and_its_domain_need_not_be_served() {
    expect(
        &server(&[]),
        &[
            ("nobody@b.example", &["dave"]),
            ("nobody+x@B.EXAMPLE", &["dave"]),
            ("sales@b.example", &["dave"]),
            ("carol@b.example", &["dave"]),
            ("alice@c.example", &["dave"]),
            ("nobody@sub.b.example", &[]),
        ],
    );
}

#[test]
fn sub_addresses_give_way_to_exact_names() {
    expect(
        &server(&[("RecipientDelimiter", "+-")]),
        &[
            ("alice+news@example.org", &["bob"]),
            ("alice+news", &["bob"]),
            ("Alice+Newsletter@example.org", &["alice"]),
            ("alice-x", &["alice"]),
            ("dave+exact@example.org", &["dave+exact"]),
            ("dave+other@example.org", &["dave"]),
            ("sales+q1@example.org", &["alice", "bob"]),
            ("alice+news+more@example.org", &["bob"]),
            ("alice+a-b@example.org", &["alice"]),
            ("alice-a+b@example.org", &["alice"]),
            // A name may hold what starts a sub-address elsewhere.
            ("mary-jane@example.org", &["mary-jane"]),
            ("mary-jane+x@example.org", &["mary-jane"]),
            ("mary-jane-x@example.org", &["mary-jane"]),
            ("mary-x@example.org", &[]),
            ("carol+x@example.org", &["carol@example.org"]),
            ("+x@example.org", &[]),
            ("+x@b.example", &["dave"]),
            ("alice+@example.org", &["alice"]),
        ],
    );
    let plain = server(&[("RecipientDelimiter", "")]);
    expect(
        &plain,
        &[("alice+x@example.org", &[]), ("alice+news@example.org", &["bob"]), ("alice+x@b.example", &["dave"])],
    );
}

/// RFC 5321 section 4.1.2.
#[test]
fn quotation_marks_are_not_part_of_the_name() {
    expect(
        &server(&[]),
        &[
            ("\"alice\"@example.org", &["alice"]),
            ("\"al\\ice\"@example.org", &["alice"]),
            ("\"ALICE+x y\"@example.org", &["alice"]),
            ("\"alice\"", &["alice"]),
            ("\"nobody x\"@b.example", &["dave"]),
            ("\"nobody x\"@example.org", &[]),
            ("\"nobody>\"@b.example", &["dave"]),
            // The local part is no address.
            ("\"carol@example.org\"@b.example", &["dave"]),
            ("\"carol@example.org\"@example.org", &[]),
            ("\"alice@example.org+x\"@example.org", &[]),
        ],
    );
}

#[test]
fn letters_beyond_ascii_are_exact() {
    expect(
        &server(&[]),
        &[
            ("j\u{f6}rg@example.org", &["j\u{f6}rg"]),
            ("J\u{f6}RG+x@example.org", &["j\u{f6}rg"]),
            ("J\u{d6}RG@example.org", &[]),
            ("jo\u{308}rg@example.org", &[]),
        ],
    );
}

/// A name that ends in a dot is the same domain.
#[test]
fn domains_may_end_in_a_dot() {
    let table: &[(&str, &[&str])] = &[
        ("alice@example.org.", &["alice"]),
        ("carol@Example.Org.", &["carol@example.org"]),
        ("sales+x@example.org.", &["alice", "bob"]),
        ("nobody@b.example.", &["dave"]),
        ("alice@d.example.", &[]),
        ("alice@example.org..", &[]),
    ];
    expect(&server(&[]), table);
    expect(&server(&[("Domains", "example.org., b.example")]), table);
}

/// RFC 5890: both forms are the same domain, whatever their case.
#[test]
fn a_label_and_u_label_are_one_domain() {
    for served in ["b\u{fc}cher.example", "B\u{dc}CHER.Example", "xn--bcher-kva.example", "XN--Bcher-KVA.example."] {
        let site = Site::new();
        site.set("Domains", served);
        for user in ["alice", "bob@b\u{fc}cher.example", "carol@xn--bcher-kva.example"] {
            site.sql(&format!("INSERT INTO users(name, password) VALUES ('{user}', 'x')"));
        }
        site.sql("INSERT INTO aliases VALUES ('@b\u{fc}cher.example', 'alice')");
        let server = site.serve(&[]);
        for domain in ["b\u{fc}cher.example", "B\u{dc}cher.EXAMPLE", "xn--bcher-kva.example", "XN--BCHER-KVA.example"] {
            let address = |name: &str| format!("{name}@{domain}");
            expect(
                &server,
                &[
                    (&address("alice"), &["alice"]),
                    (&address("bob"), &["bob@b\u{fc}cher.example"]),
                    (&address("carol+x"), &["carol@xn--bcher-kva.example"]),
                    (&address("nobody"), &["alice"]),
                ],
            );
        }
        expect(&server, &[("alice@bucher.example", &[]), ("alice@b\u{fc}cher.test", &[])]);
        server.session("alice@xn--bcher-kva.example", "x").quit();
        server.session("carol@xn--bcher-kva.example", "x").quit();
    }
}

#[test]
fn an_address_literal_is_a_domain_like_another() {
    let literals: &[&str] = &["alice@[127.0.0.1]", "alice+x@[IPv6:2001:DB8::1]"];
    let other = server(&[]);
    let own = server(&[("Domains", "example.org,[127.0.0.1],[ipv6:2001:db8::1]")]);
    let any = server(&[("Domains", "")]);
    for literal in literals {
        expect(&other, &[(literal, &[])]);
        expect(&own, &[(literal, &["alice"])]);
        expect(&any, &[(literal, &["alice"])]);
    }
    expect(&any, &[("alice@any.where", &["alice"]), ("carol@any.where", &[]), ("sales@b.example", &["dave"])]);
}

/// A name has up to 255 characters (docs/interface.md section 2), which a path must hold.
#[test]
fn the_longest_names_are_reached() {
    let server = server(&[]);
    let long = format!("{}z", "x".repeat(254));
    let wide = format!("{}\u{e4}", "\u{fc}".repeat(254));
    let whole = format!("{}@example.org", "y".repeat(243));
    for name in [&long, &wide, &whole] {
        server.sql(&format!("INSERT INTO users(name) VALUES ('{name}')"));
    }
    expect(
        &server,
        &[
            (&long, &[&long]),
            (&format!("{long}@example.org"), &[&long]),
            (&format!("{long}+x@example.org"), &[&long]),
            (&wide, &[&wide]),
            (&format!("{wide}@example.org"), &[&wide]),
            (&whole, &[&whole]),
            (&"x".repeat(254), &[]),
        ],
    );
}

#[test]
fn a_source_route_leads_nowhere_else() {
    let server = server(&[]);
    assert_eq!(over_lmtp(&server, "@b.example,@d.example:alice@example.org"), ["alice"]);
    assert_eq!(over_lmtp(&server, "@b.example:nobody@example.org"), [""; 0]);
}

/// One message, many addresses: each has its reply, each mailbox one copy.
#[test]
fn one_copy_per_mailbox_however_many_addresses_lead_to_it() {
    let server = server(&[]);
    let addresses =
        ["alice", "Alice+x@example.org", "sales@example.org", "bob@b.example", "info", "\"bob\"@example.org"];
    let mut lmtp = server.lmtp();
    lmtp.begin("bob@c.example", &addresses);
    lmtp.send(MESSAGE);
    lmtp.send(".\r\n");
    for address in addresses {
        lmtp.expect(&format!("250 2.0.0 <{}>", address.replace('"', "")));
    }
    assert_eq!(collected(&server), ["alice", "bob"]);
    server.succeed(&[&["deliver"], &addresses[..]].concat(), MESSAGE);
    assert_eq!(collected(&server), ["alice", "bob"]);
}

/// RFC 5321 section 4.5.1: in any case, with and without a domain.
#[test]
fn postmaster_is_found() {
    let everywhere: &[&str] =
        &["postmaster", "Postmaster", "POSTMASTER@Example.ORG", "postmaster@b.example", "postmaster+x"];
    let server = server(&[]);
    let all = |mailbox: &str| {
        for address in everywhere {
            expect(&server, &[(address, &[mailbox])]);
        }
    };
    // Nobody, but a catch-all.
    expect(&server, &[("postmaster@b.example", &["dave"]), ("postmaster@example.org", &[])]);
    // The one line of the documentation.
    server.sql("INSERT INTO aliases(address, mailbox) VALUES ('postmaster', 'alice')");
    all("alice");
    server.sql("DELETE FROM aliases WHERE address = 'postmaster'");
    server.sql("INSERT INTO users(name) VALUES ('PostMaster')");
    all("PostMaster");
}

#[test]
fn without_a_domain_it_is_that_of_the_first_domain_that_has_one() {
    let server = server(&[]);
    let expect_plain = |mailboxes: &[&str]| expect(&server, &[("Postmaster", mailboxes), ("POSTMASTER+x", mailboxes)]);
    // The catch-all of the second one.
    expect_plain(&["dave"]);
    server.sql("INSERT INTO aliases(address, mailbox) VALUES ('postmaster@b.example', 'bob')");
    expect_plain(&["bob"]);
    server.sql("INSERT INTO aliases(address, mailbox) VALUES ('PostMaster@Example.org', 'alice')");
    expect_plain(&["alice"]);
    server.sql("INSERT INTO aliases(address, mailbox) VALUES ('postmaster@example.org', 'carol@example.org')");
    expect_plain(&["alice", "carol@example.org"]);
    // Only postmaster has this right.
    expect(&server, &[("nobody", &[]), ("sales", &[]), ("postmaster2", &[])]);
    server.sql("INSERT INTO aliases(address, mailbox) VALUES ('postmaster', 'dave')");
    expect_plain(&["dave"]);
    expect(&server, &[("postmaster@example.org", &["alice", "carol@example.org"]), ("postmaster@b.example", &["bob"])]);
}
