//! Text cut into sections at its upper-case `NAME:` lines. Shared by packets and template values; knows neither's names.

/// A line that is cut out of the text, without its line ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub number: usize,
    /// Without the line ending; for a header line, what follows the colon.
    pub text: &'a str,
    pub place: Place,
}

/// Where in its section a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The rest of the header line.
    Header,
    /// Below the header.
    Body,
    /// Inside a code fence: never a header.
    Fenced,
    /// The line that opens or closes a code fence.
    Fence,
}

/// A `NAME:` line and everything up to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    pub name: &'a str,
    pub line: usize,
    /// The first is what follows the colon on the header line.
    pub lines: Vec<Line<'a>>,
}

impl Section<'_> {
    /// The text of the section without blank lines around it.
    pub fn body(&self) -> String {
        let texts: Vec<&str> = self.lines.iter().map(|line| line.text).collect();
        let (head, rest) = texts.split_first().map_or(("", &[][..]), |(head, rest)| (head.trim(), rest));
        let first = rest.iter().position(|text| !text.trim().is_empty()).unwrap_or(rest.len());
        let last = rest.iter().rposition(|text| !text.trim().is_empty()).map_or(first, |last| last + 1);
        let from = if head.is_empty() { first } else { 0 };
        let head = (!head.is_empty()).then_some(head);
        let body: Vec<&str> = head.into_iter().chain(rest[from..last.max(from)].iter().copied()).collect();
        body.join("\n").trim_end().to_owned()
    }

    /// Whether nothing but white space, bullets and empty fences stands in it.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.place == Place::Fence || without_bullet(line.text).is_empty())
    }
}

/// A text cut into sections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sections<'a> {
    /// What stands before the first header.
    pub preamble: Vec<Line<'a>>,
    pub named: Vec<Section<'a>>,
    /// Line of a code fence that is never closed.
    pub open_fence: Option<usize>,
}

impl<'a> Sections<'a> {
    /// Cuts the text. `is_name` knows the names that need no space after their colon.
    pub fn of(text: &'a str, is_name: impl Fn(&str) -> bool) -> Self {
        let mut cut = Self::default();
        let mut fence: Option<(Fence, usize)> = None;
        for (index, line) in text.split('\n').enumerate() {
            let number = index + 1;
            let text = line.strip_suffix('\r').unwrap_or(line);
            let place = match fence {
                Some((open, _)) if open.is_closed_by(text) => {
                    fence = None;
                    Place::Fence
                }
                Some(_) => Place::Fenced,
                None => {
                    if let Some((name, rest)) = header(text, &is_name) {
                        let head = Line { number, text: rest, place: Place::Header };
                        cut.named.push(Section { name, line: number, lines: vec![head] });
                        continue;
                    }
                    fence = Fence::opened_by(text).map(|fence| (fence, number));
                    if fence.is_some() { Place::Fence } else { Place::Body }
                }
            };
            cut.push(Line { number, text, place });
        }
        cut.open_fence = fence.map(|(_, line)| line);
        cut
    }

    fn push(&mut self, line: Line<'a>) {
        match self.named.last_mut() {
            Some(section) => section.lines.push(line),
            None => self.preamble.push(line),
        }
    }
}

/// The name and the rest of a header line: upper-case letters (with spaces, `-` or `_` between) from column 0 to a colon.
fn header<'a>(line: &'a str, is_name: &impl Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
    let (name, rest) = line.split_once(':')?;
    let name = name.trim_end();
    let shaped = name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || b" -_".contains(&byte));
    let path_or_url = rest.starts_with(':') || rest.starts_with("//");
    (shaped && (is_name(name) || !path_or_url)).then_some((name, rest))
}

/// The text after a bullet (`- ` or `* `), trimmed; the trimmed text itself when there is none.
pub(crate) fn without_bullet(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix(['-', '*']) {
        Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t']) => rest.trim(),
        Some(_) | None => text,
    }
}

#[derive(Debug, Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    /// A fence may be indented, and may begin on a bullet's line, as Markdown has it.
    fn opened_by(line: &str) -> Option<Self> {
        let text = without_bullet(line);
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = text.trim_start_matches(mark);
        let length = text.len() - info.len();
        (length >= 3 && !(mark == '`' && info.contains('`'))).then_some(Self { mark, length })
    }

    fn is_closed_by(self, line: &str) -> bool {
        let text = line.trim();
        text.len() >= self.length && text.chars().all(|c| c == self.mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(&str, usize)> {
        Sections::of(text, |name| name == "MODE").named.iter().map(|s| (s.name, s.line)).collect()
    }

    #[test]
    fn a_header_is_upper_case_at_the_line_start_and_outside_fences() {
        for (text, wanted) in [
            (
                "MODE: worker\nWRITE SCOPE:\r\n- x\r\nNON-GOALS : y",
                vec![("MODE", 1), ("WRITE SCOPE", 2), ("NON-GOALS", 4)],
            ),
            ("MODE:worker", vec![("MODE", 1)]),
            (" MODE: x\n- MODE: x\nMode: x\n> MODE: x\nM: x\n# MODE: x", vec![]),
            ("HTTPS://x\nSTD::mem::take\nE0502: borrow\nNOTE: y", vec![("NOTE", 4)]),
            ("MODE: a\n```\nNOTE: b\n```\nNOTE: c", vec![("MODE", 1), ("NOTE", 5)]),
            ("~~~sh\nNOTE: b\n```\nNOTE: c\n~~~~\nMODE: d", vec![("MODE", 6)]),
            ("- ```sh\n  NOTE: b\nNOTE: c\n  ```\nMODE: d", vec![("MODE", 5)]),
            ("```inline``` code\nMODE: d", vec![("MODE", 2)]),
            ("````\n```\nMODE: d\n````", vec![]),
        ] {
            assert_eq!(names(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_fence_that_is_never_closed_is_told_by_its_line() {
        assert_eq!(Sections::of("MODE: x\n\n```\nNOTE: y\n", |_| true).open_fence, Some(3));
        assert_eq!(Sections::of("MODE: x\n```\n```", |_| true).open_fence, None);
    }

    #[test]
    fn a_body_keeps_inner_lines_and_loses_blank_ones_around() {
        let body = |text| Sections::of(text, |_| true).named[0].body();
        assert_eq!(body("AB: one\n\n  two\n\n"), "one\n\n  two");
        assert_eq!(body("AB:\n\n  one\r\n- two  \nCD: x"), "  one\n- two");
        assert_eq!(body("AB:"), "");
    }
}
