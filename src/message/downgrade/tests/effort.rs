//! Whatever a stranger writes, reading it costs as much again for twice as much of it, and no more. Steps are
//! counted, not seconds: octets, tokens and parameters that are looked at.

use super::super::steps;
use super::*;

/// Steps for an octet, whatever stands there; a value is read twice at most, and its pieces by a few passes.
const MOST: u64 = 80;

/// Pieces that begin something, end something, or look as if they did.
const MARKS: &[&str] = &[
    ":",
    "@:",
    "a:",
    "a@b:",
    ";",
    ",",
    ":;",
    ":,",
    "a:;",
    "<",
    ">",
    "<>",
    "><",
    "<a@b>",
    "<a@b>:",
    "<@a:",
    "@a,",
    "\"",
    "\"\"",
    "\"\\",
    "\\",
    "\\\\",
    "\\\"",
    "(",
    ")",
    "()",
    "(()",
    "( ",
    "((",
    "(\\",
    "[",
    "]",
    "[]",
    "[\\",
    "=?",
    "?=",
    "=?utf-8?q?a?=",
    "=?utf-8?q?a?= ",
    "=?x?b?",
    "\u{fc}",
    "\u{fc} ",
    "\u{fc}:",
    "\u{fc},",
    "\u{fc};",
    "\u{fc}\"",
    " ",
    "\t",
    " \t:",
    "=",
    "a=",
    ";a=\u{fc}",
    ";a=b",
    ";a*0*=x",
    ";a*0*=%",
    "*0*=",
    ";boundary*0=b",
    ";boundary=\u{fc}",
    ";a=\"",
    ";a=\"\u{fc}\"",
    "'",
    "''",
    "%",
    "%f",
    "utf-8''%fc",
    "\r\n ",
    "\r\n\t:",
    "\r\n :\u{fc}",
    "\r",
    "\0",
    "a",
    "a ",
    "a\u{fc}(",
    "a\u{fc}[",
    "a\u{fc}<",
    "a\u{fc}\"",
    ":a\u{fc}<",
    "@",
    "@,",
    "a@b,",
    "a@b;",
    "a@b:\u{fc},",
];
const NAMES: &[&str] = &["To", "Subject", "Return-Path", "Disposition-Notification-To", "Content-Type"];
const STARTS: &[&str] = &["x@y \u{fc} ", "multipart/mixed;x=\u{fc}<", "\"\u{fc}("];

fn steps_of(message: &[u8]) -> u64 {
    steps::taken();
    let (mut downgrader, mut out) = (Downgrader::new(), Vec::new());
    downgrader.push(message, &mut out);
    downgrader.finish(&mut out);
    assert!(out.len() <= 40 * message.len() + 1000, "{} octets became {}", message.len(), out.len());
    steps::taken()
}

#[test]
fn one_field_costs_as_much_as_it_is_long() {
    for name in NAMES {
        for start in STARTS {
            for mark in MARKS {
                let cost = |octets: usize| {
                    let message = format!("{name}: {start}{}\r\n\r\n", mark.repeat(octets / mark.len()));
                    (steps_of(message.as_bytes()), message.len() as u64)
                };
                for (cost, octets) in [cost(500), cost(4_000)] {
                    assert!(cost <= MOST * octets, "{name}: {start}{mark}…: {cost} steps for {octets} octets");
                }
            }
        }
    }
}

#[test]
fn marks_of_two_kinds_cost_no_more() {
    for name in ["To", "Content-Type"] {
        for (at, first) in MARKS.iter().enumerate() {
            for second in MARKS[at..].iter().step_by(3) {
                let alone = first.repeat(600 / first.len());
                let mixed = [*first, *second].concat().repeat(1200 / (first.len() + second.len()));
                let message = format!("{name}: \u{fc}{alone}{mixed}\r\n\r\n");
                let (cost, octets) = (steps_of(message.as_bytes()), message.len() as u64);
                assert!(cost <= MOST * octets, "{name}: {first}{second}…: {cost} steps for {octets} octets");
            }
        }
    }
}

#[test]
fn many_fields_and_parts_cost_as_much_as_they_are_long() {
    let field = format!("Disposition-Notification-To: x@y \u{fc} {}\r\n", ":".repeat(10_000));
    let part = |n: usize| format!("--{n}\r\nContent-Type: multipart/mixed; x=\u{fc}; boundary={}\r\n\r\n", n + 1);
    let parts: String = (0..2000).map(part).collect();
    for message in [field.repeat(12), format!("Content-Type: multipart/mixed; boundary=0\r\n\r\n{parts}")] {
        let cost = steps_of(message.as_bytes());
        assert!(cost <= MOST * message.len() as u64, "{cost} steps for {} octets", message.len());
    }
}
