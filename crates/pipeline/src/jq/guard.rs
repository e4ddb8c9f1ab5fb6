//! Limits of a run: steps, nested calls and bytes, counted where a program can spend without end.
//!
//! A program runs for ever only by calling a definition again and again, or by `range`; it grows without end only by
//! joining and repeating, by making arrays and objects, and by writing values as text. So each of these is rewritten to
//! pass a check. A check that fails halts the program, which the program cannot catch.

use std::cell::Cell;

use jaq_core::box_iter::box_once;
use jaq_core::data::JustLut;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::native::{Fun, v};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};
use jaq_core::{Exn, Native, ValX};
use jaq_json::Val;

/// How much of the thread's stack nested calls may use.
pub(super) const STACK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Arrays and objects that a run may make: values nest no deeper.
const MADE_MAX: u64 = 250_000;

/// What a program may spend on one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls of definitions and numbers of ranges. Default 1,000,000.
    pub steps_max: u64,
    /// Bytes that are joined, repeated or written as text. Default 64 MiB.
    pub value_bytes_max: u64,
    /// Results. Default 10,000.
    pub results_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps_max: 1_000_000,
            value_bytes_max: 64 * 1024 * 1024,
            results_max: 10_000,
        }
    }
}

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Steps,
    Depth,
    Memory,
}

#[derive(Clone, Copy)]
struct Budget {
    steps: u64,
    bytes: u64,
    made: u64,
    stack_base: usize,
    spent: Option<Spent>,
}

thread_local! {
    static BUDGET: Cell<Budget> = const {
        Cell::new(Budget { steps: 0, bytes: 0, made: 0, stack_base: 0, spent: None })
    };
}

/// Starts a run on this thread.
pub(super) fn begin(limits: &Limits) {
    BUDGET.set(Budget {
        steps: limits.steps_max,
        bytes: limits.value_bytes_max,
        made: MADE_MAX,
        stack_base: stack_address(),
        spent: None,
    });
}

/// What ran out in the run on this thread.
pub(super) fn spent() -> Option<Spent> {
    BUDGET.get().spent
}

/// Where the stack of this thread has grown to.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

fn spend(what: impl FnOnce(&mut Budget) -> Option<Spent>) -> Result<(), Exn<'static, Val>> {
    let mut budget = BUDGET.get();
    if budget.spent.is_none() {
        budget.spent = what(&mut budget);
        BUDGET.set(budget);
    }
    match budget.spent {
        None => Ok(()),
        Some(_) => Err(Exn::halt(1)),
    }
}

fn step() -> Result<(), Exn<'static, Val>> {
    let here = stack_address();
    spend(|budget| {
        let Some(left) = budget.steps.checked_sub(1) else {
            return Some(Spent::Steps);
        };
        budget.steps = left;
        (budget.stack_base.abs_diff(here) > STACK_BYTES_MAX).then_some(Spent::Depth)
    })
}

fn bytes(count: u64) -> Result<(), Exn<'static, Val>> {
    spend(|budget| match budget.bytes.checked_sub(count) {
        Some(left) => {
            budget.bytes = left;
            None
        }
        None => Some(Spent::Memory),
    })
}

fn made() -> Result<(), Exn<'static, Val>> {
    spend(|budget| match budget.made.checked_sub(1) {
        Some(left) => {
            budget.made = left;
            None
        }
        None => Some(Spent::Memory),
    })
}

/// The value's own bytes, without what is in it.
fn own_bytes(value: &Val) -> u64 {
    let bytes = match value {
        Val::Null | Val::Bool(_) | Val::Num(_) => 0,
        Val::BStr(text) | Val::TStr(text) => text.len(),
        Val::Arr(items) => items.len() * size_of::<Val>(),
        Val::Obj(members) => members.len() * 2 * size_of::<Val>(),
    };
    bytes as u64
}

/// Takes the bytes of all that is in the value, however often it is in it.
fn all_bytes(value: &Val) -> Result<(), Exn<'static, Val>> {
    bytes(own_bytes(value) + 1)?;
    match value {
        Val::Arr(items) => items.iter().try_for_each(all_bytes),
        Val::Obj(members) => members.iter().try_for_each(|(key, value)| {
            all_bytes(key)?;
            all_bytes(value)
        }),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => Ok(()),
    }
}

/// Bytes of a product: a string that is repeated.
fn product_bytes(left: &Val, right: &Val) -> u64 {
    use jaq_std::ValT;
    let repeated = |text: &Val, times: &Val| match (text, times) {
        (Val::BStr(text) | Val::TStr(text), Val::Num(_)) => {
            let times = times.as_f64().unwrap_or(0.0).max(0.0);
            // Saturates, which is as good as too much.
            (text.len() as f64 * times) as u64
        }
        _ => 0,
    };
    repeated(left, right)
        .max(repeated(right, left))
        .max(own_bytes(left) + own_bytes(right))
}

fn passing(
    value: Val,
    check: impl FnOnce(&Val) -> Result<(), Exn<'static, Val>>,
) -> ValX<'static, Val> {
    check(&value)?;
    Ok(value)
}

/// The checks, and `range` under the name that its guarded form calls.
pub(super) fn natives(
    natives: impl Iterator<Item = Fun<JustLut<Val>>>,
) -> impl Iterator<Item = Fun<JustLut<Val>>> {
    let renamed = natives.map(|(name, arguments, native)| match (name, arguments.len()) {
        ("range", 3) => ("__range", arguments, native),
        _ => (name, arguments, native),
    });
    let step: Native<JustLut<Val>> = Native::new(|cv| box_once(passing(cv.1, |_| step())))
        .with_paths(|cv| box_once(step().map(|()| cv.1)))
        .with_update(|cv, update| match step() {
            Ok(()) => update(cv.1),
            Err(halted) => box_once(Err(halted)),
        });
    let checks = [
        ("__step", v(0), step),
        (
            "__made",
            v(0),
            Native::new(|cv| box_once(passing(cv.1, |_| made()))),
        ),
        (
            "__own",
            v(0),
            Native::new(|cv| box_once(passing(cv.1, |value| bytes(own_bytes(value))))),
        ),
        (
            "__all",
            v(0),
            Native::new(|cv| box_once(passing(cv.1, all_bytes))),
        ),
        (
            "__product",
            v(2),
            Native::new(|mut cv| {
                let right = cv.0.pop_var();
                let left = cv.0.pop_var();
                box_once(passing(cv.1, |_| bytes(product_bytes(&left, &right))))
            }),
        ),
    ];
    renamed.chain(checks)
}

/// Definitions that the rewritten programs call.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let text = "def range($from; $to; $by): __range($from; $to; $by) | __step; \
                def __times($left; $right): __product($left; $right) | $left * $right;";
    let definitions = jaq_core::load::parse(text, |parser| parser.defs());
    definitions
        .expect("the definitions are well formed")
        .into_iter()
}

/// The definition, whose every call is a step.
pub(super) fn definition(definition: Def<&str>) -> Def<&str> {
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
    pipe(value, call(check, Vec::new()))
}

/// The term with all checks in it.
pub(super) fn term<'s>(whole: Term<&'s str>) -> Term<&'s str> {
    let inner = |inner: Box<Term<&'s str>>| Box::new(term(*inner));
    match whole {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) => whole,
        Term::Str(format, parts) => {
            let parts = parts.into_iter().map(|part| match part {
                StrPart::Term(value) => StrPart::Term(checked(term(value), "__all")),
                StrPart::Str(_) | StrPart::Char(_) => part,
            });
            Term::Str(format, parts.collect())
        }
        Term::Arr(items) => checked(Term::Arr(items.map(inner)), "__made"),
        Term::Obj(members) => {
            let members = members
                .into_iter()
                .map(|(key, value)| (term(key), value.map(term)));
            checked(Term::Obj(members.collect()), "__made")
        }
        Term::Neg(value) => Term::Neg(inner(value)),
        Term::BinOp(left, operator, right) => operation(term(*left), operator, term(*right)),
        Term::Label(name, body) => Term::Label(name, inner(body)),
        Term::Fold(name, over, pattern, arguments) => {
            let arguments = arguments.into_iter().map(term).collect();
            Term::Fold(name, inner(over), self::pattern(pattern), arguments)
        }
        Term::TryCatch(body, catch) => Term::TryCatch(inner(body), catch.map(inner)),
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
        Term::Call(name, arguments) => {
            let arguments: Vec<_> = arguments.into_iter().map(term).collect();
            match name {
                "tojson" | "tostring" | "explode" | "implode" | "split_" => {
                    pipe(call("__all", Vec::new()), Term::Call(name, arguments))
                }
                _ => Term::Call(name, arguments),
            }
        }
        Term::Path(of, Path(parts)) => {
            let parts = parts.into_iter().map(|(part, opt)| {
                let part = match part {
                    Part::Index(index) => Part::Index(term(index)),
                    Part::Range(from, to) => Part::Range(from.map(term), to.map(term)),
                };
                (part, opt)
            });
            Term::Path(inner(of), Path(parts.collect()))
        }
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
    match operator {
        BinaryOp::Math(Math::Add) => of(checked(left, "__own"), operator, checked(right, "__own")),
        BinaryOp::Math(Math::Mul) => call("__times", vec![left, right]),
        BinaryOp::UpdateMath(Math::Add) => of(left, operator, checked(right, "__all")),
        BinaryOp::UpdateMath(Math::Mul) => {
            let product = call("__times", vec![Term::Id, Term::Var("$__factor")]);
            let update = of(left, BinaryOp::Update, product);
            of(
                right,
                BinaryOp::Pipe(Some(Pattern::Var("$__factor"))),
                update,
            )
        }
        BinaryOp::Pipe(Some(binding)) => of(left, BinaryOp::Pipe(Some(pattern(binding))), right),
        other => of(left, other, right),
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
