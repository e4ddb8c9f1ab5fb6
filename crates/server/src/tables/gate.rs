//! From a caller and a body to an answer: read, ask the caller's policies, call.

use bytes::Bytes;
use millstream_streams::Caller;

use super::authorize::authorize;
use super::request::Touched;
use super::{TableAnswer, TableOperation, TableOwner, TableRequest, Tables};

/// An answer, and what the caller wanted to touch; nothing if the request could not be read.
#[derive(Debug)]
pub(super) struct Gated {
    pub(super) answer: TableAnswer,
    pub(super) touched: Vec<Touched>,
}

/// Does an operation for a caller. What the policies are asked about, what the tables get and what is told to have been
/// touched is one value. Dropping the future drops the answer, and the operation too if it has not begun.
pub(super) async fn pass(
    tables: &dyn Tables,
    caller: &Caller,
    operation: TableOperation,
    body: &Bytes,
) -> Gated {
    let owner = TableOwner {
        account: caller.account.clone(),
        region: caller.region.clone(),
    };
    let request = match TableRequest::read(&owner, operation, body) {
        Ok(request) => request,
        Err(answer) => {
            return Gated {
                answer,
                touched: Vec::new(),
            };
        }
    };
    let touched = request.touched().to_vec();
    let answer = match authorize(caller, &owner, &request) {
        Err(denied) => denied,
        Ok(()) => match request.refusal() {
            Some(refusal) => refusal.clone(),
            None => tables.call(owner, request).await,
        },
    };
    Gated { answer, touched }
}

#[cfg(test)]
mod tests;
