//! Why Codex ended, from its stderr. What stands there is mostly not about that: log lines of its start, in colours.

/// The levels of Codex's log lines, behind the time.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// What Codex itself said, without its log.
pub fn words_on_stderr(stderr: &str) -> Vec<String> {
    lines(stderr).filter(|line| !is_log(line)).collect()
}

/// The line of that which most likely tells why it ended: an error, else what is no warning.
pub fn said_on_stderr(stderr: &str) -> Option<String> {
    let words = words_on_stderr(stderr);
    let begins = |line: &String, word: &str| {
        line.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    let is_error = |line: &&String| begins(line, "error") || begins(line, "thread '");
    let is_no_warning = |line: &&String| !begins(line, "warning");
    let at = words
        .iter()
        .position(|line| is_error(&line))
        .or_else(|| words.iter().position(|line| is_no_warning(&line)));
    let told = words.get(at.unwrap_or(0)..)?;
    // `Error loading config.toml:`, and the file and the place on the line below.
    match told {
        [line, below, ..] if line.ends_with(':') => Some(format!("{line} {below}")),
        [line, ..] => Some(line.clone()),
        [] => None,
    }
}

/// The same, or the last line of its log where there is nothing else.
pub fn reason_on_stderr(stderr: &str) -> Option<String> {
    said_on_stderr(stderr).or_else(|| lines(stderr).last())
}

/// Lines with something in them, without colours and without what `codex exec` always says.
fn lines(stderr: &str) -> impl Iterator<Item = String> {
    let lines = stderr.lines().map(|line| without_colours(line).trim().to_owned());
    lines.filter(|line| !line.is_empty() && !line.starts_with("Reading additional input"))
}

/// `2026-11-22T07:41:38.767701Z ERROR codex_app_server: …`
fn is_log(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let has_time = words.next().is_some_and(|time| {
        time.starts_with(|c: char| c.is_ascii_digit()) && time.contains('T') && time.ends_with('Z')
    });
    has_time && words.next().is_some_and(|level| LEVELS.contains(&level))
}

/// Takes away what only tells a terminal how to show the rest: `ESC [`, parameters, and a letter.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c)).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 0.169.0 writes it at its start.
    const LOG: &str = "\u{1b}[2m2026-11-22T07:41:38.767701Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m \
                       \u{1b}[2mcodex_app_server\u{1b}[0m\u{1b}[2m:\u{1b}[0m could not find bubblewrap\n";

    #[test]
    fn what_codex_says_itself_stands_before_its_log() {
        let stderr = format!("{LOG}\nReading additional input from stdin...\nError: no such profile\nmore\n");
        assert_eq!(said_on_stderr(&stderr).as_deref(), Some("Error: no such profile"));
        assert_eq!(reason_on_stderr(&stderr), said_on_stderr(&stderr));
    }

    #[test]
    fn the_log_is_a_reason_only_where_there_is_no_other() {
        assert_eq!(said_on_stderr(LOG), None);
        let log = "2026-11-22T07:41:38.767701Z ERROR codex_app_server: could not find bubblewrap";
        assert_eq!(reason_on_stderr(LOG).as_deref(), Some(log));
        assert_eq!((said_on_stderr(""), reason_on_stderr("\n \n")), (None, None));
    }

    #[test]
    fn an_error_stands_before_a_warning() {
        let warns = "WARNING: proceeding, even though we could not create PATH aliases";
        assert_eq!(
            said_on_stderr(&format!("{warns}\nerror: no such home\n")).as_deref(),
            Some("error: no such home")
        );
        assert_eq!(said_on_stderr(&format!("{warns}\nno such home\n")).as_deref(), Some("no such home"));
        assert_eq!(said_on_stderr(warns).as_deref(), Some(warns));
        assert_eq!(words_on_stderr(&format!("{LOG}{warns}\nü")), [warns, "ü"]);
    }

    #[test]
    fn what_a_line_only_announces_is_told_with_it() {
        let stderr = "Error loading config.toml:\n/h/config.toml:1:5: key with no value\n  |\n1 | [\n";
        let told = "Error loading config.toml: /h/config.toml:1:5: key with no value";
        assert_eq!(said_on_stderr(stderr).as_deref(), Some(told));
        assert_eq!(said_on_stderr("Error:").as_deref(), Some("Error:"));
    }

    #[test]
    fn no_line_is_cut_in_a_character() {
        assert_eq!(without_colours("a\u{1b}[ü\u{1b}[1;31mb\u{1b}["), "ab");
        assert_eq!(without_colours("ü[2m"), "ü[2m");
    }
}
