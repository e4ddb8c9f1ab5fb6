//! Whether a caller may do something.

use millstream_types::AccountId;

use crate::document::Opinion;
use crate::{Permissions, Policy};

/// What a caller wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The caller's account.
    pub account: &'a AccountId,
    /// The caller's own ARN.
    pub arn: &'a str,
    /// `kinesis:PutRecord`, say.
    pub action: &'a str,
    /// The ARN of what it is to be done to, or `*` for what has none.
    pub resource: &'a str,
    /// Whose it is.
    pub owner: &'a AccountId,
}

/// Why a caller may not. The texts are AWS's; they name the caller, the action and the resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("User: {arn} is not authorized to perform: {action} on resource: {resource} {reason}")]
pub struct Denial {
    arn: String,
    action: String,
    resource: String,
    reason: String,
}

/// Decides: what any policy denies is denied; otherwise what is allowed is allowed, and nothing else.
///
/// In the caller's own account its policies or the resource's suffice; a resource's policy that names the account as a
/// whole leaves it to the policies of each caller, as on AWS. In another account both must allow.
///
/// # Errors
/// [`Denial`], whose text is meant for the caller.
pub fn decide(
    question: &Question<'_>,
    permissions: &Permissions,
    resource_policy: Option<&Policy>,
) -> Result<(), Denial> {
    let caller = (question.account, question.arn);
    let (action, resource) = (question.action, question.resource);
    let of_resource = resource_policy.map_or(Opinion::Silent, |policy| {
        policy.opinion(caller, action, resource)
    });
    let mut is_allowed = permissions.may_do_everything();
    if !is_allowed {
        for policy in permissions.policies() {
            match policy.opinion(caller, action, resource) {
                Opinion::Denies => {
                    return Err(
                        question.denied("with an explicit deny in an identity-based policy")
                    );
                }
                Opinion::Allows | Opinion::AllowsAccount => is_allowed = true,
                Opinion::Silent => {}
            }
        }
    }
    let is_own = question.account == question.owner;
    match of_resource {
        Opinion::Denies => Err(question.denied("with an explicit deny in a resource-based policy")),
        Opinion::Allows if is_own || is_allowed => Ok(()),
        Opinion::AllowsAccount if is_allowed => Ok(()),
        Opinion::Silent if is_own && is_allowed => Ok(()),
        Opinion::Silent if !is_own => Err(question.not_allowed("resource")),
        _ => Err(question.not_allowed("identity")),
    }
}

impl Question<'_> {
    fn not_allowed(&self, whose: &str) -> Denial {
        self.denied(&format!(
            "because no {whose}-based policy allows the {} action",
            self.action
        ))
    }

    fn denied(&self, reason: &str) -> Denial {
        Denial {
            arn: self.arn.to_owned(),
            action: self.action.to_owned(),
            resource: self.resource.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use serde_json::{Value, json};

    const OWN: &str = "111111111111";
    const OTHER: &str = "222222222222";
    const USER: &str = "arn:aws:iam::111111111111:user/ann";
    const STREAM: &str = "arn:aws:kinesis:eu-west-1:111111111111:stream/meters";

    fn permissions(policies: &[Value]) -> Permissions {
        let parse = |policy: &Value| Policy::parse(Kind::Identity, &policy.to_string()).unwrap();
        Permissions::new(policies.iter().map(parse).collect())
    }

    fn ask(
        owner: &str,
        permissions: &Permissions,
        of_resource: Option<Value>,
    ) -> Result<(), String> {
        let account: AccountId = OWN.parse().unwrap();
        let owner: AccountId = owner.parse().unwrap();
        let of_resource =
            of_resource.map(|policy| Policy::parse(Kind::Resource, &policy.to_string()).unwrap());
        let question = Question {
            account: &account,
            arn: USER,
            action: "kinesis:PutRecord",
            resource: STREAM,
            owner: &owner,
        };
        decide(&question, permissions, of_resource.as_ref()).map_err(|denial| denial.to_string())
    }

    fn identity(effect: &str, action: &str, resource: &str) -> Value {
        json!({"Statement": {"Effect": effect, "Action": action, "Resource": resource}})
    }

    fn resource(effect: &str, principal: Value) -> Option<Value> {
        Some(json!({"Statement": [{
            "Effect": effect, "Principal": principal, "Action": "kinesis:*", "Resource": STREAM
        }]}))
    }

    const PREFIX: &str = "User: arn:aws:iam::111111111111:user/ann is not authorized to perform: kinesis:PutRecord on \
                          resource: arn:aws:kinesis:eu-west-1:111111111111:stream/meters";
    const ACTION: &str = "based policy allows the kinesis:PutRecord action";

    #[test]
    fn in_one_account_either_policy_suffices_and_denials_win() {
        let allowed = permissions(&[identity("Allow", "KINESIS:put*", "arn:*:stream/met?rs")]);
        let nothing = permissions(&[]);
        let elsewhere = permissions(&[identity("Allow", "kinesis:*", "arn:*:stream/other")]);
        let denied = permissions(&[
            identity("Allow", "*", "*"),
            identity("Deny", "kinesis:PutRecord", STREAM),
        ]);
        assert_eq!(ask(OWN, &allowed, None), Ok(()));
        assert_eq!(ask(OWN, &Permissions::everything(), None), Ok(()));
        for silent in [&nothing, &elsewhere] {
            assert_eq!(
                ask(OWN, silent, None),
                Err(format!("{PREFIX} because no identity-{ACTION}"))
            );
            assert_eq!(ask(OWN, silent, resource("Allow", json!("*"))), Ok(()));
            assert_eq!(
                ask(
                    OWN,
                    silent,
                    resource("Allow", json!({"AWS": [OTHER, USER]}))
                ),
                Ok(())
            );
        }
        for whole in [
            json!({"AWS": OWN}),
            json!({"AWS": format!("arn:aws:iam::{OWN}:root")}),
        ] {
            assert!(ask(OWN, &nothing, resource("Allow", whole.clone())).is_err());
            assert_eq!(ask(OWN, &allowed, resource("Allow", whole)), Ok(()));
        }
        assert_eq!(
            ask(OWN, &denied, resource("Allow", json!("*"))),
            Err(format!(
                "{PREFIX} with an explicit deny in an identity-based policy"
            ))
        );
        for everybody in [json!("*"), json!({"AWS": "*"}), json!({"AWS": OWN})] {
            assert_eq!(
                ask(OWN, &Permissions::everything(), resource("Deny", everybody)),
                Err(format!(
                    "{PREFIX} with an explicit deny in a resource-based policy"
                ))
            );
        }
        assert_eq!(
            ask(OWN, &allowed, resource("Deny", json!({"AWS": OTHER}))),
            Ok(())
        );
    }

    #[test]
    fn a_deny_holds_wherever_it_stands_in_its_policy() {
        let statement = |effect: &str| json!({"Effect": effect, "Principal": "*", "Action": "kinesis:*", "Resource": STREAM});
        for effects in [["Deny", "Allow"], ["Allow", "Deny"]] {
            let of_resource = json!({"Statement": effects.map(statement)});
            let denied = ask(OWN, &Permissions::everything(), Some(of_resource));
            assert_eq!(
                denied,
                Err(format!(
                    "{PREFIX} with an explicit deny in a resource-based policy"
                )),
                "{effects:?}"
            );
            let statements = effects.map(|effect| identity(effect, "*", "*")["Statement"].clone());
            let own = permissions(&[json!({"Statement": statements})]);
            assert_eq!(
                ask(OWN, &own, None),
                Err(format!(
                    "{PREFIX} with an explicit deny in an identity-based policy"
                )),
                "{effects:?}"
            );
        }
    }

    #[test]
    fn across_accounts_both_must_allow() {
        let everything = Permissions::everything();
        assert_eq!(
            ask(OTHER, &everything, None),
            Err(format!("{PREFIX} because no resource-{ACTION}"))
        );
        for principal in [json!("*"), json!({"AWS": OWN}), json!({"AWS": USER})] {
            let policy = resource("Allow", principal);
            assert_eq!(ask(OTHER, &everything, policy.clone()), Ok(()));
            assert_eq!(
                ask(OTHER, &permissions(&[]), policy),
                Err(format!("{PREFIX} because no identity-{ACTION}"))
            );
        }
        // The same account of another part of AWS's world is another account.
        let elsewhere = json!({"AWS": format!("arn:aws-cn:iam::{OWN}:root")});
        for stranger in [json!({"AWS": OTHER}), elsewhere] {
            assert!(ask(OTHER, &everything, resource("Allow", stranger)).is_err());
        }
    }

    #[test]
    fn one_that_may_do_everything_is_known_as_such() {
        let all = identity("Allow", "*", "*");
        assert!(
            permissions(&[identity("Allow", "kinesis:*", "*"), all.clone()]).may_do_everything()
        );
        assert!(!permissions(&[all, identity("Deny", "s3:*", "*")]).may_do_everything());
        assert!(!permissions(&[identity("Allow", "kinesis:*", "*")]).may_do_everything());
        assert!(!permissions(&[]).may_do_everything());
    }
}
