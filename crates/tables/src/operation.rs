//! The table service's operations.

impl TableOperation {
    /// Whether it writes nothing, whatever it is given.
    pub(crate) fn is_read(self) -> bool {
        matches!(
            self,
            Self::BatchGetItem
                | Self::DescribeContinuousBackups
                | Self::DescribeEndpoints
                | Self::DescribeTable
                | Self::DescribeTimeToLive
                | Self::GetItem
                | Self::ListTables
                | Self::ListTagsOfResource
                | Self::Query
                | Self::Scan
                | Self::TransactGetItems
        )
    }

    /// Whether it changes tables themselves rather than what is in them.
    pub fn is_control(self) -> bool {
        matches!(
            self,
            Self::CreateTable
                | Self::DeleteTable
                | Self::TagResource
                | Self::UntagResource
                | Self::UpdateContinuousBackups
                | Self::UpdateTable
                | Self::UpdateTimeToLive
        )
    }
}

macro_rules! operations {
    ($($name:ident,)*) => {
        /// An operation on tables.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum TableOperation {
            $(#[doc = concat!("`", stringify!($name), "`")] $name,)*
        }

        impl TableOperation {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The operation with this name; upper and lower case matter.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

operations! {
    BatchExecuteStatement,
    BatchGetItem,
    BatchWriteItem,
    CreateTable,
    DeleteItem,
    DeleteTable,
    DescribeContinuousBackups,
    DescribeEndpoints,
    DescribeTable,
    DescribeTimeToLive,
    ExecuteStatement,
    ExecuteTransaction,
    GetItem,
    ListTables,
    ListTagsOfResource,
    PutItem,
    Query,
    Scan,
    TagResource,
    TransactGetItems,
    TransactWriteItems,
    UntagResource,
    UpdateContinuousBackups,
    UpdateItem,
    UpdateTable,
    UpdateTimeToLive,
}
