//! Does a crowd of guessers keep others out? `cargo bench --bench guessing -- [GUESSERS [LOGINS]]`.
//!
//! Starts the release binary on loopback. Guessers on six addresses try wrong passwords without end, each on its own
//! connection; one honest client on a seventh logs in as a user whom no cache knows, again and again. Printed are the times of
//! the honest logins, and how many SCRAM challenges one address gets a second. Nothing is asserted here, for a busy machine can
//! show anything; the aim on two cores is a median under 1 s and 99 of 100 under 2 s beside 1,500 guessers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on may stop")]

mod client;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::{Client, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn main() {
    let mut numbers = std::env::args().filter_map(|text| text.parse().ok());
    let (guessers, logins) = (numbers.next().unwrap_or(1500), numbers.next().unwrap_or(100));
    let server = Arc::new(Server::start(logins + 1));
    challenges(&server);
    let (over, guesses) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let crowd: Vec<_> = (0..guessers)
        .map(|index| {
            let (server, over, guesses) = (server.clone(), over.clone(), guesses.clone());
            let work = move || guess(&server, index, &over, &guesses);
            std::thread::Builder::new().stack_size(64 * 1024).spawn(work).unwrap()
        })
        .collect();
    std::thread::sleep(Duration::from_secs(5));
    let start = Instant::now();
    let mut times: Vec<(Duration, bool)> = (0..logins).map(|index| honest(&server, index)).collect();
    let seconds = start.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].0.as_millis();
    let refused = times.iter().filter(|(_, good)| !good).count();
    println!(
        "{guessers} guessers on 6 addresses, {:.1} guesses a second",
        guesses.load(Ordering::Relaxed) as f64 / seconds
    );
    println!(
        "honest logins: median {} ms, 99 of 100 {} ms, longest {} ms, refused {refused}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    server.stop();
    drop(crowd);
}

/// Wrong passwords, as fast as they are answered.
fn guess(server: &Server, index: usize, over: &AtomicBool, guesses: &AtomicU64) {
    while !over.load(Ordering::Relaxed) {
        let Some(mut client) = server.connect(10 + (index % 6) as u8) else {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        while client.say(&format!("USER victim{}", index % 97)).is_some_and(|line| line == "+OK") {
            match client.say("PASS wrong") {
                Some(line) if line.starts_with("-ERR") => drop(guesses.fetch_add(1, Ordering::Relaxed)),
                _ => break,
            }
        }
    }
}

/// The first login of a user, and whether it was one.
fn honest(server: &Server, index: usize) -> (Duration, bool) {
    let start = Instant::now();
    let good = server.connect(200).is_some_and(|mut client: Client| {
        let _ = client.say(&format!("USER user{index}"));
        client.say("PASS correct horse").is_some_and(|line| line.starts_with("+OK"))
    });
    (start.elapsed(), good)
}

/// Exchanges that are left after the challenge, from one address.
fn challenges(server: &Server) {
    let first = STANDARD.encode("n,,n=user0,r=rOprNGfwEbeRWgbNEkqO");
    let (start, mut number) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(5) {
        let Some(mut client) = server.connect(100) else { continue };
        for _ in 0..20 {
            if !client.say(&format!("AUTH SCRAM-SHA-256 {first}")).is_some_and(|line| line.starts_with("+ ")) {
                break;
            }
            number += 1;
            if client.say("*").is_none() || start.elapsed() > Duration::from_secs(5) {
                break;
            }
        }
    }
    println!("SCRAM challenges to one address: {:.1} a second", f64::from(number) / start.elapsed().as_secs_f64());
}
