//! Programs with all checks in them.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Part, Path};

use super::natives::GUARDED;

/// What rewritten operators call.
const OPERATORS: &str = "
    def __times($left; $right): __product($left; $right) | $left * $right;
    def __rest($left; $right): __product($left; $right) | $left % $right;
    def __eq($left; $right): __compare($left; $right) | $left == $right;
    def __ne($left; $right): __compare($left; $right) | $left != $right;
    def __lt($left; $right): __compare($left; $right) | $left < $right;
    def __le($left; $right): __compare($left; $right) | $left <= $right;
    def __gt($left; $right): __compare($left; $right) | $left > $right;
    def __ge($left; $right): __compare($left; $right) | $left >= $right;";

/// Definitions that the rewritten programs call.
pub(in crate::jq) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let texts = GUARDED.iter().map(|(_, _, text)| *text).chain([OPERATORS]);
    texts.flat_map(|text| {
        let definitions = jaq_core::load::parse(text, |parser| parser.defs());
        definitions.expect("the definitions are well formed")
    })
}

/// The definition, whose every call is a step.
pub(in crate::jq) fn definition(definition: Def<&str>) -> Def<&str> {
    let body = pipe(call("__step", Vec::new()), term(definition.body));
    Def { body, ..definition }
}

fn call<'s>(name: &'s str, arguments: Vec<Term<&'s str>>) -> Term<&'s str> {
    Term::Call(name, arguments)
}

fn pipe<'s>(left: Term<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn checked<'s>(value: Term<&'s str>, check: &'s str) -> Term<&'s str> {
    if is_literal(&value) {
        return value;
    }
    pipe(value, call(check, Vec::new()))
}

/// Whether the value is written in the program: it costs no more than the program's text.
fn is_literal(term: &Term<&str>) -> bool {
    match term {
        Term::Num(_) | Term::Arr(None) => true,
        Term::Str(None, parts) => parts
            .iter()
            .all(|part| matches!(part, StrPart::Str(_) | StrPart::Char(_))),
        Term::Obj(members) => members.is_empty(),
        Term::Call(name, arguments) => {
            arguments.is_empty() && ["true", "false", "null"].contains(name)
        }
        _ => false,
    }
}

/// The term with all checks in it.
pub(in crate::jq) fn term<'s>(whole: Term<&'s str>) -> Term<&'s str> {
    let inner = |inner: Box<Term<&'s str>>| Box::new(term(*inner));
    match whole {
        Term::Recurse => checked(whole, "__each"),
        Term::Id | Term::Num(_) | Term::Break(_) | Term::Var(_) | Term::Arr(None) => whole,
        Term::Str(format, parts) => {
            let parts = parts.into_iter().map(|part| match part {
                StrPart::Term(value) => StrPart::Term(checked(term(value), "__all")),
                StrPart::Str(_) | StrPart::Char(_) => part,
            });
            Term::Str(format, parts.collect())
        }
        Term::Arr(items) => checked(Term::Arr(items.map(inner)), "__all"),
        Term::Obj(members) => {
            let members = members
                .into_iter()
                .map(|(key, value)| (term(key), value.map(term)));
            checked(Term::Obj(members.collect()), "__all")
        }
        Term::Neg(value) => Term::Neg(Box::new(checked(term(*value), "__own"))),
        Term::BinOp(left, operator, right) => operation(term(*left), operator, term(*right)),
        Term::Label(name, body) => Term::Label(name, inner(body)),
        Term::Fold(name, over, pattern, arguments) => {
            let arguments = arguments.into_iter().map(term).collect();
            Term::Fold(name, inner(over), self::pattern(pattern), arguments)
        }
        Term::TryCatch(body, catch) => {
            // What is caught may hold the message, which holds the value that did not fit.
            let catch = catch.map(|catch| Box::new(pipe(call("__all", Vec::new()), term(*catch))));
            Term::TryCatch(inner(body), catch)
        }
        Term::IfThenElse(branches, otherwise) => {
            let branches = branches
                .into_iter()
                .map(|(when, then)| (term(when), term(then)));
            Term::IfThenElse(branches.collect(), otherwise.map(inner))
        }
        Term::Def(definitions, body) => Term::Def(
            definitions.into_iter().map(definition).collect(),
            inner(body),
        ),
        Term::Call(name, arguments) => Term::Call(name, arguments.into_iter().map(term).collect()),
        Term::Path(of, Path(parts)) => path(term(*of), parts),
    }
}

/// A path, with a check behind each part that has many outputs or makes a new value.
fn path<'s>(
    of: Term<&'s str>,
    parts: Vec<(Part<Term<&'s str>>, jaq_core::path::Opt)>,
) -> Term<&'s str> {
    let mut of = of;
    let mut taken = Vec::new();
    let behind = |of: Term<&'s str>, taken: &mut Vec<_>| {
        Term::Path(Box::new(of), Path(std::mem::take(taken)))
    };
    for (part, opt) in parts {
        match part {
            Part::Index(index) => taken.push((Part::Index(checked(term(index), "__all")), opt)),
            Part::Range(None, None) => {
                taken.push((Part::Range(None, None), opt));
                of = checked(behind(of, &mut taken), "__each");
            }
            Part::Range(from, to) => {
                taken.push((Part::Range(from.map(term), to.map(term)), opt));
                of = checked(behind(of, &mut taken), "__own");
            }
        }
    }
    if taken.is_empty() {
        of
    } else {
        behind(of, &mut taken)
    }
}

fn operation<'s>(
    left: Term<&'s str>,
    operator: BinaryOp<&'s str>,
    right: Term<&'s str>,
) -> Term<&'s str> {
    let of = |left: Term<&'s str>, operator, right: Term<&'s str>| {
        Term::BinOp(Box::new(left), operator, Box::new(right))
    };
    // Moves or copies what it does not change.
    let update = |update: Term<&'s str>| pipe(call("__update", Vec::new()), update);
    match operator {
        BinaryOp::Math(math) => arithmetic(left, math, right),
        BinaryOp::Cmp(_) if is_literal(&left) || is_literal(&right) => of(left, operator, right),
        BinaryOp::Cmp(cmp) => call(comparison(cmp), vec![left, right]),
        BinaryOp::Comma => checked(of(left, operator, right), "__each"),
        BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateAlt => {
            update(of(left, operator, checked(right, "__all")))
        }
        BinaryOp::UpdateMath(math) => {
            let changed = arithmetic(Term::Id, math, Term::Var("$__operand"));
            let changed = of(left, BinaryOp::Update, checked(changed, "__all"));
            of(
                right,
                BinaryOp::Pipe(Some(Pattern::Var("$__operand"))),
                update(changed),
            )
        }
        BinaryOp::Pipe(Some(binding)) => of(left, BinaryOp::Pipe(Some(pattern(binding))), right),
        BinaryOp::Pipe(None) | BinaryOp::Alt | BinaryOp::Or | BinaryOp::And => {
            of(left, operator, right)
        }
    }
}

fn comparison(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Eq => "__eq",
        Cmp::Ne => "__ne",
        Cmp::Lt => "__lt",
        Cmp::Le => "__le",
        Cmp::Gt => "__gt",
        Cmp::Ge => "__ge",
    }
}

fn arithmetic<'s>(left: Term<&'s str>, math: Math, right: Term<&'s str>) -> Term<&'s str> {
    let of = |left: Term<&'s str>, right: Term<&'s str>| {
        Term::BinOp(Box::new(left), BinaryOp::Math(math), Box::new(right))
    };
    match math {
        Math::Add => of(checked(left, "__own"), checked(right, "__all")),
        Math::Sub => of(checked(left, "__all"), checked(right, "__all")),
        Math::Div => of(checked(left, "__spread"), checked(right, "__own")),
        Math::Mul => call("__times", vec![left, right]),
        Math::Rem => call("__rest", vec![left, right]),
    }
}

fn pattern(whole: Pattern<&str>) -> Pattern<&str> {
    match whole {
        Pattern::Var(name) => Pattern::Var(name),
        Pattern::Arr(items) => Pattern::Arr(items.into_iter().map(pattern).collect()),
        Pattern::Obj(members) => {
            let members = members
                .into_iter()
                .map(|(key, value)| (term(key), pattern(value)));
            Pattern::Obj(members.collect())
        }
    }
}
