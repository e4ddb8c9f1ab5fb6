//! Which service answers: the list of those behind the port. Each is one file, or one folder, and knows no other.

use crate::absent::Absent;
use crate::cloudwatch::CloudWatchEdge;
use crate::edge::{Arriving, Front, PortService, PortServices, Served};
use crate::http::Unanswerable;
use crate::kinesis::Kinesis;
use crate::sts::Sts;
use crate::tables::TablesEdge;

/// The services. The hot one is awaited in place; the others in a box, so that a connection does not have to hold room
/// for the largest of them.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) kinesis: Kinesis,
    pub(crate) tables: TablesEdge,
    pub(crate) cloudwatch: CloudWatchEdge,
    pub(crate) sts: Sts,
    pub(crate) absent: Absent,
}

impl PortServices for Services {
    async fn serve(&self, front: &Front, request: Arriving<'_>) -> Result<Served, Unanswerable> {
        let head = request.head;
        if self.kinesis.claims(head) {
            front.serve(&self.kinesis, request).await
        } else if self.tables.claims(head) {
            Box::pin(front.serve(&self.tables, request)).await
        } else if self.cloudwatch.claims(head) {
            Box::pin(front.serve(&self.cloudwatch, request)).await
        } else if self.sts.claims(head) {
            Box::pin(front.serve(&self.sts, request)).await
        } else if self.absent.claims(head) {
            Box::pin(front.serve(&self.absent, request)).await
        } else {
            // What is nobody's gets what AWS answers at this service's address.
            Box::pin(front.serve(&self.kinesis, request)).await
        }
    }
}
