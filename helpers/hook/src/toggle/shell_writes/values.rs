//! What words stand for, as far as the variables that are known tell.

use super::Reading;
use crate::toggle::arguments::KnownWord;
use crate::toggle::shell_words::{Part, Word};

/// More values than that are not looked at.
const VALUES: usize = 64;

impl Reading {
    /// The word as arguments: one for each of its values, and one unknown where there is none.
    pub(super) fn known(&self, word: &Word) -> Vec<KnownWord> {
        let values = self.values(word);
        if values.is_empty() { vec![None] } else { values.into_iter().map(Some).collect() }
    }

    /// All values of a word; none where a part of it is not known.
    pub(super) fn values(&self, word: &Word) -> Vec<String> {
        let mut values = vec![String::new()];
        for part in word {
            let parts = match part {
                Part::Quoted(text) => vec![text.clone()],
                Part::Bare(text) => braces(text),
                Part::Variable(name) => self.variables.get(name).cloned().unwrap_or_default(),
                Part::Unknown => Vec::new(),
            };
            values = match parts.as_slice() {
                [] => return Vec::new(),
                [part] => values.into_iter().map(|value| value + part).collect(),
                parts => product(&values, parts),
            };
        }
        values
    }
}

fn product(values: &[String], parts: &[String]) -> Vec<String> {
    let all = values.iter().flat_map(|value| parts.iter().map(move |part| format!("{value}{part}")));
    all.take(VALUES).collect()
}

/// `{a,b}` as `a` and `b`.
fn braces(text: &str) -> Vec<String> {
    let whole = || vec![text.to_owned()];
    let Some((before, rest)) = text.split_once('{') else { return whole() };
    let Some((inside, after)) = rest.split_once('}') else { return whole() };
    if !inside.contains(',') {
        return whole();
    }
    let inside: Vec<String> = inside.split(',').map(|part| format!("{before}{part}")).collect();
    product(&inside, &braces(after))
}
