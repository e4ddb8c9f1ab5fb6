//! A request as one value: what is to be done, and to which tables. Policies are asked about it, the audit log names it,
//! and nothing else reaches the tables.

mod expression;
#[cfg(test)]
mod hostile_tests;
mod members;
mod strict_json;

use bytes::Bytes;
use serde_json::{Map, Value};

use self::expression::check_bounds;
use self::members::{Kind, Member, members};
use self::strict_json::{Unreadable, read_object};
use crate::answer::TableAnswer;
use crate::names::{Name, NotHere, read_name, table_arn};
use crate::operation::TableOperation;
use crate::owner::TableOwner;

/// A request that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableRequest {
    operation: TableOperation,
    touched: Vec<Touched>,
    members: Map<String, Value>,
    size_bytes: usize,
    refusal: Option<Box<TableAnswer>>,
}

/// A table, or an index of it, and what is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The operation that the caller must be allowed to do: its own, or that of one item of a transaction.
    pub action: &'static str,
    /// Empty if the request names none: it is then about the table with no name, which there is not.
    pub table: String,
    /// The index.
    pub index: Option<String>,
}

impl Touched {
    /// `leases`, or `leases/index/by-owner`: what stands behind `table/` in the ARN.
    pub fn resource(&self) -> String {
        match &self.index {
            Some(index) => format!("{}/index/{index}", self.table),
            None => self.table.clone(),
        }
    }
}

impl TableRequest {
    /// Reads the body of a request. ARNs in it become names.
    ///
    /// # Errors
    /// The answer to a body that cannot be read, or that names a table of another account, region or partition.
    pub(crate) fn read(
        owner: &TableOwner,
        operation: TableOperation,
        body: &Bytes,
    ) -> Result<Self, TableAnswer> {
        let mut object = read_object(body).map_err(unreadable)?;
        let mut reading = Reading {
            owner,
            operation,
            action: operation.name(),
            touched: Vec::new(),
            refusal: None,
        };
        reading.structure(members(operation), &mut object)?;
        let Reading {
            mut touched,
            refusal,
            ..
        } = reading;
        if touched.is_empty() {
            touched.push(Touched {
                action: operation.name(),
                table: String::new(),
                index: None,
            });
        }
        Ok(Self {
            operation,
            touched,
            members: object,
            size_bytes: body.len(),
            refusal,
        })
    }

    /// What is to be done.
    pub(crate) fn operation(&self) -> TableOperation {
        self.operation
    }

    /// All that it is done to; at least one.
    pub(crate) fn touched(&self) -> &[Touched] {
        &self.touched
    }

    /// The size of the body that it was read from.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The answer to one that asks for what is not here or is out of bounds, for a caller that may know.
    pub(crate) fn refusal(&self) -> Option<&TableAnswer> {
        self.refusal.as_deref()
    }

    /// The members, with names in place of ARNs. `ResourceArn` is the table's ARN in its owner's account and region.
    pub(crate) fn into_members(self) -> Map<String, Value> {
        self.members
    }
}

/// What is found on the way through a request.
struct Reading<'a> {
    owner: &'a TableOwner,
    operation: TableOperation,
    /// What is done to tables that are met from here on.
    action: &'static str,
    touched: Vec<Touched>,
    /// The first one.
    refusal: Option<Box<TableAnswer>>,
}

impl Reading<'_> {
    /// Goes through a structure. Members that are not to be passed on are taken out, and the request refused.
    fn structure(
        &mut self,
        members: &'static [Member],
        object: &mut Map<String, Value>,
    ) -> Result<(), TableAnswer> {
        object.retain(|name, value| {
            let is_known = members.iter().any(|member| member.name == name);
            if !is_known && !value.is_null() {
                self.refuse(|| format!("Unknown member: {}", shortened(name)));
            }
            is_known
        });
        // An index is one of the table that was met first.
        let in_order = |is_index: bool| {
            members
                .iter()
                .filter(move |member| matches!(member.kind, Kind::Index) == is_index)
        };
        for member in in_order(false).chain(in_order(true)) {
            // To leave a member out and to give it as null is the same.
            if let Some(value) = object.get_mut(member.name).filter(|value| !value.is_null()) {
                self.member(member, value)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, member: &'static Member, value: &mut Value) -> Result<(), TableAnswer> {
        match &member.kind {
            Kind::Kept => Ok(()),
            Kind::Table => self.table(member.name, value),
            Kind::Index => {
                let index = text(value)?.clone();
                if self.touched.is_empty() {
                    self.touch(String::new());
                }
                for touched in &mut self.touched {
                    touched.index = Some(index.clone());
                }
                Ok(())
            }
            Kind::Expression(kind) => {
                if let Err(refused) = check_bounds(*kind, text(value)?) {
                    self.refuse(|| refused);
                }
                Ok(())
            }
            Kind::Structure(members) => {
                self.action = transact_action(self.operation, member.name);
                self.structure(members, object(value)?)
            }
            Kind::List(members) => self.list(members, value),
            Kind::Map(members) => object(value)?
                .values_mut()
                .filter(|value| !value.is_null())
                .try_for_each(|value| self.structure(members, object(value)?)),
            Kind::TableMap(members) => {
                self.table_names(value)?;
                object(value)?
                    .values_mut()
                    .try_for_each(|value| self.structure(members, object(value)?))
            }
            Kind::TableMapOfLists(members) => {
                self.table_names(value)?;
                object(value)?
                    .values_mut()
                    .try_for_each(|value| self.list(members, value))
            }
            Kind::OnlyFalse(what) => {
                match value {
                    Value::Bool(false) => {}
                    Value::Bool(true) => self.refuse_absent(what, member.name),
                    _ => return Err(unexpected_type()),
                }
                Ok(())
            }
            Kind::Absent(what) => {
                let is_empty = value.as_array().is_some_and(Vec::is_empty);
                if !is_empty {
                    self.refuse_absent(what, member.name);
                }
                value.take();
                Ok(())
            }
        }
    }

    fn list(&mut self, members: &'static [Member], value: &mut Value) -> Result<(), TableAnswer> {
        let Value::Array(values) = value else {
            return Err(unexpected_type());
        };
        values
            .iter_mut()
            .try_for_each(|value| self.structure(members, object(value)?))
    }

    fn table(&mut self, member: &'static str, value: &mut Value) -> Result<(), TableAnswer> {
        let given = text(value)?;
        let is_arn = member == "ResourceArn";
        let name = match read_name(self.owner, given) {
            Ok(Name::Arn(name)) => name.to_owned(),
            Ok(Name::Plain(name)) if !is_arn || name.is_empty() => name.to_owned(),
            Ok(Name::Plain(name)) => return Err(no_arn(self.operation, name)),
            Err(NotHere::OtherOwner(name)) => return Err(not_found(name)),
            Err(NotHere::Malformed) => return Err(malformed_arn(given)),
        };
        *given = match is_arn && !name.is_empty() {
            true => table_arn(self.owner, &name),
            false => name.clone(),
        };
        self.touch(name);
        Ok(())
    }

    /// The names of a map's members are those of tables.
    fn table_names(&mut self, value: &mut Value) -> Result<(), TableAnswer> {
        let tables = object(value)?;
        for (given, value) in std::mem::take(tables) {
            let name = match read_name(self.owner, &given) {
                Ok(Name::Arn(name) | Name::Plain(name)) => name,
                Err(NotHere::OtherOwner(name)) => return Err(not_found(name)),
                Err(NotHere::Malformed) => return Err(malformed_arn(&given)),
            };
            if tables.insert(name.to_owned(), value).is_some() {
                return Err(TableAnswer::validation(&format!(
                    "The table {} is named twice in RequestItems",
                    shortened(name)
                )));
            }
            self.touch(name.to_owned());
        }
        Ok(())
    }

    fn touch(&mut self, table: String) {
        let touched = Touched {
            action: self.action,
            table,
            index: None,
        };
        if !self.touched.contains(&touched) {
            self.touched.push(touched);
        }
    }

    fn refuse_absent(&mut self, what: &str, member: &str) {
        self.refuse(|| {
            format!(
                "One or more parameter values were invalid: Millstream has no {what}, so {member} cannot be kept"
            )
        });
    }

    fn refuse(&mut self, message: impl FnOnce() -> String) {
        if self.refusal.is_none() {
            self.refusal = Some(Box::new(TableAnswer::validation(&message())));
        }
    }
}

/// The operation that one item of a transaction needs, as on AWS.
fn transact_action(operation: TableOperation, member: &str) -> &'static str {
    match (operation, member) {
        (TableOperation::TransactGetItems, "Get") => "GetItem",
        (TableOperation::TransactWriteItems, "Put") => "PutItem",
        (TableOperation::TransactWriteItems, "Update") => "UpdateItem",
        (TableOperation::TransactWriteItems, "Delete") => "DeleteItem",
        (TableOperation::TransactWriteItems, "ConditionCheck") => "ConditionCheckItem",
        _ => operation.name(),
    }
}

/// A structure is an object and nothing else: what reads it behind us would take a list for one, member by member.
fn object(value: &mut Value) -> Result<&mut Map<String, Value>, TableAnswer> {
    value.as_object_mut().ok_or_else(unexpected_type)
}

fn text(value: &mut Value) -> Result<&mut String, TableAnswer> {
    let found = match value {
        Value::String(text) => return Ok(text),
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Array(_) | Value::Object(_) | Value::Null => return Err(unexpected_type()),
    };
    Err(TableAnswer::serialization(&format!(
        "{found} cannot be converted to String"
    )))
}

fn unreadable(error: Unreadable) -> TableAnswer {
    match error {
        Unreadable::NoObject => TableAnswer::serialization(""),
        Unreadable::TooDeep => TableAnswer::validation(
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond \
             supported limit",
        ),
        Unreadable::Repeated(name) => {
            TableAnswer::serialization(&format!("The member {} is there twice", shortened(&name)))
        }
    }
}

fn unexpected_type() -> TableAnswer {
    TableAnswer::serialization("Unexpected value type in payload")
}

fn not_found(name: &str) -> TableAnswer {
    TableAnswer::error(
        400,
        "ResourceNotFoundException",
        &format!(
            "Requested resource not found: Table: {} not found",
            shortened(name)
        ),
    )
}

fn malformed_arn(arn: &str) -> TableAnswer {
    TableAnswer::validation(&format!(
        "Invalid TableArn: Invalid ResourceArn provided as input {}",
        shortened(arn)
    ))
}

/// AWS's answer to a resource that has no account.
fn no_arn(operation: TableOperation, text: &str) -> TableAnswer {
    TableAnswer::framework_error(
        400,
        "AccessDeniedException",
        &format!(
            "Not authorized to perform: dynamodb:{} on resource: {}",
            operation.name(),
            shortened(text)
        ),
    )
}

/// What of a client's text is repeated to it.
pub(crate) fn shortened(text: &str) -> &str {
    let end = text
        .char_indices()
        .map(|(at, _)| at)
        .find(|&at| at >= 255)
        .unwrap_or(text.len());
    &text[..end]
}
