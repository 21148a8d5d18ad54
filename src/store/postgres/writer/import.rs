//! A message that brings a unique-id: the schema decides, copy by copy.

use super::batch::Written;
use super::delivery::{Copy, Delivery, Plan, unstage};
use crate::store::postgres::libpq::{Connection, statement};
use crate::store::{Result, StoreError, Uid};

const IMPORT: &str = "SELECT import_message(ROW ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9)::message)";

/// Begins the transaction and stores the rows.
pub fn plan(connection: &mut Connection, delivery: &Delivery) -> Result<Written> {
    let mut plan = Plan::default();
    let first =
        [statement("BEGIN", []), statement("SELECT latest_at FROM site", []), unstage(delivery.pieces().into_iter())];
    let rows = connection.run(&first)?;
    if delivery.staged().is_some() && rows[2].len() == 0 {
        return Ok((vec![delivery.copies.iter().map(|_| Err(StoreError::Abandoned)).collect()], plan));
    }
    let date = plan.date(delivery.row.stamp, rows[1].only()?.int(0)?);
    let mut answers = Vec::with_capacity(delivery.copies.len());
    for copy in &delivery.copies {
        answers.push(one(connection, delivery, copy, date)?);
    }
    plan.keep(delivery, &answers);
    Ok((vec![answers], plan))
}

/// The inner error is this copy's own; the outer one ends the job.
fn one(connection: &mut Connection, delivery: &Delivery, copy: &Copy, date: i64) -> Result<Result<Uid>> {
    let row = &delivery.row;
    let envelope = &row.envelope;
    let call = statement(
        IMPORT,
        [
            copy.mailbox.0.into(),
            copy.body.into(),
            (row.size + copy.extra).into(),
            row.flags().into(),
            row.read_at().into(),
            envelope.unique_id.as_deref().into(),
            row.received_at().into(),
            date.into(),
            envelope.sender.as_str().into(),
        ],
    );
    match connection.run(&[statement("SAVEPOINT one", []), call, statement("RELEASE one", [])]) {
        Ok(rows) => Ok(Ok(Uid(rows[1].only()?.size(0)?))),
        Err(failure) if failure.is_of_the_row() => {
            connection.query("ROLLBACK TO one", [])?;
            Ok(Err(failure.into()))
        }
        Err(failure) => Err(failure.into()),
    }
}
