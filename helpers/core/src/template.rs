//! Prompt templates: `{{KEY}}` in a text, filled from `KEY:` sections. One pass; nothing is dropped or left over.

use std::collections::BTreeMap;

use crate::sections::Sections;

/// The templates that clodex brings along: name and text. A file of the same name in a templates directory wins.
pub const BUILT_IN_TEMPLATES: [(&str, &str); 4] = [
    ("adversarial-review", include_str!("../../../config/templates/adversarial-review.md")),
    ("bugfix", include_str!("../../../config/templates/bugfix.md")),
    ("refactor", include_str!("../../../config/templates/refactor.md")),
    ("review", include_str!("../../../config/templates/review.md")),
];

/// Why a template could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A key of the template has no section.
    #[error("the template's key {0} has no value\n  hint: add a section `{0}:`")]
    Missing(String),
    /// A section whose key the template does not have.
    #[error(
        "line {line}: the template has no key {key}\n  hint: its keys are {known}; a line of text that begins like this is indented or fenced"
    )]
    Unused {
        /// Name of the section.
        key: String,
        /// Its line, from 1.
        line: usize,
        /// The keys of the template.
        known: String,
    },
    /// A value that holds a key itself.
    #[error(
        "the value of {key} holds `{{{{{nested}}}}}`, which is not filled again\n  hint: write the text itself"
    )]
    Nested {
        /// Name of the section.
        key: String,
        /// The key inside it.
        nested: String,
    },
    /// A section without text.
    #[error("line {line}: the value of {key} is empty\n  hint: write `none` where there is nothing to say")]
    Empty {
        /// Name of the section.
        key: String,
        /// Its line, from 1.
        line: usize,
    },
    /// A section given twice.
    #[error("line {line}: {key} is given twice\n  hint: make one section of the two")]
    Duplicate {
        /// Name of the section.
        key: String,
        /// Line of the second.
        line: usize,
    },
    /// Text that belongs to no section.
    #[error(
        "line {0}: there is text before the first section\n  hint: begin with a line `KEY:`, at the start of the line and in capitals"
    )]
    Stray(usize),
    /// A fence that swallows the sections below it.
    #[error(
        "line {0}: the code fence that opens here is never closed\n  hint: close it with a line of the same marks"
    )]
    OpenFence(usize),
    /// `{{` in the template that begins no key.
    #[error("line {0} of the template: `{{{{` begins no key\n  hint: a key is `{{{{KEY}}}}`, in capitals")]
    BadKey(usize),
}

enum Piece<'a> {
    Text(&'a str),
    Key(&'a str),
}

/// Fills the template with the sections of `values`.
pub fn fill_template(template: &str, values: &str) -> Result<String, TemplateError> {
    let pieces = pieces(template)?;
    let keys: Vec<&str> = pieces.iter().filter_map(Piece::key).collect();
    let values = read_values(values, &keys)?;
    fill(&pieces, |key| values.get(key).map(String::as_str))
}

/// Fills the template with texts that are taken to the byte, whatever they hold; the template need not use all of them.
pub fn fill_template_with(template: &str, values: &[(&str, &str)]) -> Result<String, TemplateError> {
    fill(&pieces(template)?, |key| values.iter().find(|(name, _)| *name == key).map(|(_, text)| *text))
}

fn fill<'a>(pieces: &[Piece<'a>], value: impl Fn(&str) -> Option<&'a str>) -> Result<String, TemplateError> {
    let mut filled = String::new();
    for piece in pieces {
        filled.push_str(match piece {
            Piece::Text(text) => text,
            Piece::Key(key) => value(key).ok_or_else(|| TemplateError::Missing((*key).to_owned()))?,
        });
    }
    Ok(filled)
}

/// The keys of a template, each once, in the order of their first use.
pub fn template_keys(template: &str) -> Result<Vec<&str>, TemplateError> {
    let mut keys = Vec::new();
    for key in pieces(template)?.iter().filter_map(Piece::key) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

impl<'a> Piece<'a> {
    fn key(&self) -> Option<&'a str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Text(_) => None,
        }
    }
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let (mut pieces, mut rest) = (Vec::new(), template);
    while let Some(start) = rest.find("{{") {
        let at = template.len() - rest.len() + start;
        let (key, after) =
            key_at(&rest[start..]).ok_or_else(|| TemplateError::BadKey(line_of(template, at)))?;
        pieces.extend([Piece::Text(&rest[..start]), Piece::Key(key)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// The key of a text that begins with `{{`, and what follows its `}}`.
fn key_at(text: &str) -> Option<(&str, &str)> {
    let (key, after) = text.strip_prefix("{{")?.split_once("}}")?;
    let key = key.trim_matches(' ');
    let shaped = key.len() > 1
        && key.starts_with(|c: char| c.is_ascii_uppercase())
        && key.bytes().all(|byte| byte.is_ascii_uppercase() || b" -_".contains(&byte));
    shaped.then_some((key, after))
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].split('\n').count()
}

fn read_values<'a>(text: &'a str, keys: &[&str]) -> Result<BTreeMap<&'a str, String>, TemplateError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let sections = Sections::of(text, |name| keys.contains(&name));
    if let Some(line) = sections.open_fence {
        return Err(TemplateError::OpenFence(line));
    }
    if let Some(line) = sections.preamble.iter().find(|line| !line.text.trim().is_empty()) {
        return Err(TemplateError::Stray(line.number));
    }
    let mut values = BTreeMap::new();
    for section in &sections.named {
        let (key, line) = (section.name.to_owned(), section.line);
        if !keys.contains(&section.name) {
            return Err(TemplateError::Unused { key, line, known: keys.join(", ") });
        }
        let value = section.body();
        if value.is_empty() {
            return Err(TemplateError::Empty { key, line });
        }
        if let Some(nested) = nested_key(&value) {
            return Err(TemplateError::Nested { key, nested: nested.to_owned() });
        }
        if values.insert(section.name, value).is_some() {
            return Err(TemplateError::Duplicate { key, line });
        }
    }
    Ok(values)
}

fn nested_key(value: &str) -> Option<&str> {
    value.match_indices("{{").find_map(|(at, _)| key_at(&value[at..])).map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_filled_wherever_they_stand() {
        let filled = fill_template(
            "Fix {{BUG}} in {{ WHERE }}.\n\n{{BUG}}!",
            "WHERE: src/\nBUG:\n\none\n```\nNOTE: x\n```\n\n",
        );
        assert_eq!(filled.as_deref(), Ok("Fix one\n```\nNOTE: x\n``` in src/.\n\none\n```\nNOTE: x\n```!"));
    }

    #[test]
    fn values_are_not_read_again() {
        assert_eq!(
            fill_template("{{A B}}", "A B: {{ user.name }} $1 \\0 {{}}").as_deref(),
            Ok("{{ user.name }} $1 \\0 {{}}")
        );
        assert_eq!(
            fill_template("{{AA}}{{BB}}", "AA: {{BB}}\nBB: x"),
            Err(TemplateError::Nested { key: "AA".into(), nested: "BB".into() })
        );
    }

    #[test]
    fn texts_that_are_given_by_name_are_taken_to_the_byte() {
        let text = "FOCUS: {{AA}} '\"\n```";
        assert_eq!(fill_template_with("<{{AA}}>", &[("AA", text), ("BB", "x")]), Ok(format!("<{text}>")));
        assert_eq!(fill_template_with("{{CC}}", &[("AA", text)]), Err(TemplateError::Missing("CC".into())));
    }

    #[test]
    fn what_does_not_fit_is_an_error_with_the_name() {
        for (template, values, wanted) in [
            ("{{AA}} {{BB}}", "AA: x", "the template's key BB has no value"),
            ("{{AA}}", "AA: x\nCC: y", "line 2: the template has no key CC\n  hint: its keys are AA;"),
            ("{{AA}}", "AA: x\nAA: x", "line 2: AA is given twice"),
            ("{{AA}}", "\nAA:\n\n", "line 2: the value of AA is empty"),
            ("{{AA}}", "please\nAA: x", "line 1: there is text before the first section"),
            ("{{AA}}", "AA: x\n```\nBB: y", "line 2: the code fence that opens here is never closed"),
            ("a\n{{aa}}", "AA: x", "line 2 of the template: `{{` begins no key"),
            ("{{AA", "AA: x", "line 1 of the template"),
            ("{{A{{B}}}}", "AA: x", "line 1 of the template"),
        ] {
            let message = fill_template(template, values).unwrap_err().to_string();
            assert!(message.starts_with(wanted), "{template}: {message}");
            assert!(message.contains("hint: "), "{message}");
        }
    }

    #[test]
    fn the_nested_error_shows_the_key_as_written() {
        let error = fill_template("{{AA}}", "AA: {{BB}}").unwrap_err().to_string();
        assert_eq!(
            error,
            "the value of AA holds `{{BB}}`, which is not filled again\n  hint: write the text itself"
        );
    }

    #[test]
    fn the_shipped_templates_fill() {
        for (name, template) in BUILT_IN_TEMPLATES {
            let keys = template_keys(template).unwrap();
            let values: Vec<String> = keys.iter().map(|key| format!("{key}: the {key}")).collect();
            let filled = fill_template(template, &values.join("\n")).unwrap();
            assert!(keys.len() > 1 && !filled.contains("{{"), "{name}");
            assert!(keys.iter().all(|key| filled.contains(&format!("the {key}"))), "{name}");
        }
    }
}
