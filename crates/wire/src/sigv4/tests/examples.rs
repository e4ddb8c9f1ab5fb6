//! The examples that AWS publishes for implementers of its signatures: each with its signature as a header, and as a
//! presigned query that is good for an hour.

use super::*;

struct Example {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    query: &'static str,
    headers: &'static [Header<'static>],
    in_header: &'static str,
    in_query: &'static str,
}

const HOST: Header<'static> = ("Host", b"example.amazonaws.com");

const fn example(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    query: &'static str,
    headers: &'static [Header<'static>],
    in_header: &'static str,
    in_query: &'static str,
) -> Example {
    Example {
        name,
        method,
        path,
        query,
        headers,
        in_header,
        in_query,
    }
}

const WORD: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[rustfmt::skip]
const EXAMPLES: &[Example] = &[
    example("get-vanilla", "GET", "/", "", &[HOST],
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"),
    example("get-vanilla-empty-query-key", "GET", "/", "Param1=value1", &[HOST],
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"),
    example("get-vanilla-query-order-encoded", "GET", "/", "Param-3=Value3&Param=Value2&%E1%88%B4=Value1", &[HOST],
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"),
    example("get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", &[HOST],
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"),
    example("get-vanilla-utf8-query", "GET", "/", "ሴ=bar", &[HOST],
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"),
    example("get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", &[HOST],
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"),
    example("get-utf8", "GET", "/ሴ", "", &[HOST],
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44"),
    example("get-space", "GET", "/example space/", "", &[HOST],
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6"),
    example("get-relative", "GET", "/example/..", "", &[HOST],
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"),
    example("get-relative-relative", "GET", "/example1/example2/../..", "", &[HOST],
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"),
    example("get-slash", "GET", "//", "", &[HOST],
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"),
    example("get-slash-dot-slash", "GET", "/./", "", &[HOST],
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"),
    example("get-slash-pointless-dot", "GET", "/./example", "", &[HOST],
        "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
        "35034b1a0bdd969f346975386daf8aedfd4976573b8348cf4f67eaa41c5857de"),
    example("get-slashes", "GET", "//example//", "", &[HOST],
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        "c1834e8fb0307243711f0f907f6ab7311ed300d87f13792d7ee4da89ab93e082"),
    example("get-header-key-duplicate", "GET", "/", "",
        &[HOST, ("My-Header1", b"value2"), ("My-Header1", b"value2"), ("My-Header1", b"value1")],
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97"),
    example("get-header-value-order", "GET", "/", "",
        &[HOST, ("My-Header1", b"value4"), ("My-Header1", b"value1"), ("My-Header1", b"value3"), ("My-Header1", b"value2")],
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e"),
    example("get-header-value-trim", "GET", "/", "",
        &[HOST, ("My-Header1", b" value1"), ("My-Header2", b" \"a   b   c\"")],
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4"),
    example("post-vanilla", "POST", "/", "", &[HOST],
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"),
    example("post-vanilla-query", "POST", "/", "Param1=value1", &[HOST],
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"),
    example("post-header-key-sort", "POST", "/", "", &[HOST, ("My-Header1", b"value1")],
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        "c09d07e0d55871f10f2a6d350d994acf6825a3cae70673d7def55616e6119dd7"),
    example("post-header-value-case", "POST", "/", "", &[HOST, ("My-Header1", b"VALUE1")],
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        "0698bc9e4f7f9139065ba2909c0e99da257e8e2a42492a097bcd46d792391fed"),
];

fn check(example: &Example) {
    let secret = SecretKey::new(SECRET);
    let signer = Signer {
        access_key: KEY,
        secret: &secret,
        region: "us-east-1",
        service: "service",
    };
    let verified = |request: &SignedRequest<'_>| {
        let presented = Presented::of(request.query, request.headers)?;
        verify(&presented, request, "service", Some(&secret), NOW)
    };
    let unsigned = SignedRequest {
        method: example.method,
        path: example.path,
        query: example.query,
        headers: example.headers,
        body: Body::Whole(b""),
    };
    let query = signer.presigned_query(&unsigned, NOW, 3600);
    let signature = query.rsplit_once("&X-Amz-Signature=").unwrap().1;
    assert_eq!(signature, example.in_query, "{}", example.name);
    let presigned = SignedRequest {
        query: &query,
        ..unsigned
    };
    assert_eq!(verified(&presigned), Ok(()), "{}", example.name);

    let mut headers = example.headers.to_vec();
    headers.push(("X-Amz-Date", DATE));
    let unsigned = SignedRequest {
        headers: &headers,
        ..unsigned
    };
    let authorization = signer.authorization(&unsigned, NOW);
    let signature = authorization.rsplit_once("Signature=").unwrap().1;
    assert_eq!(signature, example.in_header, "{}", example.name);
    let mut headers = headers.clone();
    headers.push(("Authorization", authorization.as_bytes()));
    let signed = SignedRequest {
        headers: &headers,
        ..unsigned
    };
    assert_eq!(verified(&signed), Ok(()), "{}", example.name);
}

#[test]
fn every_published_example_has_its_published_signature() {
    EXAMPLES.iter().for_each(check);
    let query: &'static str = format!("{WORD}={WORD}").leak();
    check(&example(
        "get-vanilla-query-unreserved",
        "GET",
        "/",
        query,
        &[HOST],
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf",
    ));
}

#[test]
fn bodies_and_tokens_are_signed_as_published() {
    let secret = SecretKey::new(SECRET);
    let signer = Signer {
        access_key: KEY,
        secret: &secret,
        region: "us-east-1",
        service: "service",
    };
    let body: [u8; 32] = Body::Whole(b"Param1=value1").sha256();
    let digits = hex(&body);
    let form = [
        HOST,
        ("Content-Type", b"application/x-www-form-urlencoded"),
        ("Content-Length", b"13"),
        ("X-Amz-Content-Sha256", &digits),
        ("X-Amz-Date", DATE),
    ];
    let token = [
        HOST,
        (
            "X-Amz-Security-Token",
            &b"6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"[..],
        ),
        ("X-Amz-Date", DATE),
    ];
    for (method, headers, body, signature) in [
        (
            "POST",
            &form[..],
            Body::Sha256(body),
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
        (
            "GET",
            &token[..],
            Body::Whole(b""),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ),
    ] {
        let request = SignedRequest {
            method,
            path: "/",
            query: "",
            headers,
            body,
        };
        let authorization = signer.authorization(&request, NOW);
        assert!(authorization.ends_with(signature), "{authorization}");
    }
}

/// Paths are encoded once more than they are sent.
#[test]
fn encoded_paths_are_encoded_again() {
    let canonical = |path: &str| {
        let headers: [Header<'_>; 1] = [("host", b"h")];
        let whole = SignedRequest {
            path,
            ..request("", &headers, b"")
        };
        canonical::hash(&whole, "host", false).unwrap()
    };
    let expected = |path: &str| -> [u8; 32] {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        Sha256::digest(format!("POST\n{path}\n\nhost:h\n\nhost\n{empty}")).into()
    };
    for (sent, canonical_path) in [
        (
            "/test/@connections/JBDvjfGEIAMCERw%3D",
            "/test/%40connections/JBDvjfGEIAMCERw%253D",
        ),
        ("", "/"),
        ("/a/b/..", "/a/"),
        ("/../..", "/"),
    ] {
        assert_eq!(canonical(sent), expected(canonical_path), "{sent}");
    }
}
