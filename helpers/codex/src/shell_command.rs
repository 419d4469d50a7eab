//! What the model wrote inside the shell wrapper that Codex puts around it: `/bin/bash -lc 'cargo test'` → `cargo test`.
//! For people and for classification; nothing is ever executed from it.

use std::borrow::Cow;

/// Takes the shell wrapper off a command; what has none is returned as it is.
pub fn unwrap_shell(command: Cow<'_, str>) -> Cow<'_, str> {
    match command {
        Cow::Borrowed(text) => unwrapped(text).unwrap_or(Cow::Borrowed(text)),
        Cow::Owned(text) => {
            let inner = unwrapped(&text).map(Cow::into_owned);
            Cow::Owned(inner.unwrap_or(text))
        }
    }
}

/// The third word, when the first is a shell and the second its `-c`.
fn unwrapped(command: &str) -> Option<Cow<'_, str>> {
    let (shell, rest) = command.split_once(' ')?;
    let name = shell.rsplit('/').next()?;
    if !matches!(name, "bash" | "zsh" | "sh" | "dash" | "fish" | "ksh") {
        return None;
    }
    let (flag, script) = rest.split_once(' ')?;
    if !matches!(flag, "-lc" | "-c") {
        return None;
    }
    one_word(script)
}

/// Reads a text that is exactly one shell word, quoted as POSIX shells do it. A word in plain quotes is borrowed.
fn one_word(text: &str) -> Option<Cow<'_, str>> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))
        && !inner.contains('\'')
    {
        return Some(Cow::Borrowed(inner));
    }
    if !text.is_empty() && !text.contains(['\'', '"', '\\', ' ', '\t', '\n']) {
        return Some(Cow::Borrowed(text));
    }
    let mut word = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\'' => {
                let (inner, after) = rest[1..].split_once('\'')?;
                word.push_str(inner);
                after
            }
            '"' => double_quoted(&rest[1..], &mut word)?,
            '\\' => escaped(&rest[1..], &mut word)?,
            ' ' | '\t' | '\n' => return None,
            other => {
                word.push(other);
                &rest[other.len_utf8()..]
            }
        };
    }
    Some(Cow::Owned(word))
}

/// Appends what stands before the closing `"` and returns what stands after it.
fn double_quoted<'a>(mut rest: &'a str, word: &mut String) -> Option<&'a str> {
    loop {
        let end = rest.find(['"', '\\'])?;
        word.push_str(&rest[..end]);
        let after = &rest[end + 1..];
        if rest[end..].starts_with('"') {
            return Some(after);
        }
        if !after.starts_with(['"', '\\', '$', '`', '\n']) {
            word.push('\\');
        }
        rest = escaped(after, word)?;
    }
}

/// Appends the character that a backslash protects and returns what follows.
fn escaped<'a>(rest: &'a str, word: &mut String) -> Option<&'a str> {
    let protected = rest.chars().next()?;
    word.push(protected);
    Some(&rest[protected.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(command: &str) -> String {
        unwrap_shell(Cow::Borrowed(command)).into_owned()
    }

    #[test]
    fn what_the_model_wrote_is_inside_the_wrapper() {
        assert_eq!(inner("/bin/bash -lc 'echo shell; sleep .3; exit 3'"), "echo shell; sleep .3; exit 3");
        assert_eq!(inner("/bin/bash -lc true"), "true");
        assert_eq!(inner("bash -c 'sed -n 1,5p x'"), "sed -n 1,5p x");
        assert_eq!(inner(r#"/usr/bin/zsh -lc "echo \"it's\" \$HOME""#), r#"echo "it's" $HOME"#);
        assert_eq!(inner(r#"/bin/sh -c 'a '"'"'b'"'"' c'"#), "a 'b' c");
        assert_eq!(inner("/bin/bash -lc 'a\nb'"), "a\nb");
    }

    #[test]
    fn what_has_no_wrapper_stays() {
        for command in
            ["cargo test", "", "bash", "bash -lc", "bash script.sh x", "bash -lc 'a' b", "bash -lc 'a"]
        {
            assert_eq!(inner(command), command, "{command}");
        }
    }

    #[test]
    fn a_plainly_quoted_command_is_borrowed() {
        assert!(matches!(unwrap_shell(Cow::Borrowed("/bin/bash -lc 'ls -l'")), Cow::Borrowed("ls -l")));
    }
}
