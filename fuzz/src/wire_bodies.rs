//! Bodies of requests, in both encodings, for every operation.

use millstream_types::SequenceNumber;
use millstream_wire::shapes::{RecordData, ShardFilter};
use millstream_wire::{ApiError, Encoding, Operation, Value, decode, encode_error};

/// Any bytes as the JSON body of an operation: the first byte chooses it.
pub fn json_body(input: &[u8]) {
    body(Encoding::Json, input);
}

/// Any bytes as the CBOR body of an operation: the first byte chooses it.
pub fn cbor_body(input: &[u8]) {
    body(Encoding::Cbor, input);
}

fn body(encoding: Encoding, input: &[u8]) {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let operation = Operation::ALL[usize::from(*choice) % Operation::ALL.len()];
    // A shape that fits no operation: what is left is what the checks refuse.
    if let Err(error) = decode::<ShardFilter>(operation, encoding, body) {
        answerable(encoding, &error);
    }
    let hot = [
        millstream_wire::decode_put_record(encoding, body).err(),
        millstream_wire::decode_put_records(encoding, body).err(),
        millstream_wire::decode_get_records(encoding, body).err(),
    ];
    hot.iter()
        .flatten()
        .for_each(|error| answerable(encoding, error));
}

/// Every refusal can be sent, and read again in its own encoding.
fn answerable(encoding: Encoding, error: &ApiError) {
    let body = encode_error(encoding, error);
    let parsed = match encoding {
        Encoding::Json => millstream_wire::json::parse(&body),
        Encoding::Cbor => millstream_wire::cbor::parse(&body),
    };
    let parsed = parsed.expect("an error's body is well formed");
    assert_eq!(
        parsed.get("__type"),
        Some(&Value::Text(error.code.name().into()))
    );
}

/// Any bytes as PutRecords: what is accepted is within the model's limits, and its data decode.
pub fn json_put_records(input: &[u8]) {
    let Ok(request) = millstream_wire::decode_put_records(Encoding::Json, input) else {
        return;
    };
    assert!((1..=500).contains(&request.records.len()));
    for record in &request.records {
        if let Some(key) = &record.partition_key {
            assert!((1..=256).contains(&key.chars().count()));
        }
        let mut data = Vec::new();
        record
            .data
            .append_to(&mut data)
            .expect("accepted data decode");
        assert_eq!(data.len(), record.data.decoded_len());
        if let RecordData::Raw(raw) = &record.data {
            assert_eq!(data, raw.as_ref());
        }
    }
}

/// Any text as a sequence number: what is accepted is written back digit by digit.
pub fn sequence_number(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(number) = text.parse::<SequenceNumber>()
    {
        assert_eq!(number.to_string(), text);
    }
}
