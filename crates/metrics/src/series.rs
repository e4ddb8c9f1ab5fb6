//! What a series is called.

use std::sync::Arc;

use millstream_types::{AccountId, Region};

use crate::Unit;
use crate::codec::{Malformed, Reader, Writer};

/// Longest namespace, name of a metric, name of a dimension; in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Longest value of a dimension, in bytes.
const DIMENSION_VALUE_BYTES_MAX: usize = 1024;

/// Whose metrics they are. Nobody sees another's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

/// A name and a value that tell metrics of one name apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dimension {
    /// 1 to 255 bytes; unique in its metric.
    pub name: Arc<str>,
    /// 1 to 1,024 bytes.
    pub value: Arc<str>,
}

/// A metric: namespace, name and dimensions. Valid if it exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    namespace: Arc<str>,
    name: Arc<str>,
    /// In order of their names, so that the order in which they were sent does not matter.
    dimensions: Arc<[Dimension]>,
}

/// These are no names of a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetric {
    /// A namespace of 0 or of more than 255 bytes.
    #[error("a namespace has 1 to 255 characters")]
    Namespace,
    /// A name of 0 or of more than 255 bytes.
    #[error("a metric's name has 1 to 255 characters")]
    Name,
    /// More than [`Metric::DIMENSIONS_MAX`].
    #[error("a metric has at most 30 dimensions")]
    Dimensions,
    /// A dimension's name of 0 or of more than 255 bytes.
    #[error("a dimension's name has 1 to 255 characters")]
    DimensionName,
    /// A dimension's value of 0 or of more than 1,024 bytes.
    #[error("a dimension's value has 1 to 1024 characters")]
    DimensionValue,
    /// Two dimensions of one name.
    #[error("two dimensions have one name")]
    SameDimension,
}

impl Metric {
    /// Most dimensions of a metric.
    pub const DIMENSIONS_MAX: usize = 30;

    /// A metric of these names; the order of the dimensions does not matter.
    ///
    /// # Errors
    /// If a name is too short or too long, or there are too many dimensions, or two of one name.
    pub fn new(
        namespace: &str,
        name: &str,
        mut dimensions: Vec<Dimension>,
    ) -> Result<Self, InvalidMetric> {
        let is_within = |text: &str, max: usize| (1..=max).contains(&text.len());
        if !is_within(namespace, NAME_BYTES_MAX) {
            return Err(InvalidMetric::Namespace);
        }
        if !is_within(name, NAME_BYTES_MAX) {
            return Err(InvalidMetric::Name);
        }
        if dimensions.len() > Self::DIMENSIONS_MAX {
            return Err(InvalidMetric::Dimensions);
        }
        for dimension in &dimensions {
            if !is_within(&dimension.name, NAME_BYTES_MAX) {
                return Err(InvalidMetric::DimensionName);
            }
            if !is_within(&dimension.value, DIMENSION_VALUE_BYTES_MAX) {
                return Err(InvalidMetric::DimensionValue);
            }
        }
        dimensions.sort_unstable();
        if dimensions
            .windows(2)
            .any(|pair| pair[0].name == pair[1].name)
        {
            return Err(InvalidMetric::SameDimension);
        }
        Ok(Self {
            namespace: namespace.into(),
            name: name.into(),
            dimensions: dimensions.into(),
        })
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its dimensions, in order of their names.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The value of its dimension of this name.
    pub fn dimension(&self, name: &str) -> Option<&str> {
        let found = self
            .dimensions
            .iter()
            .find(|dimension| &*dimension.name == name);
        found.map(|dimension| &*dimension.value)
    }
}

/// What samples are merged for: a metric of an owner, in one unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Whose it is.
    pub owner: Owner,
    /// What is measured.
    pub metric: Metric,
    /// In which unit.
    pub unit: Unit,
}

impl Series {
    /// Not behind any series of an owner. No series itself: it has no names.
    pub(crate) fn first_of(owner: &Owner) -> Self {
        Self {
            owner: owner.clone(),
            metric: Metric {
                namespace: "".into(),
                name: "".into(),
                dimensions: [].into(),
            },
            unit: Unit::NONE,
        }
    }

    /// What the names take, in memory as in the checkpoint, counted so that it is never too little.
    pub(crate) fn cost_bytes(&self) -> usize {
        let metric = &self.metric;
        let dimensions = metric.dimensions.iter();
        let dimensions =
            dimensions.map(|dimension| dimension.name.len() + dimension.value.len() + 80);
        let own = metric.namespace.len() + metric.name.len() + dimensions.sum::<usize>();
        // The row, its place in two maps, and the counters of the shared texts.
        own + 384
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.text(self.owner.account.as_str());
        out.text(self.owner.region.as_str());
        out.byte(self.unit.code());
        out.text(&self.metric.namespace);
        out.text(&self.metric.name);
        out.length(self.metric.dimensions.len());
        for dimension in &*self.metric.dimensions {
            out.text(&dimension.name);
            out.text(&dimension.value);
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let owner = Owner {
            account: from.text()?.parse().map_err(|_| Malformed)?,
            region: from.text()?.parse().map_err(|_| Malformed)?,
        };
        let unit = Unit::from_code(from.byte()?).ok_or(Malformed)?;
        let (namespace, name) = (from.text()?, from.text()?);
        let count = from.length(Metric::DIMENSIONS_MAX)?;
        let mut dimensions = Vec::with_capacity(count);
        for _ in 0..count {
            dimensions.push(Dimension {
                name: from.text()?.into(),
                value: from.text()?.into(),
            });
        }
        Ok(Self {
            owner,
            metric: Metric::new(namespace, name, dimensions).map_err(|_| Malformed)?,
            unit,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn series(name: &str) -> Series {
        Series {
            owner: Owner {
                account: "000000000000".parse().unwrap(),
                region: "us-east-1".parse().unwrap(),
            },
            metric: Metric::new("Test", name, vec![dimension("a", "1")]).unwrap(),
            unit: Unit::COUNT,
        }
    }

    fn dimension(name: &str, value: &str) -> Dimension {
        Dimension {
            name: name.into(),
            value: value.into(),
        }
    }

    #[test]
    fn the_order_of_dimensions_does_not_matter_and_their_bounds_do() {
        let (a, b) = (dimension("a", "1"), dimension("b", "2"));
        let one = Metric::new("n", "m", vec![a.clone(), b.clone()]);
        assert_eq!(one, Metric::new("n", "m", vec![b, a.clone()]));
        let refused = |namespace: &str, name: &str, dimensions: Vec<Dimension>| {
            Metric::new(namespace, name, dimensions).unwrap_err()
        };
        let long = "x".repeat(256);
        assert_eq!(refused("", "m", vec![]), InvalidMetric::Namespace);
        assert_eq!(refused("n", &long, vec![]), InvalidMetric::Name);
        assert_eq!(
            refused("n", "m", vec![a.clone(); 2]),
            InvalidMetric::SameDimension
        );
        assert_eq!(refused("n", "m", vec![a; 31]), InvalidMetric::Dimensions);
        assert_eq!(
            refused("n", "m", vec![dimension(&long, "v")]),
            InvalidMetric::DimensionName
        );
        assert_eq!(
            refused("n", "m", vec![dimension("d", "")]),
            InvalidMetric::DimensionValue
        );
    }

    #[test]
    fn a_series_comes_back_as_it_was_written() {
        let mut out = Writer::default();
        series("m").write(&mut out);
        let bytes = out.finish();
        assert_eq!(Series::read(&mut Reader::new(&bytes)), Ok(series("m")));
    }
}
