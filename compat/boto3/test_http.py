"""Requests that no SDK sends: what comes back is part of the protocol too."""

import http.client
import json
import re
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from conftest import unique_name

JSON = "application/x-amz-json-1.1"
ACCESS_DENIED = (
    b"<AccessDeniedException>\n"
    b"  <Message>Unable to determine service/operation name to be authorized</Message>\n"
    b"</AccessDeniedException>\n"
)


@pytest.fixture
def send(endpoint, session):
    """Sends one request as it stands, signed or not; returns status, headers and body."""
    parts = urlsplit(endpoint)
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection

    def send(method="POST", body=b"{}", content_type=JSON, target="Kinesis_20131202.ListStreams", signed=True):
        headers = {}
        if content_type is not None:
            headers["Content-Type"] = content_type
        if target is not None:
            headers["X-Amz-Target"] = target
        if signed:
            request = AWSRequest(method, endpoint + "/", headers, body)
            SigV4Auth(session.get_credentials(), "kinesis", session.region_name).add_auth(request)
            headers = dict(request.headers.items())
        connection = connect(parts.hostname, parts.port or (443 if secure else 80), timeout=30)
        try:
            connection.request(method, "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return send


def test_a_plain_request_is_answered(send):
    status, headers, body = send()
    assert status == 200
    assert headers["Content-Type"] == JSON
    assert set(json.loads(body)) >= {"StreamNames", "HasMoreStreams", "StreamSummaries"}


def test_every_answer_has_its_ids(send):
    for status, headers, _ in (send(), send(target="Kinesis_20131202.Nothing")):
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-RequestId"])
        assert re.fullmatch(r"[A-Za-z0-9+/]{80,}={0,2}", headers["x-amz-id-2"])


def test_success_without_an_answer_has_no_body(send):
    name = json.dumps({"StreamName": unique_name(), "ShardCount": 1}).encode()
    for operation in ("CreateStream", "DeleteStream"):
        status, headers, body = send(body=name, target=f"Kinesis_20131202.{operation}")
        assert (status, body) == (200, b"")
        assert headers["Content-Type"] == JSON
        assert headers["Content-Length"] == "0"


def test_content_type_parameters_and_blanks_do_not_matter(send):
    assert send(content_type=f" {JSON} ; charset=utf-8")[0] == 200


def test_members_that_nobody_knows_do_not_matter(send):
    assert send(body=b'{"Limit": 1, "Weather": ["fine"], "NextToken": null}')[0] == 200


def test_get_is_refused(send):
    status, headers, body = send(method="GET", body=None, content_type=None, target=None, signed=False)
    assert (status, body) == (403, ACCESS_DENIED)


def test_put_is_refused(send):
    status, _, body = send(method="PUT", signed=False)
    assert (status, body) == (403, ACCESS_DENIED)


def test_an_empty_body_is_not_an_object(send):
    status, headers, body = send(body=b"")
    assert (status, headers["Content-Type"]) == (400, JSON)
    assert json.loads(body) == {"__type": "SerializationException"}


def test_an_empty_body_for_no_operation(send):
    status, headers, body = send(body=b"", target=None)
    assert (status, headers["Content-Type"]) == (400, JSON)
    assert json.loads(body) == {"__type": "UnknownOperationException"}


def test_an_empty_body_of_no_type_is_answered_in_cbor(send):
    status, headers, body = send(body=b"", content_type=None, target=None, signed=False)
    assert (status, headers["Content-Type"]) == (400, "application/x-amz-cbor-1.1")
    assert b"__type" in body and b"UnknownOperationException" in body


def test_another_content_type_for_an_operation(send):
    status, _, body = send(content_type="text/plain")
    assert (status, body) == (404, b"<UnknownOperationException/>\n")


def test_another_content_type_for_no_operation(send):
    status, _, body = send(content_type="text/plain", target=None)
    assert (status, body) == (403, ACCESS_DENIED)


@pytest.mark.parametrize("target", [None, "", "Kinesis_20131202", "Kinesis_20131202.Nothing"])
def test_an_unknown_operation(send, target):
    status, _, body = send(target=target)
    assert status == 400
    assert json.loads(body) == {"__type": "UnknownOperationException"}


def test_an_operation_of_a_service_that_is_not_here(send):
    status, _, body = send(target="Other_1.ListStreams")
    assert status == 400
    assert json.loads(body)["__type"] == "UnknownOperationException"


def test_operations_are_case_sensitive(send):
    status, _, body = send(target="Kinesis_20131202.liststreams")
    assert status == 400
    assert json.loads(body) == {"__type": "UnknownOperationException"}


@pytest.mark.parametrize(
    "body", [b"{", b"nothing", b"[]", b'"text"', b"{}{}", b'{"Limit":}', b"\xff\xfe"],
    ids=["half", "word", "list", "text", "two", "hole", "not UTF-8"],
)
def test_a_body_that_is_no_object(send, body):
    status, headers, answer = send(body=body)
    assert (status, headers["Content-Type"]) == (400, JSON)
    assert json.loads(answer) == {"__type": "SerializationException"}


def test_plain_json_never_reaches_an_operation(send):
    status, _, body = send(content_type="application/json")
    assert status == 404
    assert json.loads(body) == {
        "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
        "Version": "1.0",
    }


def test_plain_json_that_is_none(send):
    status, _, body = send(content_type="application/json", body=b"nothing")
    assert status == 400
    assert json.loads(body) == {
        "Output": {"__type": "com.amazon.coral.service#SerializationException"},
        "Version": "1.0",
    }


def test_a_signature_is_needed(send):
    status, _, body = send(signed=False)
    assert status == 400
    assert json.loads(body) == {
        "__type": "MissingAuthenticationTokenException",
        "message": "Missing Authentication Token",
    }


@pytest.mark.parametrize(
    "member, message",
    [
        (b'{"Limit": "ten"}', "class java.lang.String can not be converted to an Integer"),
        (b'{"Limit": true}', "class java.lang.Boolean can not be converted to an Integer"),
        (b'{"Limit": []}', "Start of list found where not expected"),
        (b'{"Limit": {}}', "Start of structure or map found where not expected."),
        (
            b'{"ExclusiveStartStreamName": 1}',
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String",
        ),
    ],
)
def test_a_member_of_the_wrong_type(send, member, message):
    status, _, body = send(body=member)
    assert status == 400
    assert json.loads(body) == {"__type": "SerializationException", "Message": message}


@pytest.mark.parametrize(
    "data, complaint",
    [
        ("AAA", "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ("A*AA", "Invalid Base64 character: '*'"),
    ],
)
def test_data_that_is_not_base64(send, data, complaint):
    request = {"StreamName": "any", "PartitionKey": "k", "Data": data}
    status, _, body = send(body=json.dumps(request).encode(), target="Kinesis_20131202.PutRecord")
    assert status == 400
    assert json.loads(body) == {
        "__type": "SerializationException",
        "Message": f"'{data}' can not be converted to a Blob: {complaint}",
    }
