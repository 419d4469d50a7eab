//! Programs that get their operands, or their script, from another one: `find -exec`, `xargs`, `read`, pipes.

use super::{Reading, base_name};
use crate::toggle::arguments::{Arguments, KnownWord};
use crate::toggle::shell_words::{ShellCall, Step};

/// Pipes are not followed back for ever.
const PIPE: usize = 16;

impl Reading {
    /// Deletes, prints to files, or runs programs on what it finds: a pattern below each of its directories.
    pub(super) fn find(&mut self, name: &str, words: &[KnownWord]) {
        let matched = matched(name, words);
        let text = |at: usize| words.get(at).and_then(Option::as_deref);
        for at in 0..words.len() {
            match text(at) {
                Some("-delete") if text(at.wrapping_sub(1)) != Some("-empty") => {
                    for path in &matched {
                        self.path(path);
                    }
                }
                Some("-fprint" | "-fprintf" | "-fls") => self.targets(&[text(at + 1)]),
                Some("-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "-X" | "--exec" | "--exec-batch") => {
                    let rest = words.get(at + 1..).unwrap_or_default();
                    let end = rest.iter().position(|word| matches!(word.as_deref(), Some(";" | "+")));
                    self.run_on(&rest[..end.unwrap_or(rest.len())], Some("{}"), Some(&matched), "find");
                }
                _ => {}
            }
        }
    }

    pub(super) fn xargs(&mut self, words: &[KnownWord], call: &ShellCall, steps: &[Step]) {
        let mut rest = words;
        let mut replaced = None;
        while let Some((Some(option), after)) = rest.split_first() {
            let Some(letters) = option.strip_prefix('-') else { break };
            let (letter, attached) = letters.split_at(letters.chars().next().map_or(0, char::len_utf8));
            let has_value =
                matches!(letter, "I" | "n" | "P" | "L" | "d" | "E" | "s" | "a" | "j") && attached.is_empty();
            if letter == "I" {
                replaced = if attached.is_empty() {
                    after.first().and_then(Option::as_deref)
                } else {
                    Some(attached)
                };
            }
            rest = after.get(usize::from(has_value)..).unwrap_or_default();
        }
        let fed = self.fed(call, steps);
        self.run_on(rest, replaced, fed.as_deref(), "xargs");
    }

    /// Runs a program with names put in the place of a sign, or at its end.
    fn run_on(
        &mut self,
        words: &[KnownWord],
        sign: Option<&str>,
        names: Option<&[String]>,
        what: &'static str,
    ) {
        let names: Vec<KnownWord> =
            names.map_or(vec![None], |names| names.iter().cloned().map(Some).collect());
        let mut filled = Vec::new();
        for word in words {
            match (word, sign) {
                (Some(text), Some(sign)) if text.contains(sign) => {
                    let with = |name: &KnownWord| name.as_ref().map(|name| text.replace(sign, name));
                    filled.extend(names.iter().map(with));
                }
                _ => filled.push(word.clone()),
            }
        }
        if sign.is_none() {
            filled.extend(names);
        }
        let before = self.unseen.replace(what);
        let call = self.without_wrappers(&filled, 1);
        if let Some((Some(program), rest)) = call.split_first() {
            let name = base_name(program).to_owned();
            match name.as_str() {
                "bash" | "sh" | "zsh" | "dash" | "ksh" => self.shell(rest, &ShellCall::default(), &[], 1),
                "perl" | "ruby" | "python3" | "node" => self.interpreter(&name, rest, &[], 1),
                name => self.program(name, rest),
            }
        }
        self.unseen = before;
    }

    /// `while read name` gives a variable what comes through the pipe.
    pub(super) fn read(&mut self, words: &[KnownWord], call: &ShellCall, steps: &[Step]) {
        let Some(fed) = self.fed(call, steps) else { return };
        if let Some(name) = Arguments::of(words, "adinNptu").operands.last().copied().flatten() {
            self.variables.insert(name.to_owned(), fed);
        }
    }

    /// The names that come through the pipe; none where nobody can say.
    fn fed(&self, call: &ShellCall, steps: &[Step]) -> Option<Vec<String>> {
        let mut from = call.fed_by;
        for _ in 0..PIPE {
            let Some(Step::Call(before)) = steps.get(from?) else { return None };
            let words: Vec<KnownWord> = before.words.iter().flat_map(|word| self.known(word)).collect();
            let (Some(program), rest) = words.split_first()? else { return None };
            match program.as_str() {
                "sort" | "uniq" | "head" | "tail" | "tac" => {}
                "grep" | "egrep" | "rg" if before.fed_by.is_some() => {}
                program => return printed(program, rest),
            }
            from = before.fed_by;
        }
        None
    }

    /// Scripts that come as here-documents or through `cat` and `echo`.
    pub(super) fn scripts_on_stdin(&self, call: &ShellCall, steps: &[Step]) -> Vec<String> {
        let texts = |call: &ShellCall| call.stdin.iter().map(|word| self.text_of(word)).collect::<Vec<_>>();
        let own = texts(call);
        let Some(Step::Call(before)) = call.fed_by.and_then(|at| steps.get(at)).filter(|_| own.is_empty())
        else {
            return own;
        };
        let words: Vec<KnownWord> = before.words.iter().flat_map(|word| self.known(word)).collect();
        let texts_of = |words: &[KnownWord]| words.iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        match words.split_first() {
            Some((Some(program), rest)) if matches!(program.as_str(), "echo" | "printf") => {
                vec![texts_of(rest)]
            }
            Some((Some(program), _)) if program == "cat" => texts(before),
            _ => Vec::new(),
        }
    }

    /// A text that may hold what nobody knows: the rest of it still says something.
    fn text_of(&self, word: &crate::toggle::shell_words::Word) -> String {
        let part = |part| self.values(&vec![part]).into_iter().next().unwrap_or_else(|| "*".to_owned());
        word.iter().cloned().map(part).collect()
    }
}

/// The names that a program prints.
fn printed(program: &str, rest: &[KnownWord]) -> Option<Vec<String>> {
    let all = |operands: &[Option<&str>]| operands.iter().map(|word| word.map(str::to_owned)).collect();
    match program {
        "find" | "gfind" | "fd" => Some(matched(program, rest)),
        "echo" | "printf" => {
            let words = Arguments::of(rest, "").operands;
            let lines = words
                .iter()
                .map(|word| word.map(|word| word.split([' ', '\n']).map(str::to_owned).collect()));
            lines.collect::<Option<Vec<Vec<String>>>>().map(|words| words.concat())
        }
        "ls" => {
            let operands = Arguments::of(rest, "I").operands;
            if operands.is_empty() { Some(vec!["*".to_owned()]) } else { all(&operands) }
        }
        "git" => {
            let operands = Arguments::of(rest, "cC").operands;
            let (first, rest) = operands.split_first()?;
            let whole = rest.is_empty().then(|| vec![".".to_owned()]);
            (*first == Some("ls-files")).then(|| whole.or_else(|| all(rest)))?
        }
        "grep" | "egrep" | "fgrep" | "rg" | "ag" | "ack" => {
            let arguments = Arguments::of(rest, "efmABCgt");
            let pattern_is_option = arguments.has('e') || arguments.has('f');
            let within = arguments.operands_after(usize::from(!pattern_is_option));
            let within = if within.is_empty() { &[Some(".")] } else { within };
            let narrowed = arguments
                .long_value_of("include")
                .or(arguments.long_value_of("glob"))
                .or(arguments.value_of('g'));
            let narrowed = narrowed.filter(|pattern| !pattern.starts_with('!'));
            let name = |within: Option<&str>| {
                within
                    .map(|within| narrowed.map_or(within.to_owned(), |pattern| format!("{within}/{pattern}")))
            };
            within.iter().copied().map(name).collect()
        }
        _ => None,
    }
}

/// Patterns of what `find` finds; the directories themselves where it does not look at names.
fn matched(name: &str, words: &[KnownWord]) -> Vec<String> {
    if name == "fd" {
        let arguments = Arguments::of(words, "etdExX");
        let below = arguments.operands.get(1).copied().flatten().unwrap_or(".");
        return vec![arguments.value_of('e').map_or(below.to_owned(), |end| format!("{below}/*.{end}"))];
    }
    let is_test = |word: &KnownWord| word.as_deref().is_some_and(|word| word.starts_with(['-', '(', '!']));
    let begins: Vec<&str> =
        words.iter().take_while(|word| !is_test(word)).filter_map(Option::as_deref).collect();
    let unknown = words.first().is_some_and(Option::is_none);
    let begins = if begins.is_empty() && !unknown { vec!["."] } else { begins };
    let patterns_of = |tests: &[&str]| -> Vec<&str> {
        let is_one = |at: &usize| {
            let before = at.checked_sub(1).and_then(|at| words[at].as_deref());
            words[*at].as_deref().is_some_and(|word| tests.contains(&word))
                && !matches!(before, Some("!" | "-not"))
        };
        (0..words.len()).filter(is_one).filter_map(|at| words.get(at + 1)?.as_deref()).collect()
    };
    let names = patterns_of(&["-name", "-iname"]);
    if !names.is_empty() {
        return begins
            .iter()
            .flat_map(|begin| names.iter().map(move |name| format!("{begin}/{name}")))
            .collect();
    }
    let paths = patterns_of(&["-path", "-wholename", "-ipath"]);
    if paths.is_empty() {
        begins.into_iter().map(str::to_owned).collect()
    } else {
        paths.into_iter().map(str::to_owned).collect()
    }
}
