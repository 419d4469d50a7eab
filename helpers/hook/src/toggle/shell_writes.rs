//! Which files a shell command writes, as far as its text tells: follows `cd`, variables, pipes, wrappers and scripts
//! in scripts. Runs nothing; what each program does with its arguments is known to `programs`.

mod git;
mod indirect;
mod programs;
mod values;
mod wrappers;

use std::collections::HashMap;

use super::arguments::{Arguments, KnownWord};
use super::code_writes::{CodeWrite, written_by_code};
use super::shell_words::{ShellCall, Step, steps};

/// Something that a command writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// This path, as the command writes it, relative to where it runs. May hold a pattern.
    Path(String),
    /// This name in a directory, or the path itself where it is no directory.
    Into(String, String),
    /// Whatever this program takes from elsewhere, in this directory: `git apply`.
    Somewhere(&'static str, String),
}

/// What a command writes, given the variables that are known; empty for one that is no shell command.
pub fn written_by(command: &str, variables: &[(&str, &str)]) -> Vec<Written> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
    let mut reading = Reading {
        variables: variables.collect(),
        directories: vec![Some(String::new())],
        previous: Some(String::new()),
        unseen: None,
        found: Vec::new(),
    };
    reading.text(command, 0);
    reading.found.sort();
    reading.found.dedup();
    reading.found
}

/// Scripts in scripts in scripts are not followed for ever.
const DEPTH: usize = 8;

struct Reading {
    variables: HashMap<String, Vec<String>>,
    /// Where `cd` has led, relative to the beginning, for each subshell; none where nobody can say.
    directories: Vec<Option<String>>,
    previous: Option<String>,
    /// The program that feeds another one with names that are not known.
    unseen: Option<&'static str>,
    found: Vec<Written>,
}

/// The name of a program without its directory.
fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether it is worth knowing what a program is called with.
fn is_looked_at(program: &str) -> bool {
    const ALSO: [&str; 20] = [
        "xargs",
        "parallel",
        "read",
        "mapfile",
        "readarray",
        "bash",
        "sh",
        "zsh",
        "dash",
        "ksh",
        "su",
        "script",
        "python",
        "python2",
        "python3",
        "node",
        "perl",
        "ruby",
        "php",
        "eval",
    ];
    let name = base_name(program);
    ALSO.contains(&name)
        || matches!(name, "deno" | "bun")
        || programs::KNOWN.contains(&name)
        || wrappers::is_one(name)
}

impl Reading {
    fn text(&mut self, command: &str, depth: usize) {
        if depth >= DEPTH {
            return;
        }
        let steps = steps(command);
        for step in &steps {
            match step {
                Step::Enter => self.directories.push(self.directory().cloned()),
                Step::Leave => drop(self.directories.pop()),
                Step::Assign(name, values) => {
                    let values = values.iter().flat_map(|value| self.values(value)).collect();
                    self.variables.insert(name.clone(), values);
                }
                Step::Call(call) => self.shell_call(call, &steps, depth),
            }
        }
    }

    fn shell_call(&mut self, call: &ShellCall, steps: &[Step], depth: usize) {
        let writes: Vec<KnownWord> = call.writes.iter().flat_map(|word| self.known(word)).collect();
        writes.iter().flatten().for_each(|path| self.path(path));
        // Most programs write nothing that their words tell, however many they have.
        let program = call.words.first().map(|word| self.values(word));
        if !program.is_some_and(|names| names.iter().any(|name| is_looked_at(name))) {
            return;
        }
        let words: Vec<KnownWord> = call.words.iter().flat_map(|word| self.known(word)).collect();
        let words = self.without_wrappers(&words, depth);
        let Some((Some(program), rest)) = words.split_first() else { return };
        let name = base_name(program);
        match name {
            "xargs" | "parallel" => self.xargs(rest, call, steps),
            "read" | "mapfile" | "readarray" => self.read(rest, call, steps),
            "bash" | "sh" | "zsh" | "dash" | "ksh" | "su" | "script" => self.shell(rest, call, steps, depth),
            "python" | "python2" | "python3" | "node" | "deno" | "bun" | "perl" | "ruby" | "php" => {
                let code = self.scripts_on_stdin(call, steps);
                self.interpreter(name, rest, &code, depth);
            }
            "eval" => {
                let words: Vec<&str> = rest.iter().filter_map(Option::as_deref).collect();
                self.text(&words.join(" "), depth + 1);
            }
            _ => self.program(name, rest),
        }
    }

    /// `-c`, or what comes on stdin where no script is named.
    fn shell(&mut self, rest: &[KnownWord], call: &ShellCall, steps: &[Step], depth: usize) {
        let arguments = Arguments::of(rest, "cO");
        let script = arguments.value_of('c').or(arguments.long_value_of("command"));
        let named = !arguments.operands.is_empty() && !arguments.has('s');
        let scripts = match script {
            Some(script) => vec![script.to_owned()],
            None if named => Vec::new(),
            None => self.scripts_on_stdin(call, steps),
        };
        // It is a process of its own: where it goes is not where we go.
        self.directories.push(self.directory().cloned());
        for text in &scripts {
            self.text(text, depth + 1);
        }
        self.directories.pop();
    }

    fn interpreter(&mut self, name: &str, rest: &[KnownWord], stdin: &[String], depth: usize) {
        let with_value = match name {
            "perl" | "ruby" => "eEIMC",
            "php" => "r",
            "node" | "deno" | "bun" => "eprC",
            _ => "cmWX",
        };
        let arguments = Arguments::of(rest, with_value);
        if matches!(name, "perl" | "ruby") && arguments.has('i') {
            self.targets(&arguments.operands);
        }
        let long = ["eval", "print"].into_iter().find_map(|option| arguments.long_value_of(option));
        let option = ['c', 'e', 'E', 'r', 'p'].into_iter().find_map(|option| {
            let is_code = with_value.contains(option)
                && !(option == 'c' && name != "python" && !name.starts_with("python"));
            arguments.value_of(option).filter(|_| is_code)
        });
        // `deno eval CODE`
        let word =
            arguments.operands.windows(2).find(|words| words[0] == Some("eval")).and_then(|words| words[1]);
        let code: Vec<String> = match option.or(long).or(word) {
            Some(code) => vec![code.to_owned()],
            None => stdin.to_vec(),
        };
        for write in code.iter().flat_map(|code| written_by_code(code, name)) {
            match write {
                CodeWrite::Path(path) => self.path(&path),
                CodeWrite::Shell(text) => self.text(&text, depth + 1),
                CodeWrite::Operands => self.targets(&arguments.operands),
            }
        }
    }

    fn directory(&self) -> Option<&String> {
        self.directories.last().and_then(Option::as_ref)
    }

    /// The path seen from the beginning; none where a `cd` led nobody knows where.
    fn seen_from_start(&self, path: &str) -> Option<String> {
        if path.starts_with('/') {
            return Some(path.to_owned());
        }
        let directory = self.directory()?;
        Some(if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") })
    }

    fn path(&mut self, path: &str) {
        let is_device = path.starts_with("/dev/") || path.starts_with("/proc/");
        if !path.is_empty() && path != "-" && !is_device {
            self.found.extend(self.seen_from_start(path).map(Written::Path));
        }
    }

    fn somewhere(&mut self, what: &'static str) {
        self.found.extend(self.directory().cloned().map(|directory| Written::Somewhere(what, directory)));
    }

    /// What a program writes; where another one feeds it with names that nobody knows, that is somewhere.
    fn targets(&mut self, operands: &[Option<&str>]) {
        for operand in operands {
            match (operand, self.unseen) {
                (Some(path), _) => self.path(path),
                (None, Some(what)) => self.somewhere(what),
                (None, None) => {}
            }
        }
    }

    fn change_directory(&mut self, to: Option<&str>, arguments: &Arguments<'_>) {
        let home = self.variables.get("HOME").and_then(|values| values.first().cloned());
        let there = match to {
            Some(to) => self.seen_from_start(to),
            None if arguments.all.is_empty() => home,
            None if arguments.all.first().and_then(Option::as_deref) == Some("-") => self.previous.clone(),
            None => None,
        };
        self.previous = self.directory().cloned();
        if let Some(last) = self.directories.last_mut() {
            *last = there;
        }
    }
}

#[cfg(test)]
mod tests;
