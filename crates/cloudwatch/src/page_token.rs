//! Tokens of pages: where the next page begins. They are no secret; a token that was not given is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millstream_metrics::{Dimension, Metric};

/// Between the texts of a token; names have no such letter.
const SEPARATOR: char = '\u{1f}';
const METRIC: &str = "m1";
const POINTS: &str = "p1";

/// The page behind a metric.
pub(crate) fn after_metric(metric: &Metric) -> String {
    let mut texts = vec![METRIC, metric.namespace(), metric.name()];
    for dimension in metric.dimensions() {
        texts.extend([&*dimension.name, &*dimension.value]);
    }
    encode(&texts)
}

/// The metric of a token.
pub(crate) fn metric(token: &str) -> Option<Metric> {
    let texts = decode(token)?;
    let [METRIC, namespace, name, dimensions @ ..] =
        &*texts.iter().map(String::as_str).collect::<Vec<_>>()
    else {
        return None;
    };
    let (pairs, []) = dimensions.as_chunks::<2>() else {
        return None;
    };
    let dimensions = pairs.iter().map(|[name, value]| Dimension {
        name: (*name).into(),
        value: (*value).into(),
    });
    Metric::new(namespace, name, dimensions.collect()).ok()
}

/// The page behind so many points.
pub(crate) fn after_points(points: usize) -> String {
    encode(&[POINTS, &points.to_string()])
}

/// The number of points of a token.
pub(crate) fn points(token: &str) -> Option<usize> {
    match &*decode(token)? {
        [kind, points] if kind == POINTS => points.parse().ok(),
        _ => None,
    }
}

fn encode(texts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(texts.join(&SEPARATOR.to_string()))
}

fn decode(token: &str) -> Option<Vec<String>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.split(SEPARATOR).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_say_where_to_go_on_and_others_say_nothing() {
        let dimension = Dimension {
            name: "StreamName".into(),
            value: "trades".into(),
        };
        let one = Metric::new("AWS/Kinesis", "IncomingBytes", vec![dimension]).unwrap();
        assert_eq!(metric(&after_metric(&one)), Some(one.clone()));
        assert_eq!(points(&after_points(17)), Some(17));
        assert_eq!(
            (points(&after_metric(&one)), metric(&after_points(17))),
            (None, None)
        );
        for bad in ["", "a", "%%%", "bTE"] {
            assert_eq!((points(bad), metric(bad)), (None, None), "{bad}");
        }
    }
}
