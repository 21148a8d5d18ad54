//! The comparison at the end.

use super::{Known, Report, Stop, Task, known, opened, streamed};
use crate::import::{Listed, Source};
use crate::store::{Entry, Mail};
use std::collections::HashMap;

/// Compares both sides: the same unique-ids in the same order, and the same sizes. Where the old server
/// states another size than ours, and the message was not read just now, it is asked for the message
/// itself: many state sizes that are not exact. Answers one text per difference; what was refused is not
/// named again.
///
/// # Errors
/// One side cannot be read.
pub fn differences(
    store: &dyn Mail,
    source: &mut dyn Source,
    listed: &[Listed],
    task: Task<'_>,
    report: &Report,
) -> Result<Vec<String>, Stop> {
    let listing = opened(store, task.mailbox)?;
    let (known, mut differences, mut last) = (known(&listing), Vec::new(), 0);
    let mut places = HashMap::new();
    for (at, message) in listed.iter().enumerate().filter(|(at, _)| !report.unsettled.contains(at)) {
        let Some(id) = &message.unique_id else { continue };
        let Some(Known { entry, .. }) = known.get(id) else {
            differences.push(format!("{}: unique-id {id:?} is not in the mailbox", message.place));
            continue;
        };
        if let Some(first) = places.insert(id, &message.place) {
            differences
                .push(format!("{}: unique-id {id:?} is also that of {first}; only one was imported", message.place));
        } else if entry.uid.0 < last {
            differences.push(format!("{}: unique-id {id:?} is in a different position", message.place));
        }
        last = last.max(entry.uid.0);
        let checked = report.checked.contains(&at);
        if !checked && message.octets.is_some_and(|octets| octets != u64::from(entry.octets)) {
            let compared = streamed::same(store, source, at, task, *entry);
            match compared.map_err(|error| Stop::Store(message.place.clone(), error))? {
                Ok(compared) if compared.same => {}
                Ok(compared) => differences.push(unlike(message, compared.octets, *entry)),
                Err(error) if error.is_of_one_message() => differences.push(error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(differences)
}

fn unlike(message: &Listed, there: u64, entry: Entry) -> String {
    match u64::from(entry.octets) {
        here if here == there => format!("{}: the content differs", message.place),
        here => format!("{}: {there} octets on the old server, {here} here", message.place),
    }
}
