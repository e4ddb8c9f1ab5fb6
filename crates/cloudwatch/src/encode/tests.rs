use ciborium::value::Value as Cbor;

use super::*;
use crate::ErrorCode;

fn output() -> Output {
    Output::Structure(vec![
        ("Label", Output::text("a<b>&\u{1}")),
        (
            "Datapoints",
            Output::List(vec![Output::Structure(vec![
                ("Timestamp", Output::Time(1_700_000_040)),
                ("Sum", Output::Number(300.0)),
                (
                    "ExtendedStatistics",
                    Output::Dictionary(vec![("p99".to_owned(), Output::Number(0.5))]),
                ),
            ])]),
        ),
        ("Empty", Output::List(Vec::new())),
    ])
}

fn encoded(encoding: Encoding, answer: &Result<Output, CloudWatchError>) -> Encoded {
    encode(
        encoding,
        Some(Operation::GetMetricStatistics),
        answer,
        "id-1",
    )
}

#[test]
fn one_answer_in_three_encodings() {
    let answer = Ok(output());
    let query = encoded(Encoding::Query, &answer);
    assert_eq!(
        String::from_utf8(query.body).unwrap(),
        "<GetMetricStatisticsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
         <GetMetricStatisticsResult><Label>a&lt;b&gt;&amp;?</Label><Datapoints><member>\
         <Timestamp>2023-11-14T22:14:00Z</Timestamp><Sum>300.0</Sum><ExtendedStatistics><entry><key>p99</key>\
         <value>0.5</value></entry></ExtendedStatistics></member></Datapoints><Empty></Empty>\
         </GetMetricStatisticsResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>\
         </GetMetricStatisticsResponse>\n"
    );
    let json = encoded(Encoding::Json, &answer);
    let read: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    let point = &read["Datapoints"][0];
    assert_eq!(point["Timestamp"], 1_700_000_040_u64);
    assert_eq!(
        (
            point["Sum"].as_f64(),
            point["ExtendedStatistics"]["p99"].as_f64()
        ),
        (Some(300.0), Some(0.5))
    );
    let cbor = encoded(Encoding::Cbor, &answer);
    assert_eq!(
        cbor.headers,
        [("smithy-protocol", "rpc-v2-cbor".to_owned())]
    );
    let read: Cbor = ciborium::from_reader(&cbor.body[..]).unwrap();
    let member = |of: &Cbor, name: &str| {
        let members = of.as_map().unwrap().iter();
        let mut found = members.filter(|(key, _)| key.as_text() == Some(name));
        found.next().unwrap().1.clone()
    };
    let point = &member(&read, "Datapoints").as_array().unwrap()[0].clone();
    assert_eq!(
        member(point, "Timestamp"),
        Cbor::Tag(1, Box::new(Cbor::from(1_700_000_040_u64)))
    );
    assert_eq!(member(point, "Sum"), Cbor::Float(300.0));
    assert_eq!(
        member(&member(point, "ExtendedStatistics"), "p99"),
        Cbor::Float(0.5)
    );
}

#[test]
fn an_error_is_called_by_both_its_names() {
    let error = Err(CloudWatchError::new(
        ErrorCode::MissingParameter,
        "The parameter Namespace is required.",
    ));
    let query = encoded(Encoding::Query, &error);
    assert_eq!(query.status, 400);
    let text = String::from_utf8(query.body).unwrap();
    assert!(
        text.contains("<Type>Sender</Type><Code>MissingParameter</Code>"),
        "{text}"
    );
    for encoding in [Encoding::Json, Encoding::Cbor] {
        let answer = encoded(encoding, &error);
        let old = ("x-amzn-query-error", "MissingParameter;Sender".to_owned());
        assert!(answer.headers.contains(&old), "{answer:?}");
        let shape = b"com.amazonaws.cloudwatch#MissingRequiredParameterException";
        assert!(answer.body.windows(shape.len()).any(|part| part == shape));
    }
    let inside = Err(CloudWatchError::new(ErrorCode::InternalService, ""));
    assert_eq!(encoded(Encoding::Json, &inside).status, 500);
}
