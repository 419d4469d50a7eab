//! JSON as text that somebody wrote: where its values stand, and how one of them is changed while every other byte
//! stays. Knows nothing of what the values mean.

mod edit;
mod fresh;
mod scan;

use std::ops::Range;

pub use fresh::Fresh;

/// A text that holds one JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText {
    text: String,
    root: Node,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its bytes.
    pub span: Range<usize>,
    /// What it holds.
    pub children: Children,
}

/// What a value holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Children {
    /// An object's members, in order.
    Members(Vec<Member>),
    /// An array's elements, in order.
    Elements(Vec<Node>),
    /// Nothing: a text, a number, `true`, `false` or `null`.
    None,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, decoded; none for one that is no text by Unicode's rules.
    pub name: Option<String>,
    /// Where the name begins and ends, quotes included.
    pub key: Range<usize>,
    /// Its value.
    pub value: Node,
}

impl JsonText {
    /// Reads it, strictly; what is only white space counts as an empty object. The error says where it is none.
    pub fn parse(text: String) -> Result<Self, String> {
        let begin = if text.starts_with(BOM) { BOM.len_utf8() } else { 0 };
        if text[begin..].trim_matches(WHITE).is_empty() {
            return Self::parse(text + "{}");
        }
        serde_json::from_str::<serde::de::IgnoredAny>(&text[begin..]).map_err(|error| error.to_string())?;
        let root = scan::scan(&text, begin);
        match root.children {
            Children::Members(_) => Ok(Self { text, root }),
            Children::Elements(_) | Children::None => Err("it holds something else than an object".into()),
        }
    }

    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value at `path`; of several members with one name the last one, as everybody reads it.
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, name| Some(&node.member(name)?.value))
    }

    /// The bytes of a value.
    pub fn raw(&self, node: &Node) -> &str {
        &self.text[node.span.clone()]
    }

    /// A value that is a text, decoded.
    pub fn string(&self, node: &Node) -> Option<String> {
        serde_json::from_str(self.raw(node)).ok()
    }

    /// Whether the object holds nothing.
    pub fn is_empty(&self) -> bool {
        matches!(&self.root.children, Children::Members(members) if members.is_empty())
    }
}

impl Node {
    /// The member that counts under this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        let Children::Members(members) = &self.children else { return None };
        members.iter().rfind(|member| member.name.as_deref() == Some(name))
    }

    /// Where members or elements begin and end, in order.
    fn items(&self) -> Vec<Range<usize>> {
        match &self.children {
            Children::Members(members) => {
                members.iter().map(|member| member.key.start..member.value.span.end).collect()
            }
            Children::Elements(elements) => elements.iter().map(|element| element.span.clone()).collect(),
            Children::None => Vec::new(),
        }
    }
}

/// Some editors begin a file with it.
const BOM: char = '\u{feff}';
/// What JSON calls white space.
const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];

#[cfg(test)]
mod tests;
