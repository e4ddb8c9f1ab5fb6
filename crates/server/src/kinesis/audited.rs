//! What the audit log says of the calls of the stream service: every denial, and every call of the control plane.

use http::request::Parts;
use millstream_streams::Asked;
use millstream_wire::{ErrorCode, Operation};

use super::dispatch::Call;
use super::{Kinesis, Refusal};
use crate::audit::{AuditNote, cut, cut_access_key};
use crate::edge::{Answer, presented_key, target};

/// What will be said of a call once it is known how it went.
pub(super) struct Pending(Option<Told>);

struct Told {
    note: Box<AuditNote>,
    /// What the operation is going to ask permission for.
    asked: Asked,
    is_control: bool,
}

impl Kinesis {
    /// What a call is, before it is made; from here on what it asks about is kept.
    pub(super) fn note(&self, call: &mut Call) -> Pending {
        let is_control = is_control(call.operation);
        // Calls on data are told only if they are denied, which nobody is whom no policy binds.
        if !self.is_audited || !(is_control || call.caller.arn().is_some()) {
            return Pending(None);
        }
        let asked = if is_control {
            Asked::of_every_call()
        } else {
            Asked::of_denials()
        };
        call.caller.asked = asked.clone();
        Pending(Some(Told {
            note: Box::new(AuditNote {
                action: format!("kinesis:{}", call.operation.name()),
                principal: call.caller.arn().map(str::to_owned),
                access_key: None,
                account: Some(call.caller.account.to_string()),
                resource: None,
                error: None,
            }),
            asked,
            is_control,
        }))
    }

    /// The answer to a request that did not get as far as its operation.
    pub(super) fn refused(&self, head: &Parts, refusal: Refusal) -> Answer {
        let denial = match &refusal {
            Refusal::Error(_, code, _) if self.is_audited && is_denial(*code) => Some(*code),
            _ => None,
        };
        let note = denial.map(|code| {
            Box::new(AuditNote {
                action: cut(target(head)),
                principal: None,
                access_key: presented_key(head).as_deref().map(cut_access_key),
                account: None,
                resource: None,
                error: Some(code.name().to_owned()),
            })
        });
        Answer {
            note,
            ..refusal.answer()
        }
    }
}

impl Pending {
    pub(super) fn of(self, error: Option<ErrorCode>) -> Option<Box<AuditNote>> {
        let told = self.0?;
        if !told.is_control && !error.is_some_and(is_denial) {
            return None;
        }
        let mut note = told.note;
        note.resource = told.asked.resource().as_deref().map(cut);
        note.error = error.map(|code| code.name().to_owned());
        Some(note)
    }
}

fn is_denial(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::AccessDenied
            | ErrorCode::IncompleteSignature
            | ErrorCode::InvalidSignature
            | ErrorCode::MissingAuthenticationToken
            | ErrorCode::UnrecognizedClient
    )
}

/// Whether a call is about streams rather than about records.
fn is_control(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::GetRecords
            | Operation::GetShardIterator
            | Operation::ListShards
            | Operation::PutRecord
            | Operation::PutRecords
            | Operation::SubscribeToShard
    )
}
