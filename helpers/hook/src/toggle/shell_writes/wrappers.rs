//! Programs that run another one.

use super::{Reading, base_name};
use crate::toggle::arguments::KnownWord;

/// The letters of a wrapper's options that a value follows, and how many words stand before the program.
fn wrapper(name: &str) -> Option<(&'static str, usize)> {
    Some(match name {
        "nohup" | "command" | "builtin" | "setsid" | "busybox" | "unbuffer" | "caffeinate" | "stdbuf"
        | "npx" => ("ioe", 0),
        "exec" => ("a", 0),
        "sudo" | "doas" => ("ugpCDhrtT", 0),
        "time" => ("fo", 0),
        "env" => ("uCS", 0),
        "nice" => ("n", 0),
        "ionice" => ("cnp", 0),
        "timeout" | "gtimeout" => ("ks", 1),
        "flock" => ("wE", 1),
        "strace" => ("oeps", 0),
        _ => return None,
    })
}

/// Whether a program runs another one.
pub(super) fn is_one(name: &str) -> bool {
    wrapper(name).is_some()
}

impl Reading {
    /// Takes off programs that run another one; `env -S` and `flock -c` bring a text along, which is read.
    pub(super) fn without_wrappers<'a>(&mut self, words: &'a [KnownWord], depth: usize) -> &'a [KnownWord] {
        let mut words = words;
        while let Some((Some(program), rest)) = words.split_first() {
            let Some((with_value, operands)) = wrapper(base_name(program)) else { break };
            words = self.behind_options(rest, with_value, depth).get(operands..).unwrap_or_default();
            // `flock FILE -c TEXT`
            if let [Some(option), Some(text), ..] = words
                && option == "-c"
            {
                self.text(text, depth + 1);
            }
        }
        words
    }

    fn behind_options<'a>(
        &mut self,
        words: &'a [KnownWord],
        with_value: &str,
        depth: usize,
    ) -> &'a [KnownWord] {
        let mut words = words;
        while let Some((Some(word), rest)) = words.split_first() {
            let letters = word.strip_prefix('-').unwrap_or_default();
            let has_value = !letters.starts_with('-')
                && letters.chars().last().is_some_and(|last| with_value.contains(last));
            if letters.is_empty() && !is_assignment(word) {
                break;
            }
            if letters == "S"
                && let Some(Some(text)) = rest.first()
            {
                self.text(text, depth + 1);
            }
            words = rest.get(usize::from(has_value && letters.len() == 1)..).unwrap_or_default();
        }
        words
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
