//! Whether the operands of conditions are of the kinds and types that their operators take.

use serde_json::Value;

use super::condition::{Call, Operand, Predicate};
use super::functions::{self, Kind};
use super::value;

/// The types that values can have, in the order in which DynamoDB lists them.
const TYPES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];

/// Checks the predicates of a condition.
///
/// # Errors
/// The text of the error, without the name of the expression.
pub(super) fn check(
    kind: Kind,
    predicates: &[Predicate<'_>],
    values: &Value,
) -> Result<(), String> {
    let checking = Checking { kind, values };
    // Functions are looked up before anything else, wherever they are called.
    for predicate in predicates {
        match predicate {
            Predicate::Comparison(_, operands) => checking.are_known(operands)?,
            Predicate::Between(operands) => checking.are_known(operands)?,
            Predicate::In(operand, list) => {
                checking.are_known(std::slice::from_ref(operand))?;
                checking.are_known(list)?;
            }
            Predicate::Call(call) => checking.is_known(call, true)?,
        }
    }
    predicates
        .iter()
        .try_for_each(|predicate| checking.predicate(predicate))
}

struct Checking<'v> {
    kind: Kind,
    values: &'v Value,
}

impl Checking<'_> {
    fn are_known(&self, operands: &[Operand<'_>]) -> Result<(), String> {
        operands.iter().try_for_each(|operand| match operand {
            Operand::Call(call) => self.is_known(call, false),
            Operand::Path | Operand::Value(_) => Ok(()),
        })
    }

    fn is_known(&self, call: &Call<'_>, is_predicate: bool) -> Result<(), String> {
        let name = call.function;
        let function = functions::of_condition(self.kind, name)?;
        if function.is_predicate != is_predicate {
            return Err(format!(
                "The function is not allowed to be used this way in an expression; function: {name}"
            ));
        }
        if call.operands.len() != function.operands {
            return Err(format!(
                "Incorrect number of operands for operator or function; operator or function: {name}, number of \
                 operands: {}",
                call.operands.len()
            ));
        }
        if function.is_of_path && !matches!(call.operands[..], [Operand::Path]) {
            return Err(format!(
                "Operator or function requires a document path; operator or function: {name}"
            ));
        }
        self.are_known(&call.operands)
    }

    fn predicate(&self, predicate: &Predicate<'_>) -> Result<(), String> {
        match predicate {
            Predicate::Comparison(sign @ ("=" | "<>"), operands) => self.sizes(sign, operands),
            Predicate::Comparison(sign, operands) => {
                self.sizes(sign, operands)?;
                operands
                    .iter()
                    .try_for_each(|operand| self.has_order(sign, operand))
            }
            Predicate::Between(operands) => {
                self.sizes("BETWEEN", operands)?;
                for bound in &operands[1..] {
                    self.has_order("BETWEEN", bound)?;
                }
                self.bounds(&operands[1], &operands[2])
            }
            Predicate::In(operand, list) => {
                self.sizes("IN", std::slice::from_ref(operand))?;
                self.sizes("IN", list)
            }
            Predicate::Call(call) => self.call(call),
        }
    }

    /// `size` is of a value that has one.
    fn sizes(&self, _operator: &str, operands: &[Operand<'_>]) -> Result<(), String> {
        for operand in operands {
            if let Operand::Call(call) = operand
                && let [of] = &call.operands[..]
                && let Some(found @ ("N" | "BOOL" | "NULL")) = self.type_of(of)
            {
                return Err(wrong_type("size", found));
            }
        }
        Ok(())
    }

    fn has_order(&self, operator: &str, operand: &Operand<'_>) -> Result<(), String> {
        match self.type_of(operand) {
            None | Some("S" | "N" | "B") => Ok(()),
            Some(found) => Err(wrong_type(operator, found)),
        }
    }

    fn bounds(&self, lower: &Operand<'_>, upper: &Operand<'_>) -> Result<(), String> {
        let (Some(lower), Some(upper)) = (self.given(lower), self.given(upper)) else {
            return Ok(());
        };
        match value::out_of_order(lower, upper) {
            Some(why) => Err(format!("The BETWEEN operator requires {why}")),
            None => Ok(()),
        }
    }

    fn call(&self, call: &Call<'_>) -> Result<(), String> {
        match (call.function, &call.operands[..]) {
            ("attribute_type", [_, wanted]) => match self.given(wanted) {
                Some(given) => match (value::type_of(given), given["S"].as_str()) {
                    (_, Some(name)) if TYPES.contains(&name) => Ok(()),
                    (_, Some(name)) => Err(format!(
                        "Invalid attribute type name found; type: {name}, valid types: {{{}}}",
                        TYPES.join(",")
                    )),
                    (Some(found), None) => Err(wrong_type("attribute_type", found)),
                    (None, None) => Ok(()),
                },
                None if matches!(wanted, Operand::Value(_)) => Ok(()),
                None => Err(wrong_type(
                    "attribute_type",
                    "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
                )),
            },
            ("begins_with", operands) => {
                operands
                    .iter()
                    .try_for_each(|operand| match self.type_of(operand) {
                        None | Some("S" | "B") => Ok(()),
                        Some(found) => Err(wrong_type("begins_with", found)),
                    })
            }
            _ => Ok(()),
        }
    }

    /// The type of a value that the request brings.
    fn type_of(&self, operand: &Operand<'_>) -> Option<&'static str> {
        self.given(operand).and_then(value::type_of)
    }

    fn given(&self, operand: &Operand<'_>) -> Option<&Value> {
        match operand {
            Operand::Value(name) => self.values.get(name),
            Operand::Path | Operand::Call(_) => None,
        }
    }
}

fn wrong_type(operator: &str, found: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {found}"
    )
}
