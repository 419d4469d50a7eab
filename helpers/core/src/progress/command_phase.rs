//! What a shell command is about, judged by its first words: looking, testing, or anything else. For the eyes of people
//! only; a wrong guess costs a word in a live line.

use super::Phase;

/// Longer commands are judged by their beginning.
const LOOKED_AT: usize = 4096;

/// [`Phase::Testing`] if any part of the command tests, [`Phase::Reading`] if all parts only look, else
/// [`Phase::Running`]. The command comes without the backend's shell wrapper.
pub fn command_phase(command: &str) -> Phase {
    let end = command.floor_char_boundary(LOOKED_AT);
    let mut only_looks = None;
    for part in simple_commands(&command[..end]) {
        let words = meaningful_words(part);
        let Some((&program, rest)) = words.split_first() else { continue };
        let program = program.rsplit('/').next().unwrap_or(program);
        if tests(program, rest) {
            return Phase::Testing;
        }
        let looks = program == "cd" || (looks(program, rest) && !rest.iter().any(|word| writes_a_file(word)));
        only_looks = Some(only_looks.unwrap_or(true) && looks);
    }
    if only_looks == Some(true) { Phase::Reading } else { Phase::Running }
}

/// Splits at `&&`, `||`, `;`, `|` and line ends that are not quoted.
fn simple_commands(command: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut quote = None;
    let mut start = 0;
    let mut is_escaped = false;
    for (at, c) in command.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (None | Some('"'), '\\') => is_escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), close) if open == close => quote = None,
            (None, '&' | '|' | ';' | '\n') if !command[..at].ends_with('>') => {
                parts.push(&command[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&command[start..]);
    parts
}

/// The words after assignments, `timeout 60` and their like.
fn meaningful_words(part: &str) -> Vec<&str> {
    let mut words = part.split_whitespace().peekable();
    while let Some(&word) = words.peek() {
        let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        });
        let is_prefix =
            matches!(word, "env" | "time" | "nice" | "command" | "exec" | "sudo" | "nohup" | "(" | "!" | "{");
        if word == "timeout" {
            words.next();
        } else if !is_assignment && !is_prefix {
            break;
        }
        words.next();
    }
    words.collect()
}

/// A redirection into anything but another descriptor or nowhere.
fn writes_a_file(word: &str) -> bool {
    let redirection = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    redirection.starts_with('>') && !redirection.starts_with(">&") && !redirection.ends_with("/dev/null")
}

fn looks(program: &str, rest: &[&str]) -> bool {
    let first = rest.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
    match program {
        "cat" | "ls" | "rg" | "grep" | "egrep" | "head" | "tail" | "wc" | "nl" | "tree" | "stat" | "file"
        | "less" | "pwd" | "du" | "diff" | "sort" | "uniq" | "cut" | "awk" | "jq" | "echo" | "printf"
        | "which" | "type" | "fd" | "bat" | "true" | "env" | "sha256sum" => true,
        "find" => !rest.iter().any(|word| matches!(*word, "-delete" | "-exec" | "-execdir")),
        "sed" => !rest.iter().any(|word| word.starts_with("-i") || word.starts_with("--in-place")),
        "git" => matches!(
            first,
            "diff"
                | "status"
                | "log"
                | "show"
                | "blame"
                | "grep"
                | "ls-files"
                | "rev-parse"
                | "branch"
                | "describe"
        ),
        _ => false,
    }
}

fn tests(program: &str, rest: &[&str]) -> bool {
    let mut arguments = rest.iter().filter(|word| !word.starts_with(['-', '+'])).copied();
    let first = arguments.next().unwrap_or_default();
    let second = arguments.next().unwrap_or_default();
    match program {
        "pytest" | "py.test" | "vitest" | "jest" | "ctest" | "mocha" | "tox" | "nox" | "phpunit"
        | "rspec" | "ava" | "bats" => true,
        "cargo" => matches!(first, "test" | "t" | "nextest"),
        "go" | "dotnet" | "swift" | "bun" | "deno" | "mix" | "zig" | "mvn" | "bazel" | "make" | "just"
        | "gradle" | "gradlew" => {
            matches!(first, "test" | "check" | "tests")
        }
        "npm" | "pnpm" | "yarn" => {
            is_test_script(first) || (matches!(first, "run" | "exec") && is_test_script(second))
        }
        "npx" | "bunx" | "uv" | "poetry" | "pipenv" => {
            let inner = if first == "run" { second } else { first };
            matches!(inner, "pytest" | "vitest" | "jest" | "mocha" | "playwright")
        }
        "python" | "python3" => {
            rest.windows(2).any(|pair| matches!(pair, ["-m", "pytest" | "unittest" | "nose2"]))
        }
        "node" => rest.contains(&"--test"),
        _ => false,
    }
}

fn is_test_script(name: &str) -> bool {
    name == "t" || name == "test" || name.starts_with("test:") || matches!(name, "vitest" | "jest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_only_look_are_reading() {
        for command in [
            "cat src/a.rs",
            "sed -n 1,80p x | nl",
            "cd src && rg -n 'a|b; c' . | head -5",
            "git diff --stat",
            "git -P log",
            "find . -name '*.rs' 2>/dev/null",
            "LC_ALL=C ls -la 2>&1",
            "rg 'a -> b'",
            "grep \"a && b\" x",
        ] {
            assert_eq!(command_phase(command), Phase::Reading, "{command}");
        }
    }

    #[test]
    fn a_test_anywhere_in_the_command_is_testing() {
        for command in [
            "pytest -q",
            "cd x && RUST_LOG=debug cargo test --all 2>&1 | tail -5",
            "cargo +nightly nextest run",
            "npm run test:unit",
            "npm test",
            "timeout 60 go test ./...",
            "python3 -m pytest tests",
            "uv run pytest",
            "make test",
            "./node_modules/.bin/vitest run",
        ] {
            assert_eq!(command_phase(command), Phase::Testing, "{command}");
        }
    }

    #[test]
    fn everything_else_is_running() {
        for command in [
            "cargo build",
            "sed -i s/a/b/ x",
            "cat > x <<EOF",
            "find . -delete",
            "git commit -m x",
            "",
            "cat x; rm x",
            "npm install",
        ] {
            assert_eq!(command_phase(command), Phase::Running, "{command}");
        }
    }

    #[test]
    fn a_cut_inside_a_character_does_no_harm() {
        assert_eq!(command_phase(&"日".repeat(3000)), Phase::Running);
    }
}
