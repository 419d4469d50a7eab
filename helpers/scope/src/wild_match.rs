//! git's wildcard patterns over bytes. Pure; linear in pattern times text, whatever a hostile pattern looks like.

/// Whether the pattern matches the whole text; `*` and `?` stop at a slash, `**` between slashes does not.
pub(crate) fn wild_match(pattern: &[u8], text: &[u8]) -> bool {
    let is_literal = |pattern: &[u8]| !pattern.iter().any(|byte| b"*?[\\".contains(byte));
    if is_literal(pattern) {
        return pattern == text;
    }
    // Most patterns are like `*.o`, and are asked of every file.
    if let Some(end) = pattern.strip_prefix(b"*").filter(|end| is_literal(end)) {
        return text.strip_suffix(end).is_some_and(|start| !start.contains(&b'/'));
    }
    let width = text.len() + 1;
    let mut failed = vec![false; (pattern.len() + 1) * width];
    Matcher { pattern, text, width }.matches(0, 0, &mut failed)
}

struct Matcher<'a> {
    pattern: &'a [u8],
    text: &'a [u8],
    width: usize,
}

impl Matcher<'_> {
    fn matches(&self, p: usize, t: usize, failed: &mut [bool]) -> bool {
        let at = p * self.width + t;
        if failed[at] {
            return false;
        }
        let found = self.step(p, t, failed);
        failed[at] = !found;
        found
    }

    fn step(&self, p: usize, t: usize, failed: &mut [bool]) -> bool {
        let Some(first) = self.pattern.get(p) else { return t == self.text.len() };
        let here = self.text.get(t).copied();
        match first {
            b'*' => self.star(p, t, failed),
            b'?' => here.is_some_and(|byte| byte != b'/') && self.matches(p + 1, t + 1, failed),
            b'[' => match class(&self.pattern[p..], here) {
                Some((len, true)) => self.matches(p + len, t + 1, failed),
                _ => false,
            },
            b'\\' if p + 1 < self.pattern.len() => {
                here == Some(self.pattern[p + 1]) && self.matches(p + 2, t + 1, failed)
            }
            literal => here == Some(*literal) && self.matches(p + 1, t + 1, failed),
        }
    }

    fn star(&self, p: usize, t: usize, failed: &mut [bool]) -> bool {
        let stars = self.pattern[p..].iter().take_while(|byte| **byte == b'*').count();
        let next = p + stars;
        let alone = stars >= 2 && (p == 0 || self.pattern[p - 1] == b'/');
        if alone && next == self.pattern.len() {
            return t < self.text.len();
        }
        if alone && self.pattern[next] == b'/' {
            // `**/` stands for nothing or for any number of directories.
            let slashes = (t..self.text.len()).filter(|at| self.text[*at] == b'/').map(|at| at + 1);
            return std::iter::once(t).chain(slashes).any(|start| self.matches(next + 1, start, failed));
        }
        let end =
            self.text[t..].iter().position(|byte| *byte == b'/').map_or(self.text.len(), |slash| t + slash);
        (t..=end).any(|start| self.matches(next, start, failed))
    }
}

/// Reads a bracket expression: its length, and whether it holds the byte. `None` when it never ends.
fn class(pattern: &[u8], byte: Option<u8>) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let (mut at, mut found) = (start, false);
    loop {
        let mut low = *pattern.get(at)?;
        if low == b']' && at > start {
            break;
        }
        if low == b'[' && pattern.get(at + 1) == Some(&b':') {
            let end = at + pattern[at..].windows(2).position(|pair| pair == b":]")?;
            found |= byte.is_some_and(|byte| named_class(&pattern[at + 2..end], byte));
            at = end + 2;
            continue;
        }
        if low == b'\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        let mut high = low;
        if pattern.get(at + 1) == Some(&b'-') && pattern.get(at + 2).is_some_and(|end| *end != b']') {
            high = pattern[at + 2];
            at += 2;
        }
        found |= byte.is_some_and(|byte| (low..=high).contains(&byte));
        at += 1;
    }
    Some((at + 1, byte.is_some_and(|byte| byte != b'/') && found != negated))
}

fn named_class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"lower" => byte.is_ascii_lowercase(),
        b"upper" => byte.is_ascii_uppercase(),
        b"space" => byte.is_ascii_whitespace(),
        b"punct" => byte.is_ascii_punctuation(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::wild_match;

    #[test]
    fn patterns_match_as_git_does() {
        let yes = [
            ("*.txt", "a.txt"),
            ("*.txt", ".txt"),
            ("*", "a"),
            ("a/**/b", "a/b"),
            ("a/**/b", "a/x/y/b"),
            ("**/b", "b"),
            ("**/b", "x/b"),
            ("a/**", "a/x/y"),
            ("[a-c]x", "bx"),
            ("[!a]x", "bx"),
            ("\\*", "*"),
            ("[[:digit:]]", "7"),
            ("a?c", "abc"),
            ("[]]", "]"),
        ];
        let no = [
            ("*.txt", "a/b.txt"),
            ("a/**", "a"),
            ("a?c", "a/c"),
            ("[!a]x", "ax"),
            ("[a", "a"),
            ("a*b", "a/b"),
            ("*", "a/b"),
        ];
        for (pattern, text) in yes {
            assert!(wild_match(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!wild_match(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        assert!(!wild_match(
            "*a".repeat(200).as_bytes(),
            &vec![b'a'; 4000][..3999].to_vec().repeat(1)[..150]
        ));
    }
}
