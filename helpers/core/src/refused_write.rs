//! The words with which tools tell that the system refused them a write.

/// Longer outputs are read so far.
const READ: usize = 256 * 1024;
const KEPT: usize = 20;

const READ_ONLY: [&str; 2] = ["read-only file system", "erofs"];
const NO_PERMISSION: [&str; 2] = ["permission denied", "eacces"];

/// The paths that an output tells were refused, each once; none where the line names no path.
pub fn refused_writes(output: &str) -> Vec<Option<String>> {
    let mut refused: Vec<Option<String>> = Vec::new();
    for line in output[..output.floor_char_boundary(READ)].lines() {
        let lower = line.to_ascii_lowercase();
        let told = READ_ONLY.iter().chain(&NO_PERMISSION).find_map(|words| lower.find(words));
        let Some(at) = told.filter(|_| refused.len() < KEPT) else { continue };
        let path = path_in(line, at);
        if !refused.contains(&path) {
            refused.push(path);
        }
    }
    if refused.len() > 1 {
        // A line without a path is mostly the rest of one with it.
        refused.retain(Option::is_some);
    }
    refused
}

/// The last quoted word, else what stands between colons before the words of the refusal.
fn path_in(line: &str, at: usize) -> Option<String> {
    if let Some(quoted) = quoted(line) {
        return Some(quoted.to_owned());
    }
    let before = line[..at].trim_end().strip_suffix(':')?;
    let word = before.rsplit(": ").next()?.trim();
    let word = word.rsplit(' ').next().filter(|last| last.contains('/')).unwrap_or(word);
    let is_path = !word.is_empty() && !word.contains(' ') && !word.eq_ignore_ascii_case("error");
    is_path.then(|| word.to_owned())
}

fn quoted(line: &str) -> Option<&str> {
    let pairs = [('\'', '\''), ('‘', '’'), ('`', '`'), ('"', '"')];
    pairs.into_iter().find_map(|(open, close)| {
        let end = line.rfind(close)?;
        let begin = line[..end].rfind(open)? + open.len_utf8();
        Some(&line[begin..end]).filter(|inside| !inside.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As bash, coreutils, Python, git, node and Go said it in a real sandbox.
    #[test]
    fn the_path_of_a_refusal_is_found_whoever_tells_it() {
        for (line, wanted) in [
            ("/bin/bash: line 1: lib/no.txt: Read-only file system", Some("lib/no.txt")),
            ("touch: cannot touch 'docs/t': Read-only file system", Some("docs/t")),
            ("OSError: [Errno 30] Read-only file system: 'lib/py'", Some("lib/py")),
            ("mkdir: cannot create directory ‘new’: Read-only file system", Some("new")),
            (
                "mv: inter-device move failed: 'src/a.txt' to 'lib/a.txt'; unable to remove target: Read-only file system",
                Some("lib/a.txt"),
            ),
            (
                "fatal: Unable to create '/r/.git/index.lock': Read-only file system",
                Some("/r/.git/index.lock"),
            ),
            ("Error: EROFS: read-only file system, open '/r/lib/n'", Some("/r/lib/n")),
            ("open /r/lib/go: read-only file system", Some("/r/lib/go")),
            ("bash: /etc/x: Permission denied", Some("/etc/x")),
            ("  Read-only file system (os error 30)", None),
        ] {
            assert_eq!(refused_writes(line), [wanted.map(str::to_owned)], "{line}");
        }
        assert_eq!(refused_writes("all is well\n"), []);
    }

    #[test]
    fn each_path_is_told_once_and_the_rest_of_its_story_not_at_all() {
        let output = "x: a/b: Read-only file system\nCaused by:\n  Read-only file system (os error 30)\nx: a/b: Permission denied\n";
        assert_eq!(refused_writes(output), [Some("a/b".to_owned())]);
    }
}
