//! What Claude may run without asking: suggested always, written only when asked for. Pure text.

use serde::{Deserialize, Serialize};

use crate::json_text::{Children, Fresh, JsonText};

/// Looking at runs, starting and ending them. What changes the user's tree is not among them.
pub const SUGGESTED: [&str; 6] = [
    "Bash(clodex-status:*)",
    "Bash(clodex-result:*)",
    "Bash(clodex-wait:*)",
    "Bash(clodex-debug:*)",
    "Bash(clodex-dispatch:*)",
    "Bash(clodex-cancel:*)",
];
const ALLOW: [&str; 2] = ["permissions", "allow"];

/// What was written, to be taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The rules that were not there before.
    pub rules: Vec<String>,
    /// Whether the list is ours.
    pub made_list: bool,
    /// Whether the object around it is ours.
    pub made_object: bool,
}

impl Added {
    /// What two calls have added together.
    pub fn merge(&mut self, later: Self) {
        self.rules.extend(later.rules);
        self.made_list |= later.made_list;
        self.made_object |= later.made_object;
    }
}

/// Adds what is missing; none where there is something else in its place.
pub fn add(settings: &mut JsonText) -> Option<Added> {
    let object = settings.get(&ALLOW[..1]);
    let list = settings.get(&ALLOW);
    if object.is_some_and(|node| !matches!(node.children, Children::Members(_)))
        || list.is_some_and(|node| !matches!(node.children, Children::Elements(_)))
    {
        return None;
    }
    let there = allowed(settings);
    let rules: Vec<&str> =
        SUGGESTED.into_iter().filter(|rule| !there.iter().any(|has| has == rule)).collect();
    let added = Added {
        rules: rules.iter().map(ToString::to_string).collect(),
        made_list: list.is_none(),
        made_object: object.is_none(),
    };
    let whole = || Fresh::Array(rules.iter().map(|rule| Fresh::text(rule)).collect());
    match (object.is_some(), list.is_some()) {
        (false, _) => settings.add_member(&[], ALLOW[0], &Fresh::Object(vec![(ALLOW[1], whole())])),
        (true, false) => settings.add_member(&ALLOW[..1], ALLOW[1], &whole()),
        (true, true) => {
            for rule in &rules {
                settings.add_element(&ALLOW, &Fresh::text(rule));
            }
        }
    }
    Some(added)
}

/// Takes back what was added, and what was made for it where nothing else is in it.
pub fn take_back(settings: &mut JsonText, added: &Added) {
    for rule in added.rules.iter().rev() {
        settings.remove_element(&ALLOW, rule);
    }
    if added.made_list && is_empty(settings, &ALLOW) {
        settings.remove_member(&ALLOW[..1], ALLOW[1]);
    }
    if added.made_object && is_empty(settings, &ALLOW[..1]) {
        settings.remove_member(&[], ALLOW[0]);
    }
}

fn allowed(settings: &JsonText) -> Vec<String> {
    match settings.get(&ALLOW).map(|node| &node.children) {
        Some(Children::Elements(elements)) => {
            elements.iter().filter_map(|node| settings.string(node)).collect()
        }
        Some(Children::Members(_) | Children::None) | None => Vec::new(),
    }
}

fn is_empty(settings: &JsonText, path: &[&str]) -> bool {
    settings.get(path).is_some_and(|node| match &node.children {
        Children::Members(members) => members.is_empty(),
        Children::Elements(elements) => elements.is_empty(),
        Children::None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_added_and_only_that_is_taken_back() {
        for text in [
            r#"{"a":1}"#,
            r#"{"permissions":{"deny":["x"]}}"#,
            r#"{"permissions":{"allow":["x","Bash(clodex-wait:*)"]}}"#,
            "{\n  \"permissions\": {\n    \"allow\": [\n      \"x\"\n    ]\n  }\n}\n",
        ] {
            let mut settings = JsonText::parse(text.to_owned()).unwrap();
            let added = add(&mut settings).unwrap();
            let there = allowed(&settings);
            assert!(SUGGESTED.iter().all(|rule| there.iter().filter(|has| has == rule).count() == 1));
            let mut again = settings.clone();
            assert!(add(&mut again).unwrap().rules.is_empty());
            assert_eq!(again, settings);
            take_back(&mut settings, &added);
            assert_eq!(settings.text(), text);
        }
    }

    #[test]
    fn what_is_of_another_kind_is_left_alone() {
        for text in [r#"{"permissions":7}"#, r#"{"permissions":{"allow":"x"}}"#] {
            let mut settings = JsonText::parse(text.to_owned()).unwrap();
            assert_eq!(add(&mut settings), None);
            assert_eq!(settings.text(), text);
        }
    }
}
