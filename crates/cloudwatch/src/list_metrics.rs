//! ListMetrics: which metrics have samples.

use millstream_metrics::{Listed, MetricStore, Owner};

use crate::members::Members;
use crate::{CloudWatchError, ErrorCode, Output, metric_names, page_token};

/// Metrics of a page.
const PAGE_MAX: usize = 500;
/// Most dimensions that a list is narrowed by.
const FILTERS_MAX: usize = 10;
/// How long ago a recently active metric had a sample at most, in minutes: three hours.
const RECENT_MINUTES: u32 = 3 * 60;

pub(crate) async fn list(
    store: &MetricStore,
    owner: &Owner,
    members: &Members<'_>,
) -> Result<Output, CloudWatchError> {
    let (namespace, name) = (members.text("Namespace")?, members.text("MetricName")?);
    let filters = filters(members)?;
    let active_since = match members.text("RecentlyActive")? {
        None => 0,
        Some("PT3H") => store.now().0.saturating_sub(RECENT_MINUTES),
        Some(other) => return Err(CloudWatchError::invalid("RecentlyActive", other)),
    };
    let after = members.text("NextToken")?.map(|token| {
        page_token::metric(token).ok_or_else(|| {
            CloudWatchError::new(ErrorCode::InvalidNextToken, "The NextToken is invalid.")
        })
    });
    let after = after.transpose()?;
    let with_owners = members.flag("IncludeLinkedAccounts")? == Some(true);
    let of_account = members.text("OwningAccount")?;
    let is_own = of_account.is_none_or(|account| account == owner.account.as_str());
    let is_wanted = |listed: &Listed| {
        let metric = &listed.metric;
        is_own
            && namespace.is_none_or(|namespace| metric.namespace() == namespace)
            && name.is_none_or(|name| metric.name() == name)
            && listed.last.0 >= active_since
            && filters.iter().all(|(name, value)| {
                let found = metric.dimension(name);
                found.is_some() && (value.is_none() || found == *value)
            })
    };
    let (listed, more) = store
        .list(owner, after.as_ref(), PAGE_MAX, is_wanted)
        .await?;
    let metrics = listed
        .iter()
        .map(|listed| metric_names::output(&listed.metric));
    let mut answer = vec![("Metrics", Output::List(metrics.collect()))];
    if let Some(last) = listed.last().filter(|_| more) {
        answer.push((
            "NextToken",
            Output::Text(page_token::after_metric(&last.metric)),
        ));
    }
    if with_owners {
        let accounts = listed.iter().map(|_| Output::text(owner.account.as_str()));
        answer.push(("OwningAccounts", Output::List(accounts.collect())));
    }
    Ok(Output::Structure(answer))
}

/// Names of dimensions, and values where one is asked for.
fn filters<'a>(members: &Members<'a>) -> Result<Vec<(&'a str, Option<&'a str>)>, CloudWatchError> {
    let filters = members.structures("Dimensions")?.unwrap_or_default();
    if filters.len() > FILTERS_MAX {
        return Err(CloudWatchError::value(format!(
            "The collection Dimensions must not have a size greater than {FILTERS_MAX}."
        )));
    }
    let filters = filters.iter();
    let filters = filters.map(|filter| Ok((filter.needed_text("Name")?, filter.text("Value")?)));
    filters.collect()
}
