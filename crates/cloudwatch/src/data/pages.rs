//! Results in pages: a page ends with its last point, and the next one goes on behind it.

use super::{DATAPOINTS_MAX, TimeSeries};
use crate::members::Members;
use crate::{CloudWatchError, ErrorCode, Output, page_token};

/// Which points of the results are asked for, and in which order.
#[derive(Debug)]
pub(super) struct Pages {
    is_ascending: bool,
    points_max: usize,
    /// Points of the pages before.
    skip: usize,
}

impl Pages {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, CloudWatchError> {
        let is_ascending = match members.text("ScanBy")? {
            None | Some("TimestampDescending") => false,
            Some("TimestampAscending") => true,
            Some(other) => return Err(CloudWatchError::invalid("ScanBy", other)),
        };
        let points_max = match members.whole("MaxDatapoints")? {
            None => DATAPOINTS_MAX,
            Some(max) => match usize::try_from(max) {
                Ok(max @ 1..=DATAPOINTS_MAX) => max,
                _ => return Err(CloudWatchError::invalid("MaxDatapoints", &max.to_string())),
            },
        };
        let skip = members.text("NextToken")?.map(|token| {
            page_token::points(token).ok_or_else(|| {
                CloudWatchError::new(ErrorCode::InvalidNextToken, "The NextToken is invalid.")
            })
        });
        Ok(Self {
            is_ascending,
            points_max,
            skip: skip.transpose()?.unwrap_or(0),
        })
    }

    /// The page of all results. The first page names each of them, even those without points.
    pub(super) fn cut(&self, results: Vec<(String, TimeSeries)>) -> Output {
        let (mut skip, mut left) = (self.skip, self.points_max);
        let mut page = Vec::new();
        let mut is_last = true;
        for (id, series) in results {
            let points = series.points.len();
            let skipped = skip.min(points);
            skip -= skipped;
            let taken = left.min(points - skipped);
            left -= taken;
            let is_complete = skipped + taken == points;
            is_last &= is_complete;
            let is_of_earlier_page = self.skip > 0 && taken == 0 && is_complete;
            if is_of_earlier_page {
                continue;
            }
            page.push(self.result(id, &series, skipped, taken, is_complete));
        }
        let mut answer = vec![("MetricDataResults", Output::List(page))];
        if !is_last {
            let next = self.skip + self.points_max;
            answer.push(("NextToken", Output::Text(page_token::after_points(next))));
        }
        answer.push(("Messages", Output::List(Vec::new())));
        Output::Structure(answer)
    }

    fn result(
        &self,
        id: String,
        series: &TimeSeries,
        skipped: usize,
        taken: usize,
        is_complete: bool,
    ) -> Output {
        let mut points = series.points.clone();
        if !self.is_ascending {
            points.reverse();
        }
        let points = &points[skipped..skipped + taken];
        let times = points.iter().map(|(secs, _)| Output::Time(*secs));
        let values = points.iter().map(|(_, value)| Output::Number(*value));
        let status = if is_complete {
            "Complete"
        } else {
            "PartialData"
        };
        Output::Structure(vec![
            ("Id", Output::Text(id)),
            ("Label", Output::text(series.label.clone())),
            ("Timestamps", Output::List(times.collect())),
            ("Values", Output::List(values.collect())),
            ("StatusCode", Output::text(status)),
        ])
    }
}
