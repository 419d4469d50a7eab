//! Which files a shell command writes, as far as its text tells. Knows the usual programs; runs nothing.
//!
//! What it cannot see: a path that only a variable, a pattern or a program's output holds; what a script, a build
//! or an interpreter's file does; programs that are not named here.

use super::shell_words::{KnownWord, ShellCall, calls};

/// Something that a command writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// This path, as the command writes it, relative to where it runs.
    Path(String),
    /// Whatever this program takes from elsewhere: `git apply`, `find -delete`.
    Somewhere(&'static str),
}

/// What a command writes; empty for one that is no shell command.
pub fn written_by(command: &str) -> Vec<Written> {
    let mut reading = Reading { directory: String::new(), found: Vec::new() };
    reading.text(command, 0);
    reading.found.sort();
    reading.found.dedup();
    reading.found
}

/// Scripts in scripts in scripts are not followed for ever.
const DEPTH: usize = 8;

struct Reading {
    /// Where a `cd` has led, relative to the beginning.
    directory: String,
    found: Vec<Written>,
}

impl Reading {
    fn text(&mut self, command: &str, depth: usize) {
        for call in calls(command).unwrap_or_default().iter().filter(|_| depth < DEPTH) {
            self.paths(&call.writes);
            self.call(call, depth);
        }
    }

    fn path(&mut self, path: &str) {
        let is_device = path.starts_with("/dev/");
        if !path.is_empty() && path != "-" && !is_device {
            let whole = if path.starts_with('/') || self.directory.is_empty() {
                path.to_owned()
            } else {
                format!("{}/{path}", self.directory)
            };
            self.found.push(Written::Path(whole));
        }
    }

    fn paths<'a>(&mut self, words: impl IntoIterator<Item = &'a KnownWord>) {
        words.into_iter().flatten().for_each(|word| self.path(word));
    }

    fn call(&mut self, call: &ShellCall, depth: usize) {
        let words = without_wrappers(&call.words);
        let Some((Some(program), arguments)) = words.split_first() else { return };
        let name = program.rsplit('/').next().unwrap_or(program);
        let arguments = Arguments::of(arguments, options_with_values(name));
        match name {
            "cd" | "pushd" => self.change_directory(arguments.operands.first().copied().flatten()),
            "bash" | "sh" | "zsh" | "dash" | "ksh" => {
                let script = arguments.value_of("c").map(str::to_owned);
                script.iter().chain(&call.stdin).for_each(|text| self.text(text, depth + 1));
            }
            "eval" => {
                let words: Vec<&str> = arguments.all.iter().filter_map(|word| word.as_deref()).collect();
                self.text(&words.join(" "), depth + 1);
            }
            "xargs" | "parallel" => self.fed(&arguments),
            "python" | "python3" | "node" | "deno" | "bun" | "perl" | "ruby" | "php" => {
                self.interpreter(name, &arguments, &call.stdin);
            }
            "git" => self.git(&arguments),
            "find" => self.find(&arguments),
            _ => self.program(name, &arguments),
        }
    }

    fn change_directory(&mut self, to: Option<&str>) {
        if let Some(to) = to {
            let joined = if to.starts_with('/') || self.directory.is_empty() {
                to.to_owned()
            } else {
                format!("{}/{to}", self.directory)
            };
            self.directory = joined;
        }
    }

    /// Programs that name what they write.
    fn program(&mut self, name: &str, arguments: &Arguments<'_>) {
        let operands = &arguments.operands;
        match name {
            "tee" | "rm" | "rmdir" | "unlink" | "truncate" | "shred" | "touch" | "mkfifo" | "sponge" => {
                self.known(operands);
            }
            "sed" if arguments.has("i") || arguments.has_long("in-place") => {
                let script_is_option =
                    arguments.has("e") || arguments.has("f") || arguments.has_long("expression");
                self.known(operands.get(usize::from(!script_is_option)..).unwrap_or_default());
            }
            "mv" | "cp" | "install" | "ln" | "rsync" => self.copy(name, arguments),
            "dd" => {
                let target = arguments.all.iter().flatten().find_map(|word| word.strip_prefix("of="));
                if let Some(path) = target {
                    self.path(path);
                }
            }
            "patch" => self.found.push(Written::Somewhere("patch")),
            "prettier" | "eslint" | "rustfmt" | "gofmt" | "black" | "ruff"
                if arguments.has_any_long(&["write", "fix"]) || arguments.has("w") =>
            {
                self.found.push(Written::Somewhere("a formatter"));
            }
            _ => {}
        }
    }

    fn known(&mut self, operands: &[Option<&str>]) {
        operands.iter().flatten().for_each(|path| self.path(path));
    }

    /// The last operand, or what `-t` names; moving takes the others away.
    fn copy(&mut self, name: &str, arguments: &Arguments<'_>) {
        let operands = &arguments.operands;
        let (sources, target) = match arguments.value_of("t") {
            Some(directory) => (operands.as_slice(), Some(directory)),
            None => match operands.split_last() {
                Some((target, sources)) => (sources, *target),
                None => return,
            },
        };
        if name == "mv" {
            self.known(sources);
        }
        let Some(target) = target else { return };
        if operands.len() > 2 || target.ends_with('/') || target == "." || arguments.value_of("t").is_some() {
            let names =
                sources.iter().flatten().filter_map(|source| source.trim_end_matches('/').rsplit('/').next());
            let joined: Vec<String> =
                names.map(|name| format!("{}/{name}", target.trim_end_matches('/'))).collect();
            for path in &joined {
                self.path(path);
            }
        } else {
            self.path(target);
        }
    }

    /// Programs that get their operands from a pipe.
    fn fed(&mut self, arguments: &Arguments<'_>) {
        let changes =
            |word: &&str| matches!(*word, "rm" | "sed" | "tee" | "mv" | "cp" | "touch" | "truncate");
        if arguments.operands.iter().flatten().any(changes) {
            self.found.push(Written::Somewhere("xargs"));
        }
    }

    fn find(&mut self, arguments: &Arguments<'_>) {
        let words = || arguments.all.iter().flatten().map(String::as_str);
        let runs = words().skip_while(|word| !word.starts_with("-exec") && !word.starts_with("-ok")).nth(1);
        let changes =
            runs.is_some_and(|program| matches!(program, "rm" | "sed" | "mv" | "cp" | "tee" | "truncate"));
        if changes || words().any(|word| word == "-delete") {
            self.found.push(Written::Somewhere("find"));
        }
    }

    fn git(&mut self, arguments: &Arguments<'_>) {
        let operands: Vec<&str> = arguments.operands.iter().flatten().copied().collect();
        let Some((command, rest)) = operands.split_first() else { return };
        match *command {
            "apply" if !arguments.has_any_long(&["check", "stat", "numstat", "summary", "cached"]) => {
                self.found.push(Written::Somewhere("git apply"));
            }
            "am" => self.found.push(Written::Somewhere("git am")),
            "restore" if !arguments.has_long("staged") || arguments.has_long("worktree") => {
                for path in rest {
                    self.path(path);
                }
            }
            "checkout" => arguments.after_dashes.iter().flatten().for_each(|path| self.path(path)),
            "rm" | "mv" => rest.iter().for_each(|path| self.path(path)),
            "clean" if arguments.has("f") || arguments.has_long("force") => {
                self.found.push(Written::Somewhere("git clean"));
            }
            "reset" if arguments.has_long("hard") => self.found.push(Written::Somewhere("git reset --hard")),
            _ => {}
        }
    }

    fn interpreter(&mut self, name: &str, arguments: &Arguments<'_>, stdin: &[String]) {
        let in_place = matches!(name, "perl" | "ruby") && arguments.has("i");
        if in_place {
            self.known(&arguments.operands);
        }
        let code = ["c", "e", "p", "pe", "r"].iter().filter_map(|option| arguments.value_of(option));
        let code: Vec<String> = code.map(str::to_owned).chain(stdin.iter().cloned()).collect();
        for code in code.iter().filter(|code| writes_files(code)) {
            quoted_texts(code).filter(|text| looks_like_a_path(text)).for_each(|path| self.path(path));
        }
    }
}

/// Calls by which a program in another language writes files.
const WRITING: [&str; 14] = [
    "'w'",
    "\"w\"",
    "'a'",
    "\"a\"",
    "'wb'",
    "\"wb\"",
    "write_text(",
    "write_bytes(",
    "writeFile",
    "appendFile",
    "os.remove(",
    "unlink",
    "os.rename(",
    "shutil.",
];

fn writes_files(code: &str) -> bool {
    WRITING.iter().any(|call| code.contains(call)) || code.contains("File.write")
}

fn quoted_texts(code: &str) -> impl Iterator<Item = &str> {
    ['"', '\''].into_iter().flat_map(|quote| code.split(quote).skip(1).step_by(2))
}

fn looks_like_a_path(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    name.contains('.') && !text.contains([' ', '\n', '(', '{', '\\']) && !text.contains("://")
}

/// Takes off programs that run another one.
fn without_wrappers(words: &[KnownWord]) -> &[KnownWord] {
    let mut words = words;
    while let Some((Some(program), rest)) = words.split_first() {
        let takes_value = match program.rsplit('/').next().unwrap_or(program) {
            "sudo" | "nohup" | "time" | "command" | "exec" | "env" | "builtin" | "stdbuf" | "nice"
            | "ionice" => 0,
            "timeout" => 1,
            _ => return words,
        };
        let is_option =
            |word: &KnownWord| word.as_ref().is_some_and(|word| word.starts_with('-') || is_assignment(word));
        let options = rest.iter().take_while(|word| is_option(word)).count();
        words = rest.get(options + takes_value..).unwrap_or_default();
    }
    words
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// The short options of a program that are followed by a value.
fn options_with_values(program: &str) -> &'static str {
    match program {
        "sed" => "efl",
        "cp" | "mv" | "ln" | "install" => "tSmog",
        "git" => "Cc",
        "truncate" => "sr",
        "touch" => "dtr",
        "perl" | "ruby" => "eEIMC",
        _ => "",
    }
}

/// Arguments, told apart as most programs do.
struct Arguments<'a> {
    all: &'a [KnownWord],
    operands: Vec<Option<&'a str>>,
    after_dashes: Vec<Option<&'a str>>,
}

impl<'a> Arguments<'a> {
    fn of(all: &'a [KnownWord], with_value: &str) -> Self {
        let text = |word: &'a KnownWord| word.as_deref();
        let dashes = all.iter().position(|word| word.as_deref() == Some("--"));
        let (before, after) = all.split_at(dashes.unwrap_or(all.len()));
        let after_dashes: Vec<_> = after.iter().skip(1).map(text).collect();
        let is_option = |word: &str| word.starts_with('-') && word.len() > 1;
        let takes_next = |word: &str| {
            is_option(word) && !word.starts_with("--") && word.ends_with(|end| with_value.contains(end))
        };
        let mut operands = Vec::new();
        let mut is_value = false;
        for word in before.iter().map(text) {
            if !is_value && !word.is_some_and(is_option) {
                operands.push(word);
            }
            is_value = !is_value && word.is_some_and(takes_next);
        }
        operands.extend(&after_dashes);
        Self { all, operands, after_dashes }
    }

    /// Whether a short option is there, alone or among others (`-ni`, `-i.bak`).
    fn has(&self, option: &str) -> bool {
        self.options().any(|word| !word.starts_with("--") && word.contains(option))
    }

    fn has_long(&self, option: &str) -> bool {
        let names = |word: &str| {
            word.strip_prefix("--").map(|word| word.split('=').next().unwrap_or(word).to_owned())
        };
        self.options().any(|word| names(word).as_deref() == Some(option))
    }

    fn has_any_long(&self, options: &[&str]) -> bool {
        options.iter().any(|option| self.has_long(option))
    }

    /// The word after a group of short options that ends with this one (`-c`, `-lc`).
    fn value_of(&self, option: &str) -> Option<&'a str> {
        let at = self.all.iter().position(|word| {
            word.as_ref().is_some_and(|word| {
                word.starts_with('-') && !word.starts_with("--") && word.len() > 1 && word.ends_with(option)
            })
        })?;
        self.all.get(at + 1)?.as_deref()
    }

    fn options(&self) -> impl Iterator<Item = &'a str> {
        let words = self.all.iter().filter_map(|word| word.as_deref());
        words.take_while(|word| *word != "--").filter(|word| word.starts_with('-'))
    }
}

#[cfg(test)]
mod tests;
