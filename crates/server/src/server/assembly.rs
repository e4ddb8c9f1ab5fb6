//! The edge, of everything that is behind it.

use std::sync::Arc;

use millstream_cloudwatch::CloudWatch;
use millstream_log::LogEngine;
use millstream_metrics::StreamMetrics;
use millstream_streams::StreamService;
use millstream_tables::TableService;
use millstream_types::CallRecorder;

use crate::absent::Absent;
use crate::audit::Audit;
use crate::cloudwatch::CloudWatchEdge;
use crate::console::Console;
use crate::edge::{
    Access, Authenticator, Edge, Front, Health, Pages, Recorders, RequestIds, RequestLog,
};
use crate::http::{ByteBudget, Shared};
use crate::kinesis::Kinesis;
use crate::metrics::{CallMetrics, MetricsPage, Watched};
use crate::services::Services;
use crate::settings::Settings;
use crate::sts::Sts;
use crate::tables::TablesEdge;

/// What the edge is made of.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) ids: RequestIds,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) audit: &'a Arc<Audit>,
    pub(super) engine: &'a Arc<dyn LogEngine>,
    pub(super) streams: &'a StreamService,
    pub(super) stream_metrics: Arc<StreamMetrics>,
    pub(super) tables: &'a TableService,
    pub(super) cloudwatch: CloudWatch,
    pub(super) connections: &'a Shared,
    pub(super) health: Health,
}

pub(super) fn edge(parts: Parts<'_>) -> Edge<Services> {
    let (settings, streams, audit) = (parts.settings, parts.streams, parts.audit);
    let bodies = ByteBudget::new(settings.http.bodies_bytes_max);
    let answers = ByteBudget::new(settings.http.answers_bytes_max);
    let calls = Arc::new(CallMetrics::default());
    let watched = Watched {
        engine: Arc::clone(parts.engine),
        streams: streams.clone(),
        stream_metrics: parts.stream_metrics,
        budgets: [
            ("bodies", Arc::clone(&bodies)),
            ("answers", Arc::clone(&answers)),
            ("requests", Arc::clone(&parts.connections.requests)),
        ],
        connections: parts.connections.connections.clone(),
    };
    let metrics = MetricsPage::new(Arc::clone(&calls), watched);
    Edge {
        access: Access::new(settings.cors_origin.clone(), settings.access_keys.is_none()),
        ids: Arc::new(parts.ids),
        front: Front {
            authenticator: parts.authenticator,
            bodies: Arc::clone(&bodies),
            is_audited: audit.is_on(),
        },
        services: Services {
            kinesis: Kinesis {
                streams: streams.clone(),
                answers: Arc::clone(&answers),
                subscriber_timeout: settings.http.write_timeout,
            },
            tables: TablesEdge {
                bodies: Arc::clone(&bodies),
                answers: Arc::clone(&answers),
                tables: parts.tables.clone(),
            },
            cloudwatch: CloudWatchEdge {
                cloudwatch: parts.cloudwatch,
                bodies,
                answers,
            },
            sts: Sts,
            absent: Absent,
        },
        pages: Arc::new(Pages(vec![Box::new(parts.health), Box::new(metrics)])),
        site: settings.has_console.then(|| Box::new(Console) as _),
        recorders: recorders(audit, calls),
    }
}

/// Who hears of calls, one after the other.
fn recorders(audit: &Arc<Audit>, calls: Arc<CallMetrics>) -> Recorders {
    let audit: Arc<dyn CallRecorder> = Arc::<Audit>::clone(audit);
    Recorders(vec![audit, Arc::new(RequestLog), calls])
}
