//! Whole exchanges: the first octet picks the mechanism, newlines part the messages. A user without
//! a password that could be known must never get as far as [`Query::Authorize`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use pillarbox::auth::credential::Secret;
use pillarbox::sasl::{Answer, Context, MECHANISMS, Outcome, Query, Verifier};
use pillarbox::store::Scheme;

fn answer(query: Query) -> Answer {
    match query {
        Query::Verifier { scheme: Scheme::ScramSha256, .. } => Answer::Verifier(Verifier::Scram {
            salt: vec![7; 16],
            iterations: 4096,
            stored_key: Secret::new(vec![7; 32]),
            server_key: Secret::new(vec![7; 32]),
        }),
        Query::Verifier { scheme: Scheme::NtHash, .. } => Answer::Verifier(Verifier::NtHash(Secret::new(vec![7; 16]))),
        Query::Password { .. } => Answer::Refused,
        Query::Authorize { who } | Query::Vouched { who, .. } => panic!("{who:?} was proved"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((pick, messages)) = input.split_first() else { return };
    let context = Context { ntlm: true, clock: || 0, end_point: Some(vec![7; 32]), ..Context::default() };
    let row = &MECHANISMS[usize::from(*pick) % MECHANISMS.len()];
    let mut mechanism = (row.start)(&context);
    for message in messages.split(|octet| *octet == b'\n') {
        let mut outcome = mechanism.step(message);
        while let Outcome::Ask(query) = outcome {
            outcome = mechanism.answer(answer(query));
        }
        assert!(!matches!(outcome, Outcome::Done(_)));
        if matches!(outcome, Outcome::Failed(_)) {
            return;
        }
    }
});
