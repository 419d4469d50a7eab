//! Code of an interpreter as a row of names, texts and signs. Close enough to Python, JavaScript, Perl, Ruby and PHP to
//! find calls and their arguments; it is no grammar of any of them.

/// A piece of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or a number.
    Name(&'a str),
    /// What stands in quotes; what is put into it when it runs is a `*`.
    Text(String),
    /// Any other sign that is no blank.
    Sign(char),
}

/// How comments begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// `#`
    Hash,
    /// `//` and `/* … */`
    Slashes,
}

/// All tokens.
pub(super) fn tokens(code: &str, comments: Comments) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(sign) = code.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = &code[at..];
        let length = match sign {
            '#' if comments == Comments::Hash => line_length(rest),
            '/' if comments == Comments::Slashes && rest.starts_with("//") => line_length(rest),
            '/' if comments == Comments::Slashes && rest.starts_with("/*") => {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            }
            '\'' | '"' | '`' => match text(rest, sign) {
                Some((text, length)) => {
                    found.push(Token::Text(text));
                    length
                }
                // A lone quote, as in a pattern or in prose.
                None => 1,
            },
            sign if is_of_name(sign) => {
                let length = rest.find(|sign| !is_of_name(sign)).unwrap_or(rest.len());
                found.push(Token::Name(&rest[..length]));
                length
            }
            sign => {
                if sign == '\n' || !sign.is_whitespace() {
                    found.push(Token::Sign(sign));
                }
                sign.len_utf8()
            }
        };
        at += length;
    }
    found
}

fn line_length(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn is_of_name(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_' || sign == '$'
}

/// The text that begins with this quote, and its length with the quotes. Only three quotes and a backquote go over lines.
fn text(rest: &str, quote: char) -> Option<(String, usize)> {
    let triple: String = [quote; 3].iter().collect();
    if let Some(inside) = rest.strip_prefix(triple.as_str()) {
        let end = inside.find(triple.as_str())?;
        return Some((inside[..end].to_owned(), end + 6));
    }
    let mut value = String::new();
    let mut signs = rest.char_indices().skip(1);
    while let Some((at, sign)) = signs.next() {
        match sign {
            _ if sign == quote => return Some((with_holes(&value), at + 1)),
            '\n' if quote != '`' => return None,
            '\\' => value.extend(signs.next().map(|(_, sign)| sign)),
            _ => value.push(sign),
        }
    }
    None
}

/// `src/{name}.rs` and `src/${name}.rs` hold what is known only later.
fn with_holes(text: &str) -> String {
    let mut value = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, behind)) = after.split_once('}') else { break };
        value.push_str(before.trim_end_matches(['$', '#']));
        value.push('*');
        rest = behind;
    }
    value + rest
}
