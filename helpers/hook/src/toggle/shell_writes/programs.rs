//! What programs write that name it in their arguments.

use super::{Reading, Written};
use crate::toggle::arguments::{Arguments, KnownWord};

/// The programs that [`Reading::program`] knows.
pub(super) const KNOWN: [&str; 48] = [
    "cd", "pushd", "popd", "export", "local", "declare", "typeset", "readonly", "git", "find", "gfind", "fd",
    "tee", "sponge", "rm", "grm", "unlink", "truncate", "shred", "trash", "dos2unix", "unix2dos", "ed", "ex",
    "vi", "vim", "nvim", "sed", "gsed", "sd", "mv", "gmv", "cp", "gcp", "install", "ginstall", "ln", "rsync",
    "scp", "dd", "sort", "wget", "curl", "patch", "awk", "gawk", "mawk", "nawk",
];

/// The letters of the options that a value follows.
fn options_with_values(program: &str) -> &'static str {
    match program {
        "sed" | "gsed" => "efl",
        "cp" | "mv" | "ln" | "gcp" | "gmv" => "tS",
        "install" | "ginstall" => "tSmog",
        "rsync" => "efT",
        "scp" => "FiloPS",
        "truncate" => "sr",
        "shred" => "nsr",
        "sort" => "okStT",
        "curl" => "oHdXuAbceFmrTxKwYy",
        "wget" => "OPoaUet",
        "awk" | "gawk" | "mawk" | "nawk" => "vfFi",
        "patch" => "pdioBDFrVYz",
        "vi" | "vim" | "nvim" | "ex" => "cSuU",
        "sd" => "fn",
        _ => "",
    }
}

impl Reading {
    pub(super) fn program(&mut self, name: &str, rest: &[KnownWord]) {
        let arguments = Arguments::of(rest, options_with_values(name));
        let first = arguments.operands.first().copied().flatten();
        match name {
            "cd" | "pushd" => self.change_directory(first.filter(|to| *to != "-"), &arguments),
            "popd" => {
                let back = self.previous.clone();
                self.change_directory(
                    back.as_deref().map(|back| if back.is_empty() { "." } else { back }),
                    &arguments,
                );
            }
            "export" | "local" | "declare" | "typeset" | "readonly" => self.declared(&arguments),
            "git" => self.git(rest),
            "find" | "gfind" | "fd" => self.find(name, rest),
            "tee" | "sponge" | "rm" | "grm" | "unlink" | "truncate" | "shred" | "trash" | "dos2unix"
            | "unix2dos" | "ed" | "ex" | "vi" | "vim" | "nvim" => self.targets(&arguments.operands),
            "sed" | "gsed" if arguments.has('i') || arguments.has_long(&["in-place"]) => self.sed(&arguments),
            "sd" if !arguments.has('p') => self.targets(arguments.operands_after(2)),
            "mv" | "gmv" | "cp" | "gcp" | "install" | "ginstall" | "ln" | "rsync" | "scp" => {
                self.copy(name, &arguments);
            }
            "dd" => {
                let target = arguments.all.iter().flatten().find_map(|word| word.strip_prefix("of="));
                self.targets(&target.map(Some).into_iter().collect::<Vec<_>>());
            }
            "sort" => self.targets(&[arguments.value_of('o').or(arguments.long_value_of("output"))]),
            "wget" => self.targets(&[arguments.value_of('O').or(arguments.long_value_of("output-document"))]),
            "curl" => self.curl(&arguments),
            "patch" => self.patch(&arguments),
            "awk" | "gawk" | "mawk" | "nawk" => self.awk(&arguments),
            _ => {}
        }
    }

    fn declared(&mut self, arguments: &Arguments<'_>) {
        for (name, value) in arguments.operands.iter().flatten().filter_map(|word| word.split_once('=')) {
            self.variables.insert(name.to_owned(), vec![value.to_owned()]);
        }
    }

    fn sed(&mut self, arguments: &Arguments<'_>) {
        let script_is_option =
            arguments.has('e') || arguments.has('f') || arguments.has_long(&["expression", "file"]);
        // BSD's `-i` has its suffix in a word of its own, which is mostly empty.
        let operands: Vec<_> = arguments.operands.iter().copied().filter(|word| *word != Some("")).collect();
        self.targets(operands.get(usize::from(!script_is_option)..).unwrap_or_default());
    }

    /// The last operand, or what `-t` names; moving takes the others away.
    fn copy(&mut self, name: &str, arguments: &Arguments<'_>) {
        if name == "install" && arguments.has('d') {
            return;
        }
        let operands = &arguments.operands;
        let named = arguments.value_of('t').filter(|_| arguments.has('t') && name != "rsync");
        let named = named.or(arguments.long_value_of("target-directory"));
        let (sources, target) = match named {
            Some(directory) => (operands.as_slice(), Some(directory)),
            None => match operands.split_last() {
                Some((target, sources)) => (sources, *target),
                None => return,
            },
        };
        if name.ends_with("mv") || arguments.has_long(&["remove-source-files"]) {
            self.targets(sources);
        }
        let Some(target) = target else { return self.targets(&[None]) };
        // Another machine's.
        let is_remote = matches!(name, "rsync" | "scp")
            && target.split('/').next().is_some_and(|host| host.contains(':'));
        let Some(directory) = self.seen_from_start(target).filter(|_| !is_remote) else { return };
        // `ln` with one operand makes a link of that name here.
        let (sources, directory) = if name == "ln" && sources.is_empty() {
            (operands.as_slice(), String::from("."))
        } else {
            (sources, directory)
        };
        for source in sources {
            let source = source.map(|source| source.trim_end_matches('/'));
            match source.and_then(|source| source.rsplit('/').next()) {
                Some(name) => self.found.push(Written::Into(directory.clone(), name.to_owned())),
                None => self.found.push(Written::Path(directory.clone())),
            }
        }
    }

    fn curl(&mut self, arguments: &Arguments<'_>) {
        self.targets(&[arguments.value_of('o').or(arguments.long_value_of("output"))]);
        if arguments.has('O') || arguments.has_long(&["remote-name"]) {
            let names = arguments
                .operands
                .iter()
                .map(|url| url.and_then(|url| url.split(['?', '#']).next()?.rsplit('/').next()));
            self.targets(&names.collect::<Vec<_>>());
        }
    }

    fn patch(&mut self, arguments: &Arguments<'_>) {
        if arguments.has_long(&["dry-run"]) {
            return;
        }
        let file = arguments.operands.first().copied().flatten();
        if let Some(path) = arguments.value_of('o').or(arguments.long_value_of("output")).or(file) {
            return self.path(path);
        }
        let directory = arguments.value_of('d').or(arguments.long_value_of("directory"));
        self.in_directory(directory, |reading| reading.somewhere("patch"));
    }

    /// Does it as if a `cd` had been before.
    pub(super) fn in_directory(&mut self, directory: Option<&str>, does: impl FnOnce(&mut Self)) {
        let there = match directory {
            Some(directory) => self.seen_from_start(directory),
            None => self.directory().cloned(),
        };
        self.directories.push(there);
        does(self);
        self.directories.pop();
    }

    /// `print > "file"` in the program, and `-i inplace`.
    fn awk(&mut self, arguments: &Arguments<'_>) {
        let program = arguments.operands.first().copied().flatten().unwrap_or_default();
        if arguments.value_of('i') == Some("inplace") {
            self.targets(arguments.operands_after(1));
        }
        for after in program.split('>').skip(1) {
            let text = after.trim_start().strip_prefix('"').and_then(|text| text.split_once('"'));
            if let Some((path, _)) = text {
                self.path(path);
            }
        }
    }
}
