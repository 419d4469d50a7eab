//! Which files a piece of code writes, as far as its text tells: calls that write, with a path that stands in them or
//! in a variable of the same text. Runs nothing.

use std::cell::Cell;

use super::code_words::{Comments, Token, tokens};

/// Something that code writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CodeWrite {
    /// This path.
    Path(String),
    /// Whatever this shell command does.
    Shell(String),
    /// The files that the interpreter was called with.
    Operands,
}

/// Variables of variables of variables are not followed for ever, and not more of them than a script has.
const DEPTH: usize = 4;
const LOOK_UPS: usize = 64;

/// A call that is longer is not looked into, and who writes more often has been found out long before: so that time goes
/// with the length of the code.
const CALL_TOKENS: usize = 1024;
const CALLS: usize = 256;

/// What code for this interpreter writes.
pub(super) fn written_by_code(code: &str, interpreter: &str) -> Vec<CodeWrite> {
    let slashes = matches!(interpreter, "node" | "deno" | "bun" | "php");
    let tokens = tokens(code, if slashes { Comments::Slashes } else { Comments::Hash });
    let takes_operands = tokens.iter().any(|token| matches!(token, Token::Name("argv" | "ARGV")));
    let code = Code { tokens: &tokens, takes_operands, look_ups: Cell::new(0) };
    let calls = (0..tokens.len()).filter_map(|at| code.call_at(at));
    calls.flat_map(|call| code.written(&call)).take(CALLS).collect()
}

struct Code<'a> {
    tokens: &'a [Token<'a>],
    takes_operands: bool,
    look_ups: Cell<usize>,
}

/// `receiver.name(arguments)`
struct Call<'a> {
    name: &'a str,
    receiver: &'a [Token<'a>],
    arguments: Vec<&'a [Token<'a>]>,
}

impl<'a> Call<'a> {
    fn argument(&self, at: usize) -> &'a [Token<'a>] {
        self.arguments.get(at).copied().unwrap_or_default()
    }

    /// Whether it is a function of one of these modules.
    fn is_of(&self, modules: &[&str]) -> bool {
        matches!(self.receiver.last(), Some(Token::Name(name)) if modules.contains(name))
    }

    fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.arguments.iter().flat_map(|argument| texts(argument))
    }
}

const FILES: [&str; 8] = ["os", "shutil", "fs", "fsp", "promises", "File", "FileUtils", "Deno"];

impl<'a> Code<'a> {
    fn call_at(&self, at: usize) -> Option<Call<'a>> {
        let (Token::Name(name), Token::Sign('(')) = (self.tokens.get(at)?, self.tokens.get(at + 1)?) else {
            return None;
        };
        let end = closing(self.tokens, at + 1)?;
        Some(Call { name, receiver: self.receiver(at), arguments: arguments(&self.tokens[at + 2..end]) })
    }

    /// The expression before `.name`.
    fn receiver(&self, name_at: usize) -> &'a [Token<'a>] {
        let mut begin = name_at;
        while let Some(Token::Sign('.')) = begin.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            let Some(mut at) = begin.checked_sub(2) else { break };
            if self.tokens[at] == Token::Sign(')') {
                let Some(open) = opening(self.tokens, at) else { break };
                at = open;
                if let Some(Token::Name(_)) = at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
                    at -= 1;
                }
            }
            begin = at;
        }
        self.tokens.get(begin..name_at.saturating_sub(1)).unwrap_or_default()
    }

    fn written(&self, call: &Call<'a>) -> Vec<CodeWrite> {
        let first = || self.paths(call.argument(0));
        let all = || call.arguments.iter().flat_map(|argument| self.paths(argument)).collect();
        match call.name {
            "open" | "fopen" | "openSync" => self.opened(call),
            "write_text" | "write_bytes" => self.paths(call.receiver),
            "unlink" if call.arguments.is_empty() => self.paths(call.receiver),
            "unlink" | "rmtree" | "writeFileSync" | "writeFile" | "appendFile" | "appendFileSync"
            | "createWriteStream" | "unlinkSync" | "rmSync" | "truncateSync" | "writeTextFile"
            | "writeTextFileSync" | "file_put_contents" => first(),
            "rm" | "remove" | "rm_f" | "rm_rf" | "truncate" | "delete" if call.is_of(&FILES) => first(),
            "write" | "binwrite" if call.is_of(&["Bun", "File", "IO"]) => first(),
            "rename" | "renames" | "replace" | "move" | "mv" if call.is_of(&FILES) => all(),
            "renameSync" => all(),
            "copy" | "copy2" | "copyfile" | "copytree" | "cp" | "cp_r" if call.is_of(&FILES) => {
                self.paths(call.argument(1))
            }
            "copyFile" | "copyFileSync" | "cpSync" => self.paths(call.argument(1)),
            "input"
                if call
                    .arguments
                    .iter()
                    .any(|argument| argument.first() == Some(&Token::Name("inplace"))) =>
            {
                first()
            }
            "system" | "popen" | "run" | "call" | "check_call" | "check_output" | "Popen" | "exec"
            | "execSync" | "execFileSync" | "spawn" | "spawnSync" | "shell_exec" => {
                shell(call).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Opening a file writes it, where the mode says so.
    fn opened(&self, call: &Call<'a>) -> Vec<CodeWrite> {
        let mut first = call.arguments.first().map(|argument| texts(argument)).into_iter().flatten();
        let is_method =
            call.arguments.len() < 2 && first.next().is_none_or(is_mode) && !call.receiver.is_empty();
        // Perl has the sign before the path, or alone before it.
        let perl = call.texts().find(|text| text.starts_with('>') || text.starts_with("+<"));
        if let Some(sign) = perl {
            let path = sign.trim_start_matches(['>', '+', '<', ' ']);
            let alone = path.is_empty() || path.starts_with(':');
            return if alone { self.paths(call.argument(2)) } else { vec![CodeWrite::Path(path.to_owned())] };
        }
        let flags = |token: &&Token<'_>| matches!(token, Token::Name("O_WRONLY" | "O_RDWR" | "O_CREAT"));
        let modes = call.arguments.iter().skip(usize::from(!is_method));
        let writes =
            modes.clone().flat_map(|argument| texts(argument)).any(|text| is_mode(text) && writes(text))
                || modes.flat_map(|argument| argument.iter()).any(|token| flags(&token));
        match (writes, is_method) {
            (false, _) => Vec::new(),
            (true, true) => self.paths(call.receiver),
            (true, false) => self.paths(call.argument(0)),
        }
    }

    /// The paths that an expression may stand for.
    fn paths(&self, expression: &[Token<'_>]) -> Vec<CodeWrite> {
        let found = self.values(expression, 0);
        if found.is_empty() && self.takes_operands {
            return vec![CodeWrite::Operands];
        }
        found.into_iter().map(CodeWrite::Path).collect()
    }

    fn values(&self, expression: &[Token<'_>], depth: usize) -> Vec<String> {
        if let Some(joined) = joined(expression) {
            return vec![joined];
        }
        let names = expression.iter().filter_map(|token| match token {
            Token::Name(name) if depth < DEPTH => Some(*name),
            Token::Name(_) | Token::Text(_) | Token::Sign(_) => None,
        });
        names.flat_map(|name| self.assigned(name, depth)).collect()
    }

    /// What a variable is set to anywhere in the code.
    fn assigned(&self, name: &str, depth: usize) -> Vec<String> {
        let mut found = Vec::new();
        self.look_ups.set(self.look_ups.get() + 1);
        if self.look_ups.get() > LOOK_UPS {
            return found;
        }
        for at in (0..self.tokens.len()).filter(|at| self.tokens[*at] == Token::Name(name)) {
            let after = self.tokens.get(at + 1..).unwrap_or_default();
            let value = match after {
                [Token::Sign('='), Token::Sign('=' | '>'), ..] => continue,
                [Token::Sign('='), value @ ..] => value,
                [Token::Name("in" | "of"), values @ ..] => {
                    found.extend(texts(line(values)).map(str::to_owned));
                    continue;
                }
                _ => continue,
            };
            found.extend(self.values(line(value), depth + 1));
        }
        found
    }
}

/// Until the end of the line or the statement.
fn line<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let end = tokens.iter().position(|token| matches!(token, Token::Sign('\n' | ';')));
    &tokens[..end.unwrap_or(tokens.len())]
}

fn texts<'t>(tokens: &'t [Token<'_>]) -> impl Iterator<Item = &'t str> {
    tokens.iter().filter_map(|token| match token {
        Token::Text(text) => Some(text.as_str()),
        Token::Name(_) | Token::Sign(_) => None,
    })
}

/// A path put together from texts: added up, or parts of one.
fn joined(expression: &[Token<'_>]) -> Option<String> {
    texts(expression).next()?;
    if !expression.contains(&Token::Sign('+')) {
        return Some(texts(expression).collect::<Vec<_>>().join("/"));
    }
    let part = |token: &Token<'_>| match token {
        Token::Text(text) => text.clone(),
        Token::Name(_) => "*".to_owned(),
        Token::Sign(_) => String::new(),
    };
    Some(expression.iter().map(part).collect())
}

/// A shell command that code starts: as one text, or as a list of words.
fn shell(call: &Call<'_>) -> Option<CodeWrite> {
    let is_list = |argument: &[Token<'_>]| argument.first() == Some(&Token::Sign('['));
    let mut words: Vec<&str> = texts(call.argument(0)).collect();
    if is_list(call.argument(1)) {
        words.extend(texts(call.argument(1)));
    }
    match words.as_slice() {
        [] => None,
        [text] => Some(CodeWrite::Shell((*text).to_owned())),
        words => {
            let quoted = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''")));
            Some(CodeWrite::Shell(quoted.collect::<Vec<_>>().join(" ")))
        }
    }
}

fn is_mode(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.chars().all(|sign| "rwaxbt+".contains(sign))
}

fn writes(mode: &str) -> bool {
    mode.contains(['w', 'a', 'x', '+'])
}

/// Where the bracket that opens at `open` is closed.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open).take(CALL_TOKENS) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.checked_sub(1)?,
            Token::Name(_) | Token::Text(_) | Token::Sign(_) => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Where the bracket that closes at `close` was opened.
fn opening(tokens: &[Token<'_>], close: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in (0..=close).rev().take(CALL_TOKENS) {
        match tokens[at] {
            Token::Sign(')' | ']' | '}') => depth += 1,
            Token::Sign('(' | '[' | '{') => depth = depth.checked_sub(1)?,
            Token::Name(_) | Token::Text(_) | Token::Sign(_) => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Splits at the commas that stand in no bracket of their own.
fn arguments<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut found = Vec::new();
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 0 => {
                found.push(&tokens[begin..at]);
                begin = at + 1;
            }
            Token::Name(_) | Token::Text(_) | Token::Sign(_) => {}
        }
    }
    if begin < tokens.len() {
        found.push(&tokens[begin..]);
    }
    found
}
