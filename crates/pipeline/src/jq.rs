//! Expressions and steps in jq: compiled once, run on one value at a time, within limits.
//!
//! The language is that of `jaq`. What would make a result differ from run to run (`now`, `env`, `$ENV`) or act on the
//! process (`halt`, `debug`, `stderr`, `input`) is not there: a program says `now/0 is not defined`.

use std::cell::Cell;
use std::fmt;

use jaq_core::data::JustLut;
use jaq_core::load::parse::{Def, Term};
use jaq_core::load::{Arena, File, Lexer, Loader, Parser, span};
use jaq_core::{Compiler, Ctx, Exn, Filter, Vars};
use jaq_json::Val;

mod guard;
mod simple;

use simple::Simple;

pub use guard::{Limits, STACK_BYTES_MAX};

/// What the natives of the language work on.
type Data = JustLut<Val>;

/// Filters that depend on more than their input, or act on the process.
const LEFT_OUT: &[&str] = &[
    "now",
    "env",
    "halt",
    "halt_error",
    "debug",
    "stderr",
    "debug_empty",
    "stderr_empty",
    "localtime",
    "strflocaltime",
];

/// A compiled program.
pub struct Program {
    text: String,
    filter: Filter<Data>,
    /// The same, where it is simple enough.
    simple: Option<Simple>,
}

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidProgram {
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

/// Why a program has no result for a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The program says so, or it does not fit the value.
    #[error("{0}")]
    Program(String),
    /// It takes more steps than one record may take.
    #[error("it takes more than {0} steps")]
    Steps(u64),
    /// It nests calls too deeply.
    #[error("its calls are nested too deeply")]
    Depth,
    /// It makes too many or too large values on its way.
    #[error("its values take more than {0} bytes")]
    Memory(u64),
    /// It has too many results.
    #[error("it has more than {0} results")]
    Results(usize),
}

thread_local! {
    /// See [`take_made_bytes`].
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// At most how many bytes the results have that programs gave on this thread since this was asked last, beside what they
/// share with what the programs were given, or among themselves. It may be much more than they have: what a program made
/// and did not keep is in it.
pub(crate) fn take_made_bytes() -> u64 {
    MADE.take()
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// The first mistake and where it is.
    pub fn compile(text: &str) -> Result<Self, InvalidProgram> {
        let main = parse(text)?;
        let simple = Simple::of(&main);
        let defs = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let defs = defs.filter(|def| !LEFT_OUT.contains(&def.name));
        let defs = guard::definitions().chain(defs.map(guard::definition));
        let main = Def {
            name: "__main",
            args: Vec::new(),
            body: guard::term(main),
        };
        // The definitions of the language live longer than the program's text.
        let prelude = defs.map(shortened).chain([main]);
        let natives = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let natives = natives.filter(|(name, ..)| !LEFT_OUT.contains(name));
        let arena = Arena::default();
        let file = File {
            code: "__main",
            path: (),
        };
        let modules = Loader::new(prelude)
            .load(&arena, file)
            .map_err(|_| InvalidProgram {
                offset: 0,
                message: "the program cannot be loaded".to_owned(),
            })?;
        let compiler = Compiler::default().with_funs(guard::natives(natives));
        let filter = compiler.compile(modules).map_err(|errors| {
            let mut found = errors.into_iter().flat_map(|(_, errors)| errors);
            match found.next() {
                Some((name, what)) => InvalidProgram {
                    offset: offset_in(text, name),
                    message: format!("{} {name:?} is not defined", what.as_str()),
                },
                None => InvalidProgram {
                    offset: 0,
                    message: "the program does not compile".to_owned(),
                },
            }
        })?;
        Ok(Self {
            text: text.to_owned(),
            filter,
            simple,
        })
    }

    /// The text that was compiled.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of all members that it looks at, of an object that it is given; `None` if it may look at others.
    pub(crate) fn members(&self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        let is_all = self.simple.as_ref()?.add_members(&mut names);
        is_all.then_some(names)
    }

    /// All results for one value.
    ///
    /// Uses up to 64 MiB of the thread's stack.
    ///
    /// # Errors
    /// See [`RunError`]; the results before the error are lost.
    pub fn run(&self, input: Val, limits: &Limits) -> Result<Vec<Val>, RunError> {
        let simple = self.simple.as_ref();
        match simple.and_then(|simple| simple.run(&input, limits)) {
            Some(result) => Ok(vec![result]),
            None => self.interpret(input, limits),
        }
    }

    fn interpret(&self, input: Val, limits: &Limits) -> Result<Vec<Val>, RunError> {
        guard::begin(limits);
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        let mut results = Vec::new();
        for result in self.filter.id.run((context, input)) {
            results.push(result.map_err(|error| failure(error, limits))?);
            if results.len() > limits.results_max {
                return Err(RunError::Results(limits.results_max));
            }
        }
        MADE.set(MADE.get().saturating_add(guard::bytes_spent(limits)));
        Ok(results)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.text).finish()
    }
}

fn shortened<'s>(definition: Def<&'static str>) -> Def<&'s str> {
    definition
}

/// Where a part of the text is in it; 0 if it is not a part.
fn offset_in(text: &str, part: &str) -> usize {
    let all = text.as_bytes().as_ptr_range();
    if all.contains(&part.as_ptr()) {
        span(text, part).start
    } else {
        0
    }
}

fn parse(text: &str) -> Result<Term<&str>, InvalidProgram> {
    let at = |part: &str, message: String| InvalidProgram {
        offset: if part.is_empty() {
            text.len()
        } else {
            offset_in(text, part)
        },
        message,
    };
    let tokens = Lexer::new(text)
        .lex()
        .map_err(|errors| match errors.first() {
            Some((expected, found)) => at(found, format!("expected {}", expected.as_str())),
            None => at("", "not a program".to_owned()),
        })?;
    Parser::new(&tokens)
        .parse(|parser| parser.term())
        .map_err(|errors| match errors.first() {
            Some((expected, Some(found))) => at(
                found.0,
                format!("expected {} instead of {:?}", expected.as_str(), found.0),
            ),
            Some((expected, None)) => at("", format!("expected {} at the end", expected.as_str())),
            None => at("", "not a program".to_owned()),
        })
}

fn failure(error: Exn<'_, Val>, limits: &Limits) -> RunError {
    match error.get_err() {
        Ok(error) => RunError::Program(cut(&error.to_string())),
        Err(_) => match guard::spent() {
            Some(guard::Spent::Depth) => RunError::Depth,
            Some(guard::Spent::Memory) => RunError::Memory(limits.value_bytes_max),
            Some(guard::Spent::Steps) | None => RunError::Steps(limits.steps_max),
        },
    }
}

/// The message holds the value that did not fit, which may be large.
fn cut(message: &str) -> String {
    const BYTES_MAX: usize = 300;
    if message.len() <= BYTES_MAX {
        return message.to_owned();
    }
    format!("{}...", &message[..message.floor_char_boundary(BYTES_MAX)])
}

#[cfg(test)]
mod tests;
