//! Leases in a DynamoDB table, row by row as the KCL 2.x keeps them.
//!
//! Conditions are the KCL's (the counter that was last seen), written as expressions, and the shard that the row was made
//! for: a row that was removed and made anew counts from 0 again. Renewals, checkpoints and releases also name the owner,
//! which is never weaker: in this layout nobody changes the owner without raising the counter.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ReturnValue,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TableStatus,
};
use futures::FutureExt;

use super::expressions::Expressions;
use super::row::{self, number, text};
use super::{Conditional, LeaseTable, LeaseTableError, TableFuture};
use crate::{Checkpoint, Lease};

/// How often the state of a table that is being made is looked at.
const TABLE_POLL: Duration = Duration::from_millis(500);
/// How long a table may take to become usable.
const TABLE_WAIT_MAX: Duration = Duration::from_secs(600);

/// Leases in a DynamoDB table (AWS's or Millstream's).
#[derive(Debug, Clone)]
pub struct DynamoDbLeaseTable {
    client: Client,
    table: String,
}

/// Whether a write raises the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Yes,
    No,
}

impl DynamoDbLeaseTable {
    /// Leases in the table of this name; it need not exist yet.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// Runs the update if the row's counter and shard (and owner, if `owner_matters`) are those of `seen`; raises the
    /// counter if the write counts.
    fn write(
        &self,
        seen: &Lease,
        owner_matters: bool,
        counts: Counts,
        mut update: Expressions,
    ) -> TableFuture<Conditional> {
        let mut condition = update.is_as_seen(seen);
        if owner_matters {
            condition.push_str(&update.has_owners_of(seen));
        }
        if counts == Counts::Yes {
            let next = number(seen.lease_counter.saturating_add(1));
            update.set(row::LEASE_COUNTER, next);
        }
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(row::LEASE_KEY, text(&seen.lease_key))
            .update_expression(update.update())
            .condition_expression(condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let (this, key) = (self.clone(), seen.lease_key.clone());
        async move {
            match request.send().await {
                Ok(output) => {
                    let lease = output.attributes().and_then(row::decode);
                    match lease {
                        Some(lease) => Ok(Conditional::Done(lease)),
                        // The write was made, but the row is not a lease any more: it was deleted by hand.
                        None => Ok(Conditional::Refused(None)),
                    }
                }
                Err(error) => this.refused(error, &key).await,
            }
        }
        .boxed()
    }

    async fn refused(
        &self,
        error: SdkError<UpdateItemError>,
        lease_key: &str,
    ) -> Result<Conditional, LeaseTableError> {
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                match refusal.item() {
                    Some(item) => Ok(Conditional::Refused(row::decode(item))),
                    // Services that do not return the row: read it.
                    None => Ok(Conditional::Refused(self.get(lease_key).await?)),
                }
            }
            _ => Err(self.failed(error)),
        }
    }

    fn failed<E>(&self, error: SdkError<E>) -> LeaseTableError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let table = self.table.clone();
        match error.code() {
            Some("ResourceNotFoundException") => LeaseTableError::Missing(table),
            Some(
                "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "RequestLimitExceeded",
            ) => LeaseTableError::Throttled(table),
            _ => LeaseTableError::Unavailable {
                table,
                source: error.into_source().unwrap_or_else(|error| error.into()),
            },
        }
    }

    async fn status(&self) -> Result<Option<TableStatus>, LeaseTableError> {
        let answer = self
            .client
            .describe_table()
            .table_name(&self.table)
            .send()
            .await;
        match answer {
            Ok(output) => Ok(output
                .table()
                .and_then(|table| table.table_status().cloned())),
            Err(error) => match self.failed(error) {
                LeaseTableError::Missing(_) => Ok(None),
                other => Err(other),
            },
        }
    }

    async fn create_table(&self) -> Result<(), LeaseTableError> {
        let key = KeySchemaElement::builder()
            .attribute_name(row::LEASE_KEY)
            .key_type(KeyType::Hash)
            .build()
            .expect("name and type are set");
        let attribute = AttributeDefinition::builder()
            .attribute_name(row::LEASE_KEY)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("name and type are set");
        let request = self
            .client
            .create_table()
            .table_name(&self.table)
            .key_schema(key)
            .attribute_definitions(attribute)
            .billing_mode(BillingMode::PayPerRequest);
        match request.send().await {
            Ok(_) => Ok(()),
            // Another worker was faster.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl LeaseTable for DynamoDbLeaseTable {
    fn ensure_exists(&self) -> TableFuture<()> {
        let this = self.clone();
        async move {
            let give_up = tokio::time::Instant::now() + TABLE_WAIT_MAX;
            if this.status().await?.is_none() {
                this.create_table().await?;
            }
            loop {
                match this.status().await? {
                    Some(TableStatus::Active | TableStatus::Updating) => return Ok(()),
                    _ if tokio::time::Instant::now() >= give_up => {
                        return Err(LeaseTableError::TimedOut);
                    }
                    _ => tokio::time::sleep(TABLE_POLL).await,
                }
            }
        }
        .boxed()
    }

    fn list(&self) -> TableFuture<Vec<Lease>> {
        let this = self.clone();
        async move {
            let mut leases = Vec::new();
            let mut start = None;
            loop {
                let request = this
                    .client
                    .scan()
                    .table_name(&this.table)
                    .set_exclusive_start_key(start);
                let page = request.send().await.map_err(|error| this.failed(error))?;
                leases.extend(page.items().iter().filter_map(row::decode));
                match page.last_evaluated_key {
                    Some(key) if !key.is_empty() => start = Some(key),
                    _ => break,
                }
            }
            leases.sort_by(|a, b| a.lease_key.cmp(&b.lease_key));
            Ok(leases)
        }
        .boxed()
    }

    fn get(&self, lease_key: &str) -> TableFuture<Option<Lease>> {
        let this = self.clone();
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(row::LEASE_KEY, text(lease_key))
            .consistent_read(true);
        async move {
            let output = request.send().await.map_err(|error| this.failed(error))?;
            Ok(output.item().and_then(row::decode))
        }
        .boxed()
    }

    fn create(&self, lease: Lease) -> TableFuture<bool> {
        let this = self.clone();
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row::encode(&lease)))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", row::LEASE_KEY);
        async move {
            match request.send().await {
                Ok(_) => Ok(true),
                Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
                Err(error) => Err(this.failed(error)),
            }
        }
        .boxed()
    }

    fn renew(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.write(lease, true, Counts::Yes, Expressions::default())
    }

    fn hand_over(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        let Some(holder) = &lease.lease_owner else {
            let refused = self.get(&lease.lease_key);
            return async move { Ok(Conditional::Refused(refused.await?)) }.boxed();
        };
        let mut update = Expressions::default();
        update.set(row::LEASE_OWNER, text(worker_id));
        update.set(row::CHECKPOINT_OWNER, text(holder));
        let seen = Lease {
            checkpoint_owner: None,
            ..lease.clone()
        };
        self.write(&seen, true, Counts::No, update)
    }

    fn take(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        let mut update = Expressions::default();
        update.set(row::LEASE_OWNER, text(worker_id));
        update.remove(row::CHECKPOINT_OWNER);
        if !lease.is_owned_by(worker_id) {
            update.add(row::OWNER_SWITCHES, 1);
        }
        self.write(lease, false, Counts::Yes, update)
    }

    fn update(&self, lease: &Lease) -> TableFuture<Conditional> {
        let mut update = Expressions::default();
        let set_checkpoint = |update: &mut Expressions, name, sub, checkpoint: &Checkpoint| {
            update.set(name, text(checkpoint.text()));
            update.set(sub, number(checkpoint.sub_sequence_number()));
        };
        set_checkpoint(
            &mut update,
            row::CHECKPOINT,
            row::CHECKPOINT_SUB,
            &lease.checkpoint,
        );
        update.set(row::OWNER_SWITCHES, number(0));
        match &lease.pending_checkpoint {
            Some(pending) => {
                set_checkpoint(
                    &mut update,
                    row::PENDING,
                    row::PENDING_SUB,
                    &pending.checkpoint,
                );
                match &pending.state {
                    Some(state) => update.set(row::PENDING_STATE, row::bytes(state)),
                    None => update.remove(row::PENDING_STATE),
                }
            }
            None => {
                for name in [row::PENDING, row::PENDING_SUB, row::PENDING_STATE] {
                    update.remove(name);
                }
            }
        }
        if !lease.child_shard_ids.is_empty() {
            update.set(row::CHILDREN, row::shard_ids(&lease.child_shard_ids));
        }
        match lease.latest_at {
            Some(moment) => update.set(row::LATEST_AT, number(moment.0)),
            None => update.remove(row::LATEST_AT),
        }
        self.write(lease, true, Counts::Yes, update)
    }

    fn release(&self, lease: &Lease) -> TableFuture<Conditional> {
        let mut update = Expressions::default();
        if lease.checkpoint_owner.is_some() {
            update.remove(row::CHECKPOINT_OWNER);
            update.add(row::OWNER_SWITCHES, 1);
        }
        if lease.checkpoint_owner.is_none() || lease.is_finished() {
            update.remove(row::LEASE_OWNER);
        }
        self.write(lease, true, Counts::Yes, update)
    }

    fn restart(&self, seen: &Lease, fresh: Lease) -> TableFuture<Conditional> {
        let this = self.clone();
        let fresh = Lease {
            lease_key: seen.lease_key.clone(),
            lease_counter: seen.lease_counter.saturating_add(1),
            ..fresh
        };
        let mut expressions = Expressions::default();
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row::encode(&fresh)))
            .condition_expression(expressions.is_as_seen(seen))
            .set_expression_attribute_names(Some(expressions.names))
            .set_expression_attribute_values(Some(expressions.values));
        async move {
            match request.send().await {
                Ok(_) => Ok(Conditional::Done(fresh)),
                Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                    Ok(Conditional::Refused(this.get(&fresh.lease_key).await?))
                }
                Err(error) => Err(this.failed(error)),
            }
        }
        .boxed()
    }

    fn remove(&self, seen: &Lease) -> TableFuture<bool> {
        let this = self.clone();
        let mut expressions = Expressions::default();
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(row::LEASE_KEY, text(&seen.lease_key))
            .condition_expression(expressions.is_as_seen(seen))
            .set_expression_attribute_names(Some(expressions.names))
            .set_expression_attribute_values(Some(expressions.values));
        async move {
            match request.send().await {
                Ok(_) => Ok(true),
                Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
                Err(error) => Err(this.failed(error)),
            }
        }
        .boxed()
    }

    fn delete_finished(&self, seen: &Lease) -> TableFuture<()> {
        let this = self.clone();
        let mut expressions = Expressions::default();
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(row::LEASE_KEY, text(&seen.lease_key))
            .condition_expression(expressions.is_finished(seen))
            .set_expression_attribute_names(Some(expressions.names))
            .set_expression_attribute_values(Some(expressions.values));
        async move {
            match request.send().await {
                Ok(_) => Ok(()),
                Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
                Err(error) => Err(this.failed(error)),
            }
        }
        .boxed()
    }
}
