//! A line for a terminal: spans with a tone, made harmless, cut to a width. Knows nothing of runs.

use serde::Serialize;
use unicode_width::UnicodeWidthChar as _;

/// What a span wants to say by its colour. Sixteen-colour ANSI, so that every theme stays readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// The terminal's own.
    Plain,
    /// Of less weight.
    Dim,
    /// What the eye should find first.
    Strong,
    /// Something is at work.
    Busy,
    /// It ended well.
    Good,
    /// Wants attention soon.
    Warn,
    /// Went wrong, or can go wrong unhindered.
    Bad,
}

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    On,
    /// Text only.
    Off,
}

/// One line, made of spans. Text that came from outside loses its control characters on the way in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StyledLine {
    spans: Vec<Span>,
    is_uncut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    tone: Tone,
    text: String,
    /// Gives way first when the line is too long.
    elastic: bool,
}

/// An elastic span is not made narrower than this: the rest of the line is cut instead.
const ELASTIC_MIN: usize = 8;

impl StyledLine {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text.
    pub fn push(&mut self, tone: Tone, text: &str) -> &mut Self {
        self.spans.push(Span { tone, text: harmless(text), elastic: false });
        self
    }

    /// Adds text that is shortened before anything else when room is short.
    pub fn push_elastic(&mut self, tone: Tone, text: &str) -> &mut Self {
        self.spans.push(Span { tone, text: harmless(text), elastic: true });
        self
    }

    /// The same, however long it is: nothing of it may be missing.
    #[must_use]
    pub fn uncut(mut self) -> Self {
        self.is_uncut = true;
        self
    }

    /// Appends another line's spans.
    pub fn append(&mut self, mut other: Self) -> &mut Self {
        self.spans.append(&mut other.spans);
        self
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The columns it takes when it is not cut.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| text_width(&span.text)).sum()
    }

    /// The line as it goes to the terminal, at most `columns` wide.
    pub fn render(&self, columns: usize, colour: Colour) -> String {
        let mut line = String::new();
        self.fit(columns).iter().for_each(|(tone, text)| paint(&mut line, *tone, text, colour));
        line
    }

    /// Its spans, cut so that they take at most `columns`.
    pub fn fit(&self, columns: usize) -> Vec<(Tone, String)> {
        let columns = if self.is_uncut { usize::MAX } else { columns };
        let mut fitted = self.spans.clone();
        let mut excess = self.width().saturating_sub(columns);
        for span in fitted.iter_mut().filter(|span| span.elastic) {
            let width = text_width(&span.text);
            let wanted = width.saturating_sub(excess).max(ELASTIC_MIN.min(width));
            span.text = cut(&span.text, wanted);
            excess = excess.saturating_sub(width - text_width(&span.text));
        }
        let mut shown = Vec::with_capacity(fitted.len());
        let mut room = columns;
        let total: usize = fitted.iter().map(|span| text_width(&span.text)).sum();
        let mut left = total;
        for span in fitted {
            let width = text_width(&span.text);
            // The span that no longer fits, or after which no room is left for the rest, carries the ellipsis.
            let text = if left > room && width >= room { cut_marked(&span.text, room) } else { span.text };
            room -= text_width(&text).min(room);
            shown.push((span.tone, text));
            left -= width;
            if room == 0 {
                break;
            }
        }
        shown
    }
}

/// Shortens `text` to `columns`, ending in `…` where something was taken away.
pub fn cut(text: &str, columns: usize) -> String {
    if text_width(text) <= columns { text.to_owned() } else { cut_marked(text, columns) }
}

fn cut_marked(text: &str, columns: usize) -> String {
    let Some(room) = columns.checked_sub(1) else { return String::new() };
    let mut width = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width <= room
        })
        .collect();
    kept.trim_end().to_owned() + "…"
}

/// Columns that `text` takes.
pub fn text_width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Takes from `text` what a terminal would obey instead of showing: control characters become one blank,
/// marks that reorder or join text are dropped.
pub fn harmless(text: &str) -> String {
    without(text, is_invisible)
}

/// The same for prose: what joins letters or makes an emoji of them stays, for nobody takes prose for a name.
pub fn harmless_prose(text: &str) -> String {
    without(text, |c| is_invisible(c) && !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}'))
}

fn without(text: &str, is_dropped: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            if !shown.ends_with(' ') {
                shown.push(' ');
            }
        } else if !is_dropped(c) {
            shown.push(c);
        }
    }
    shown
}

/// The same for a text that somebody decides on: what would not be seen is written out, so that nothing is missing.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            c if c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}') => {
                shown.extend(c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Bidirectional controls, joiners and variation selectors: they change how wide or in which order text is shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

fn paint(line: &mut String, tone: Tone, text: &str, colour: Colour) {
    let code = match (colour, tone) {
        (Colour::Off, _) | (Colour::On, Tone::Plain) => return line.push_str(text),
        (Colour::On, Tone::Dim) => "2",
        (Colour::On, Tone::Strong) => "1",
        (Colour::On, Tone::Busy) => "36",
        (Colour::On, Tone::Good) => "32",
        (Colour::On, Tone::Warn) => "33",
        (Colour::On, Tone::Bad) => "1;31",
    };
    line.push_str("\x1b[");
    line.push_str(code);
    line.push('m');
    line.push_str(text);
    line.push_str("\x1b[0m");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> StyledLine {
        let mut line = StyledLine::new();
        line.push(Tone::Strong, "name")
            .push(Tone::Plain, " · ")
            .push_elastic(Tone::Plain, "running a long command");
        line.push(Tone::Dim, " · 3 files");
        line
    }

    #[test]
    fn the_elastic_part_gives_way_first() {
        assert_eq!(line().render(80, Colour::Off), "name · running a long command · 3 files");
        assert_eq!(line().render(30, Colour::Off), "name · running a lo… · 3 files");
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        for columns in 0..50 {
            assert!(text_width(&line().render(columns, Colour::Off)) <= columns, "{columns}");
        }
        assert_eq!(line().render(12, Colour::Off), "name · runn…");
        assert_eq!(line().render(4, Colour::Off), "nam…");
        assert_eq!(line().render(0, Colour::Off), "");
    }

    #[test]
    fn wide_characters_count_two_columns() {
        assert_eq!(cut("日本語テスト", 7), "日本語…");
        assert_eq!(cut("日本語テスト", 6), "日本…");
        assert_eq!(text_width("日本語"), 6);
    }

    #[test]
    fn what_a_terminal_would_obey_is_taken_away() {
        assert_eq!(harmless("a\x1b]0;evil\x07b\r\n\tc\u{9b}1m"), "a ]0;evil b c 1m");
        assert_eq!(harmless("gpj.\u{202e}exe\u{200b}\u{fe0f}"), "gpj.exe");
    }

    #[test]
    fn prose_keeps_what_joins_and_nothing_that_reorders() {
        let joined = "👩\u{200d}🔬 ❤\u{fe0f} می\u{200c}خواهم";
        assert_eq!(harmless_prose(joined), joined);
        assert_eq!(harmless_prose("\x1b[2J\u{202e}a\u{200b}\u{fe0e}b"), " [2Jab");
        assert_eq!(harmless(joined), "👩🔬 ❤ میخواهم");
    }

    #[test]
    fn colours_wrap_spans_and_do_not_count() {
        let mut line = StyledLine::new();
        line.push(Tone::Good, "✓").push(Tone::Plain, " ok");
        assert_eq!(line.render(10, Colour::On), "\x1b[32m✓\x1b[0m ok");
        assert_eq!(line.width(), 4);
    }
}
