//! Resource policies.

use crate::{Stream, refused};

#[tokio::test]
async fn put_got_and_deleted() {
    let stream = Stream::new(1).await;
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{}:root", stream.account)},
            "Action": ["kinesis:ListShards"],
            "Resource": stream.arn,
        }],
    })
    .to_string();
    let get = |arn: &str| stream.client.get_resource_policy().resource_arn(arn).send();
    let put = |arn: &str| {
        let call = stream.client.put_resource_policy().resource_arn(arn);
        call.policy(&policy).send()
    };
    let delete = |arn: &str| {
        stream
            .client
            .delete_resource_policy()
            .resource_arn(arn)
            .send()
    };
    assert_eq!(get(&stream.arn).await.unwrap().policy, "{}");
    put(&stream.arn).await.unwrap();
    assert_eq!(get(&stream.arn).await.unwrap().policy, policy);
    delete(&stream.arn).await.unwrap();
    assert_eq!(get(&stream.arn).await.unwrap().policy, "{}");
    let nowhere = stream.nowhere();
    let code = "ResourceNotFoundException";
    assert_eq!(refused(put(&nowhere).await).0, code);
    assert_eq!(refused(get(&nowhere).await).0, code);
    assert_eq!(refused(delete(&nowhere).await).0, code);
    stream.delete().await;
}
