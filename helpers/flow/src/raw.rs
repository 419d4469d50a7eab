//! A flow file as it is written: names of keys and shapes of values, and nothing of what they mean.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RawFlow {
    pub name: String,
    pub about: String,
    pub inputs: BTreeMap<String, RawInput>,
    pub limits: RawLimits,
    pub on_failure: Option<String>,
    pub overlap: Option<String>,
    pub steps: Vec<RawStep>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RawInput {
    pub kind: Option<String>,
    pub about: String,
    pub default: Option<String>,
    pub one_of: Vec<String>,
    pub shows: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RawLimits {
    pub runs: Option<usize>,
    pub tokens: Option<u64>,
    pub timeout: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RawStep {
    pub id: String,
    pub label: Option<String>,
    pub needs: Words,
    pub when: Option<String>,
    pub ask: Option<String>,
    pub packet: Option<String>,
    pub each: Option<String>,
    pub of: Option<String>,
    pub mode: Option<String>,
    pub tier: Option<String>,
    pub scope: Words,
    pub prompt: Option<String>,
    pub thread: Option<String>,
    pub isolate: Option<String>,
    pub land: Option<bool>,
    pub verify: RawVerify,
    pub timeout: Option<u64>,
    pub retry: u32,
    pub gate: RawGates,
    pub if_shut: Option<String>,
}

/// One word, or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

/// `true`, one command, or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RawVerify {
    #[default]
    No,
    Yes,
    Commands(Vec<String>),
}

/// One gate, or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawGates(pub Vec<RawGate>);

/// A word, or a word with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawGate {
    pub word: String,
    pub of: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a list of words")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Words, E> {
                Ok(Words(vec![word.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }
        from.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for RawVerify {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = RawVerify;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, a command or a list of commands")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<RawVerify, E> {
                Ok(if yes { RawVerify::Yes } else { RawVerify::No })
            }

            fn visit_str<E: de::Error>(self, command: &str) -> Result<RawVerify, E> {
                Ok(RawVerify::Commands(vec![command.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawVerify, A::Error> {
                let mut commands = Vec::new();
                while let Some(command) = list.next_element()? {
                    commands.push(command);
                }
                Ok(RawVerify::Commands(commands))
            }
        }
        from.deserialize_any(Reader)
    }
}

const GATES: &str =
    "`clean`, `verified`, `verdict: CLEAN`, `changed: [paths]`, `schema: FILE`, or a list of them";

impl<'de> Deserialize<'de> for RawGates {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = RawGates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(GATES)
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<RawGates, E> {
                Ok(RawGates(vec![RawGate { word: word.to_owned(), of: None }]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawGates, A::Error> {
                gates_of_map(map).map(RawGates)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawGates, A::Error> {
                let mut all = Vec::new();
                // An element has the same two shapes; a list within the list is flattened, which hurts nobody.
                while let Some(RawGates(mut some)) = list.next_element()? {
                    all.append(&mut some);
                }
                Ok(RawGates(all))
            }
        }
        from.deserialize_any(Reader)
    }
}

fn gates_of_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Vec<RawGate>, A::Error> {
    let mut gates = Vec::new();
    while let Some((word, Words(of))) = map.next_entry::<String, Words>()? {
        gates.push(RawGate { word, of: Some(of) });
    }
    Ok(gates)
}

#[cfg(test)]
mod tests {
    use clodex_core::parse_yaml;

    use super::*;

    fn step(text: &str) -> Result<RawStep, String> {
        let text = format!("steps:\n  - {text}\n");
        let flow: RawFlow = parse_yaml("f", &text).map_err(|error| error.to_string())?;
        Ok(flow.steps[0].clone())
    }

    #[test]
    fn one_word_and_a_list_are_written_alike() {
        assert_eq!(step("needs: a").unwrap().needs, step("needs: [a]").unwrap().needs);
        assert_eq!(step("verify: true").unwrap().verify, RawVerify::Yes);
        assert_eq!(
            step("verify: cargo test").unwrap().verify,
            RawVerify::Commands(vec!["cargo test".into()])
        );
        let gate = |word: &str, of: Option<&[&str]>| RawGate {
            word: word.into(),
            of: of.map(|of| of.iter().map(|word| (*word).to_owned()).collect()),
        };
        assert_eq!(step("gate: clean").unwrap().gate.0, [gate("clean", None)]);
        assert_eq!(
            step("gate: [clean, verdict: CLEAN, {changed: [a, b]}]").unwrap().gate.0,
            [gate("clean", None), gate("verdict", Some(&["CLEAN"])), gate("changed", Some(&["a", "b"]))]
        );
    }

    #[test]
    fn another_shape_is_an_error_with_its_line() {
        for (text, wanted) in [
            ("needs: 3", "a word or a list of words"),
            ("verify: 3", "`true`, a command or a list of commands"),
            ("gate: 3", "`clean`, `verified`"),
            ("modus: worker", "unknown field `modus`"),
            ("retry: many", "line 2"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(wanted) && error.contains("line 2"), "{error}");
        }
    }
}
