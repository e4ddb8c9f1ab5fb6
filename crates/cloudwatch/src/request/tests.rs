//! The service over a store in memory: what clients send in, what they read out.

use std::sync::Arc;

use millstream_log::contract::ManualClock;
use millstream_log::{MemoryEngine, MemorySettings};
use millstream_metrics::MetricSettings;
use millstream_types::{TimestampMs, WallClock};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::encode;

/// 2023-11-14 22:00 UTC.
const NOW_SECS: u64 = 1_699_999_200;

fn service() -> CloudWatch {
    let clock: Arc<dyn WallClock> = Arc::new(ManualClock::new(TimestampMs(NOW_SECS * 1000)));
    let engine = MemoryEngine::new(MemorySettings::default(), Arc::clone(&clock));
    let (store, writer) = MetricStore::new(Arc::new(engine), clock, MetricSettings::default());
    drop(tokio::spawn(writer.run(CancellationToken::new())));
    CloudWatch::new(store)
}

fn owner() -> Owner {
    Owner {
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    }
}

async fn call(
    service: &CloudWatch,
    name: &str,
    body: &str,
) -> Result<serde_json::Value, CloudWatchError> {
    let request = Request::read(Encoding::Json, Some(name), body.as_bytes())?;
    let answer = service.answer(&owner(), &request).await?;
    let encoded = encode(Encoding::Json, Some(request.operation()), &Ok(answer), "id");
    Ok(serde_json::from_slice(&encoded.body).unwrap())
}

async fn put(service: &CloudWatch, name: &str, minutes_ago: u64, datum: &str) {
    let time = NOW_SECS - minutes_ago * 60;
    let body = format!(
        r#"{{"Namespace":"Test","MetricData":[{{"MetricName":"{name}","Timestamp":{time},
        "Dimensions":[{{"Name":"Stream","Value":"s"}}],{datum}}}]}}"#
    );
    let answer = call(service, "PutMetricData", &body).await.unwrap();
    assert_eq!(answer, serde_json::json!({}));
}

/// The values of each result of a request with these queries over the last hour.
async fn data(
    service: &CloudWatch,
    queries: &str,
) -> Result<Vec<(String, Vec<f64>)>, CloudWatchError> {
    let body = format!(
        r#"{{"MetricDataQueries":[{queries}],"StartTime":{},"EndTime":{NOW_SECS},"ScanBy":"TimestampAscending"}}"#,
        NOW_SECS - 300
    );
    let answer = call(service, "GetMetricData", &body).await?;
    let results = answer["MetricDataResults"].as_array().unwrap().iter();
    let results = results.map(|result| {
        let values = result["Values"].as_array().unwrap().iter();
        let label = result["Label"].as_str().unwrap().to_owned();
        (label, values.map(|value| value.as_f64().unwrap()).collect())
    });
    Ok(results.collect())
}

fn stat(id: &str, name: &str, stat: &str, returned: bool) -> String {
    format!(
        r#"{{"Id":"{id}","ReturnData":{returned},"MetricStat":{{"Period":60,"Stat":"{stat}","Metric":{{
        "Namespace":"Test","MetricName":"{name}","Dimensions":[{{"Name":"Stream","Value":"s"}}]}}}}}}"#
    )
}

fn math(id: &str, expression: &str) -> String {
    let expression = expression.replace('"', "\\\"");
    format!(r#"{{"Id":"{id}","Expression":"{expression}"}}"#)
}

#[tokio::test]
async fn a_put_is_the_same_in_three_encodings() {
    let service = service();
    let form = format!(
        "Action=PutMetricData&Version=2010-08-01&Namespace=Test&MetricData.member.1.MetricName=m\
         &MetricData.member.1.Unit=Count&MetricData.member.1.Timestamp={}\
         &MetricData.member.1.Dimensions.member.1.Name=Stream&MetricData.member.1.Dimensions.member.1.Value=s\
         &MetricData.member.1.Values.member.1=1&MetricData.member.1.Values.member.2=3\
         &MetricData.member.1.Counts.member.1=2&MetricData.member.1.Counts.member.2=1",
        "2023-11-14T21%3A59%3A30Z"
    );
    let json = format!(
        r#"{{"Namespace":"Test","MetricData":[{{"MetricName":"m","Unit":"Count","Timestamp":{},
        "Dimensions":[{{"Name":"Stream","Value":"s"}}],"Values":[1,3.0],"Counts":[2,1]}}]}}"#,
        NOW_SECS - 30
    );
    let text = |text: &str| ciborium::value::Value::Text(text.to_owned());
    let list = ciborium::value::Value::Array;
    let map = |members: Vec<(&str, ciborium::value::Value)>| {
        let members = members.into_iter().map(|(name, value)| (text(name), value));
        ciborium::value::Value::Map(members.collect())
    };
    let time = ciborium::value::Value::Tag(1, Box::new((NOW_SECS - 30).into()));
    let datum = map(vec![
        ("MetricName", text("m")),
        ("Unit", text("Count")),
        ("Timestamp", time),
        (
            "Dimensions",
            list(vec![map(vec![
                ("Name", text("Stream")),
                ("Value", text("s")),
            ])]),
        ),
        ("Values", list(vec![1.into(), 3.0.into()])),
        ("Counts", list(vec![2.0.into(), 1.into()])),
    ]);
    let mut cbor = Vec::new();
    let body = map(vec![
        ("Namespace", text("Test")),
        ("MetricData", list(vec![datum])),
    ]);
    ciborium::into_writer(&body, &mut cbor).unwrap();
    let name = Some("PutMetricData");
    for (encoding, name, body) in [
        (Encoding::Query, None, form.as_bytes()),
        (Encoding::Json, name, json.as_bytes()),
        (Encoding::Cbor, name, &cbor[..]),
    ] {
        let request = Request::read(encoding, name, body).unwrap();
        service.answer(&owner(), &request).await.unwrap();
    }
    let queries = [
        stat("a", "m", "SampleCount", true),
        stat("b", "m", "Sum", true),
        stat("c", "m", "p50", true),
    ];
    let read = data(&service, &queries.join(",")).await.unwrap();
    let values: Vec<_> = read.into_iter().map(|(_, values)| values).collect();
    assert_eq!(values[..2], [vec![9.0], vec![15.0]]);
    assert!((values[2][0] - 1.0).abs() < 0.011, "{values:?}");
}

#[tokio::test]
async fn dashboards_arithmetic_is_done() {
    let service = service();
    for (ago, requests, errors) in [(5, 10, 1), (4, 20, 0), (2, 40, 4)] {
        put(&service, "requests", ago, &format!("\"Value\":{requests}")).await;
        put(&service, "errors", ago, &format!("\"Value\":{errors}")).await;
    }
    let metrics = [
        stat("m1", "requests", "Sum", false),
        stat("m2", "errors", "Sum", false),
    ]
    .join(",");
    let evaluate = async |expression: &str| {
        let queries = format!("{metrics},{}", math("e1", expression));
        data(&service, &queries).await.map(|results| {
            let values = results.into_iter().map(|(_, values)| values);
            values.collect::<Vec<_>>()
        })
    };
    for (expression, values) in [
        ("100 * m2 / m1", vec![vec![10.0, 0.0, 10.0]]),
        ("m1 + m2 - 1", vec![vec![10.0, 19.0, 43.0]]),
        ("FILL(m1, 0)", vec![vec![10.0, 20.0, 0.0, 40.0, 0.0]]),
        (
            "RATE(FILL(m1, 0)) * PERIOD(m1)",
            vec![vec![10.0, -20.0, 40.0, -40.0]],
        ),
        ("DIFF(m1)", vec![vec![10.0, 20.0]]),
        ("SUM(METRICS())", vec![vec![11.0, 20.0, 44.0]]),
        ("MAX([m1, m2]) - MIN([m1, m2])", vec![vec![9.0, 20.0, 36.0]]),
        (
            "m1 - AVG(m1)",
            vec![vec![
                10.0 - 70.0 / 3.0,
                20.0 - 70.0 / 3.0,
                40.0 - 70.0 / 3.0,
            ]],
        ),
        (
            "METRICS()",
            vec![vec![10.0, 20.0, 40.0], vec![1.0, 0.0, 4.0]],
        ),
        ("IF(m1 > 15, m1, 0)", vec![vec![0.0, 20.0, 40.0]]),
        (
            "SEARCH('{Test,Stream} MetricName=\"errors\"', 'Sum', 60)",
            vec![vec![1.0, 0.0, 4.0]],
        ),
        (
            "SUM(SEARCH('{Test,Stream}', 'SampleCount', 60))",
            vec![vec![2.0, 2.0, 2.0]],
        ),
        ("TIME_SERIES(7)", vec![vec![7.0; 5]]),
    ] {
        let told = evaluate(expression).await.unwrap();
        let is_near = |told: &Vec<f64>, expected: &Vec<f64>| {
            let pairs = told.iter().zip(expected);
            told.len() == expected.len()
                && pairs
                    .into_iter()
                    .all(|(told, expected)| (told - expected).abs() < 1e-9)
        };
        let are_near = told
            .iter()
            .zip(&values)
            .all(|(told, expected)| is_near(told, expected));
        assert!(
            told.len() == values.len() && are_near,
            "{expression}: {told:?}"
        );
    }
    for (expression, error) in [
        ("SUM(m1)", "a number is no result"),
        ("m3 * 2", "there is no query m3"),
        ("e1 + 1", "names itself"),
        ("NOPE(m1)", "there is no function NOPE"),
        ("RATE(1)", "other arguments"),
        ("METRICS() * METRICS()", "no arithmetic"),
        ("m1 +", "ends too early"),
    ] {
        let failed = evaluate(expression).await.unwrap_err();
        assert_eq!(failed.code, ErrorCode::Validation, "{expression}");
        assert!(failed.message.contains(error), "{expression}: {failed}");
    }
}

#[tokio::test]
async fn pages_of_data_hold_every_point_once_in_either_order() {
    let service = service();
    for ago in 1..=5 {
        put(&service, "a", ago, &format!("\"Value\":{ago}")).await;
        put(&service, "b", ago, &format!("\"Value\":{}", 10 * ago)).await;
    }
    for (order, expected) in [
        ("TimestampAscending", [5.0, 4.0, 3.0, 2.0, 1.0]),
        ("TimestampDescending", [1.0, 2.0, 3.0, 4.0, 5.0]),
    ] {
        let mut token = String::new();
        let mut values = std::collections::BTreeMap::<String, Vec<f64>>::new();
        for page in 1.. {
            let body = format!(
                r#"{{"MetricDataQueries":[{},{}],"StartTime":{},"EndTime":{NOW_SECS},"ScanBy":"{order}","MaxDatapoints":3{token}}}"#,
                stat("a", "a", "Sum", true),
                stat("b", "b", "Sum", true),
                NOW_SECS - 300
            );
            let answer = call(&service, "GetMetricData", &body).await.unwrap();
            for result in answer["MetricDataResults"].as_array().unwrap() {
                let more = result["Values"].as_array().unwrap().iter();
                let id = result["Id"].as_str().unwrap().to_owned();
                values
                    .entry(id)
                    .or_default()
                    .extend(more.map(|value| value.as_f64().unwrap()));
            }
            match answer["NextToken"].as_str() {
                Some(next) => token = format!(",\"NextToken\":\"{next}\""),
                None => {
                    assert_eq!(page, 4);
                    break;
                }
            }
        }
        assert_eq!(values["a"], expected);
        assert_eq!(values["b"], expected.map(|value| 10.0 * value));
    }
}

#[tokio::test]
async fn statistics_have_a_point_for_each_period_and_unit() {
    let service = service();
    put(
        &service,
        "m",
        3,
        r#""Unit":"Bytes","StatisticValues":{"SampleCount":4,"Sum":10,"Minimum":1,"Maximum":4}"#,
    )
    .await;
    put(&service, "m", 2, r#""Unit":"Bytes","Value":6"#).await;
    put(&service, "m", 2, r#""Unit":"Count","Value":1"#).await;
    let get = async |more: &str| {
        let body = format!(
            r#"{{"Namespace":"Test","MetricName":"m","Dimensions":[{{"Name":"Stream","Value":"s"}}],
            "StartTime":{},"EndTime":{NOW_SECS},{more}}}"#,
            NOW_SECS - 600
        );
        call(&service, "GetMetricStatistics", &body).await
    };
    let all = r#""Period":600,"Unit":"Bytes","Statistics":["SampleCount","Average","Sum","Minimum","Maximum"]"#;
    let answer = get(all).await.unwrap();
    let point = serde_json::json!({"Timestamp": NOW_SECS - 600, "SampleCount": 5.0, "Average": 3.2, "Sum": 16.0,
        "Minimum": 1.0, "Maximum": 6.0, "Unit": "Bytes"});
    assert_eq!(answer["Datapoints"], serde_json::json!([point]));
    let answer = get(r#""Period":600,"Statistics":["Sum"]"#).await.unwrap();
    assert_eq!(answer["Datapoints"].as_array().unwrap().len(), 2);
    let answer = get(r#""Period":60,"ExtendedStatistics":["p99.9"]"#)
        .await
        .unwrap();
    let points = answer["Datapoints"].as_array().unwrap();
    // Of the set of statistics no percentile is known.
    assert_eq!(points.len(), 2, "{answer}");
    for (more, code) in [
        (r#""Period":60"#, ErrorCode::InvalidParameterCombination),
        (
            r#""Period":61,"Statistics":["Sum"]"#,
            ErrorCode::InvalidParameterValue,
        ),
        (
            r#""Period":60,"Statistics":["Mean"]"#,
            ErrorCode::InvalidParameterValue,
        ),
        (
            r#""Period":60,"ExtendedStatistics":["Sum"]"#,
            ErrorCode::InvalidParameterValue,
        ),
        (r#""Statistics":["Sum"]"#, ErrorCode::MissingParameter),
        (
            r#""Period":60,"StartTime":0,"Statistics":["Sum"]"#,
            ErrorCode::InvalidParameterCombination,
        ),
    ] {
        assert_eq!(get(more).await.unwrap_err().code, code, "{more}");
    }
}

#[tokio::test]
async fn metrics_are_listed_by_names_dimensions_and_age() {
    let service = service();
    put(&service, "old", 200, r#""Value":1"#).await;
    put(&service, "new", 2, r#""Value":1"#).await;
    let list = async |body: &str| {
        let answer = call(&service, "ListMetrics", body).await.unwrap();
        let metrics = answer["Metrics"].as_array().unwrap().iter();
        let names = metrics.map(|metric| metric["MetricName"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(list("{}").await, ["new", "old"]);
    assert_eq!(list(r#"{"RecentlyActive":"PT3H"}"#).await, ["new"]);
    assert_eq!(
        list(r#"{"Namespace":"Test","MetricName":"old"}"#).await,
        ["old"]
    );
    assert_eq!(list(r#"{"Dimensions":[{"Name":"Stream"}]}"#).await.len(), 2);
    for nothing in [
        r#"{"Namespace":"AWS/Kinesis"}"#,
        r#"{"Dimensions":[{"Name":"Stream","Value":"t"}]}"#,
        r#"{"OwningAccount":"111111111111"}"#,
    ] {
        assert!(list(nothing).await.is_empty(), "{nothing}");
    }
    let error = call(&service, "ListMetrics", r#"{"NextToken":"x"}"#)
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidNextToken);
}

#[tokio::test]
async fn what_cannot_be_put_is_refused_by_name_and_nothing_of_it_is_put() {
    use ErrorCode::{InvalidParameterCombination, InvalidParameterValue, MissingParameter};
    let service = service();
    let good = r#"{"MetricName":"good","Value":1}"#;
    let in_list = |datum: &str| format!(r#"{{"Namespace":"Test","MetricData":[{good},{datum}]}}"#);
    let of = |more: &str| in_list(&format!(r#"{{"MetricName":"bad",{more}}}"#));
    let dimensions = vec![r#"{"Name":"a","Value":"b"}"#; 31].join(",");
    let values = vec!["1"; 151].join(",");
    let datums = vec![good; 1001].join(",");
    let too_old = NOW_SECS - 15 * 86_400;
    for (body, code, text) in [
        (
            format!(r#"{{"MetricData":[{good}]}}"#),
            MissingParameter,
            "The parameter Namespace is required.",
        ),
        (
            r#"{"Namespace":"Test"}"#.to_owned(),
            MissingParameter,
            "The parameter MetricData is required.",
        ),
        (
            format!(r#"{{"Namespace":"AWS/Kinesis","MetricData":[{good}]}}"#),
            InvalidParameterValue,
            "The value AWS/Kinesis for parameter Namespace is invalid.",
        ),
        (
            format!(r#"{{"Namespace":"Test","MetricData":[{datums}]}}"#),
            InvalidParameterValue,
            "size greater than 1000",
        ),
        (
            in_list(r#"{"Value":1}"#),
            MissingParameter,
            "The parameter MetricData.member.2.MetricName is required.",
        ),
        (
            of(r#""Unit":"Count""#),
            MissingParameter,
            "At least one of the parameters",
        ),
        (
            of(r#""Value":1,"Values":[1]"#),
            InvalidParameterCombination,
            "are mutually exclusive",
        ),
        (
            of(r#""Value":"NaN""#),
            InvalidParameterValue,
            "The value NaN for parameter MetricData.member.2.Value",
        ),
        (
            of(r#""Value":1e200"#),
            InvalidParameterValue,
            "MetricData.member.2.Value",
        ),
        (
            of(r#""Value":1,"Unit":"Apples""#),
            InvalidParameterValue,
            "MetricData.member.2.Unit",
        ),
        (
            of(&format!(r#""Values":[{values}]"#)),
            InvalidParameterValue,
            "size of 1 to 150",
        ),
        (
            of(r#""Values":[1,2],"Counts":[1]"#),
            InvalidParameterValue,
            "of the same size",
        ),
        (
            of(r#""Values":[1],"Counts":[-1]"#),
            InvalidParameterValue,
            "MetricData.member.2.Counts",
        ),
        (
            of(&format!(r#""Value":1,"Dimensions":[{dimensions}]"#)),
            InvalidParameterValue,
            "size greater than 30",
        ),
        (
            of(r#""Value":1,"Dimensions":[{"Name":"a"}]"#),
            MissingParameter,
            "MetricData.member.2.Dimensions.member.1.Value",
        ),
        (
            of(r#""StatisticValues":{"SampleCount":1,"Sum":1,"Minimum":2,"Maximum":1}"#),
            InvalidParameterCombination,
            "must not be greater",
        ),
        (
            of(&format!(r#""Value":1,"Timestamp":{too_old}"#)),
            InvalidParameterValue,
            "the past two weeks",
        ),
        (
            of(&format!(r#""Value":1,"Timestamp":{}"#, NOW_SECS + 9000)),
            InvalidParameterValue,
            "two hours in the future",
        ),
        (
            of(r#""Value":1,"StorageResolution":5"#),
            InvalidParameterValue,
            "StorageResolution",
        ),
    ] {
        let error = call(&service, "PutMetricData", &body).await.unwrap_err();
        assert_eq!(error.code, code, "{body}");
        assert!(error.message.contains(text), "{}", error.message);
    }
    let listed = call(&service, "ListMetrics", "{}").await.unwrap();
    assert_eq!(listed["Metrics"], serde_json::json!([]));
}

#[test]
fn what_is_not_here_is_named_and_what_cannot_be_read_is_not() {
    let code = |encoding, name, body: &[u8]| Request::read(encoding, name, body).unwrap_err();
    let absent = code(Encoding::Json, Some("PutMetricAlarm"), b"{}");
    assert_eq!(absent.code, ErrorCode::InvalidAction);
    assert_eq!(
        absent.message,
        "Millstream has no PutMetricAlarm of CloudWatch."
    );
    let form = b"Action=DescribeAlarms&Version=2010-08-01";
    assert_eq!(
        code(Encoding::Query, None, form).code,
        ErrorCode::InvalidAction
    );
    let old = b"Action=ListMetrics&Version=2009-05-15";
    assert_eq!(
        code(Encoding::Query, None, old).code,
        ErrorCode::InvalidAction
    );
    assert_eq!(
        code(Encoding::Query, None, b"Version=2010-08-01").code,
        ErrorCode::MissingParameter
    );
    for body in [&b"["[..], b"[]", b"{} {}"] {
        assert_eq!(
            code(Encoding::Json, Some("ListMetrics"), body).code,
            ErrorCode::Malformed
        );
        assert_eq!(
            code(Encoding::Cbor, Some("ListMetrics"), body).code,
            ErrorCode::Malformed
        );
    }
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let deep = format!("{{\"MetricData\":{deep}}}");
    assert_eq!(
        code(Encoding::Json, Some("ListMetrics"), deep.as_bytes()).code,
        ErrorCode::Malformed
    );
}
