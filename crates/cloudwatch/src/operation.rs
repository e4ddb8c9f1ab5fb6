//! The operations that are here.

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Data of metrics, and arithmetic on them.
    GetMetricData,
    /// Statistics of one metric.
    GetMetricStatistics,
    /// Which metrics there are.
    ListMetrics,
    /// Samples.
    PutMetricData,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::GetMetricData,
        Self::GetMetricStatistics,
        Self::ListMetrics,
        Self::PutMetricData,
    ];

    /// The operation of this name; `None` if it is not here.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.name() == name)
    }

    /// Its name: policies know it as `cloudwatch:` and this.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetMetricData => "GetMetricData",
            Self::GetMetricStatistics => "GetMetricStatistics",
            Self::ListMetrics => "ListMetrics",
            Self::PutMetricData => "PutMetricData",
        }
    }
}
