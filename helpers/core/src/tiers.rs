//! Tiers: names for a model and an effort, merged key by key from the built-in, the user's and the project's file.
//! Does not know which models Codex has.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::yaml::{YamlError, parse_yaml};

const BUILT_IN: &str = include_str!("../../../config/tiers.yaml");

/// What a tier stands for. Without a model or an effort, Codex takes its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tier {
    /// Model name, as `codex -m` takes it.
    pub model: Option<String>,
    /// Reasoning effort, as Codex's `model_reasoning_effort` takes it.
    pub effort: Option<String>,
    /// What it is good for.
    pub description: Option<String>,
}

/// All tiers and their fallback models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiers {
    tiers: BTreeMap<String, Tier>,
    fallback: BTreeMap<String, String>,
}

/// One file of tiers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TiersFile {
    tiers: BTreeMap<String, Tier>,
    fallback: BTreeMap<String, String>,
}

/// The model and effort a run asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelChoice {
    /// The tier it came from.
    pub tier: Option<String>,
    /// Absent: whatever Codex's own configuration says.
    pub model: Option<String>,
    /// Absent: whatever Codex's own configuration says.
    pub effort: Option<String>,
    /// To be taken once, announced, when Codex does not have the model.
    pub fallback: Option<String>,
}

/// A tier that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown tier `{name}`\n  hint: the tiers are {}", known.join(", "))]
pub struct UnknownTier {
    /// As asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<String>,
}

impl Tiers {
    /// The built-in tiers with the user's and then the project's file laid over them; each layer is `(file, text)`,
    /// weakest first.
    pub fn layered(files: &[(&str, &str)]) -> Result<Self, YamlError> {
        let mut tiers = Self::default();
        for (file, text) in [("built-in tiers", BUILT_IN)].iter().chain(files) {
            tiers.lay_over(file, parse_yaml(file, text)?)?;
        }
        Ok(tiers)
    }

    fn lay_over(&mut self, file: &str, layer: TiersFile) -> Result<(), YamlError> {
        for (name, tier) in layer.tiers {
            check_word(file, "tier name", &name)?;
            for (what, value) in [("model", &tier.model), ("effort", &tier.effort)] {
                value
                    .as_ref()
                    .map_or(Ok(()), |value| check_word(file, &format!("tiers.{name}.{what}"), value))?;
            }
            let known = self.tiers.entry(name).or_default();
            known.model = tier.model.or(known.model.take());
            known.effort = tier.effort.or(known.effort.take());
            known.description = tier.description.or(known.description.take());
        }
        for (name, model) in layer.fallback {
            check_word(file, &format!("fallback.{name}"), &model)?;
            if !self.tiers.contains_key(&name) {
                let what = format!("fallback.{name} is for a tier that does not exist");
                return Err(YamlError::new(file, what, format!("the tiers are {}", self.names().join(", "))));
            }
            self.fallback.insert(name, model);
        }
        Ok(())
    }

    /// What the tier of this name stands for.
    pub fn choose(&self, name: &str) -> Result<ModelChoice, UnknownTier> {
        let unknown = || UnknownTier { name: name.to_owned(), known: self.names() };
        let tier = self.tiers.get(name).ok_or_else(unknown)?;
        Ok(ModelChoice {
            tier: Some(name.to_owned()),
            model: tier.model.clone(),
            effort: tier.effort.clone(),
            fallback: self.fallback.get(name).filter(|model| Some(*model) != tier.model.as_ref()).cloned(),
        })
    }

    /// Names and what they stand for, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tier)> {
        self.tiers.iter().map(|(name, tier)| (name.as_str(), tier))
    }

    fn names(&self) -> Vec<String> {
        self.tiers.keys().cloned().collect()
    }
}

/// These words reach Codex's command line: nothing that could be read as an option or as TOML.
fn check_word(file: &str, key: &str, word: &str) -> Result<(), YamlError> {
    let fits = word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte));
    if fits {
        return Ok(());
    }
    let what = format!("{key} `{}` is not a plain word", word.escape_debug());
    Err(YamlError::new(file, what, "letters, digits and `-_.:/` only, a letter or digit first"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_tiers_are_whole_and_have_fallbacks() {
        let tiers = Tiers::layered(&[]).unwrap();
        let names: Vec<&str> = tiers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["deep", "fast", "standard"]);
        for (name, tier) in tiers.iter() {
            assert!(tier.model.is_some() && tier.effort.is_some() && tier.description.is_some(), "{name}");
            assert!(tiers.choose(name).unwrap().fallback.is_some(), "{name}");
        }
    }

    #[test]
    fn a_layer_replaces_the_keys_it_gives_and_no_other() {
        let user = "tiers:\n  fast: {model: mine}\n  tiny: {effort: low}\nfallback:\n  tiny: small\n";
        let project = "tiers:\n  fast: {effort: high}\n";
        let tiers = Tiers::layered(&[("user", user), ("project", project)]).unwrap();
        let choice = |tier: &str, model: Option<&str>, effort: &str, fallback: &str| ModelChoice {
            tier: Some(tier.into()),
            model: model.map(str::to_owned),
            effort: Some(effort.into()),
            fallback: Some(fallback.into()),
        };
        assert_eq!(tiers.choose("fast"), Ok(choice("fast", Some("mine"), "high", "gpt-5.6-luna")));
        assert_eq!(tiers.choose("tiny"), Ok(choice("tiny", None, "low", "small")));
    }

    #[test]
    fn an_unknown_tier_lists_the_known_ones() {
        let error = Tiers::layered(&[]).unwrap().choose("huge").unwrap_err();
        assert_eq!(error.to_string(), "unknown tier `huge`\n  hint: the tiers are deep, fast, standard");
    }

    #[test]
    fn a_bad_file_is_an_error_that_names_it() {
        for (text, wanted) in [
            ("tiers:\n  fast: {modl: x}\n", "unknown field `modl`"),
            ("tears: {}\n", "unknown field `tears`"),
            ("tiers:\n  fast: {model: --yolo}\n", "tiers.fast.model `--yolo` is not a plain word"),
            ("tiers:\n  fast: {effort: 'a\" b'}\n", "tiers.fast.effort"),
            ("fallback:\n  huge: x\n", "fallback.huge is for a tier that does not exist"),
            ("tiers:\n  a: {model: x}\n  a: {model: y}\n", "duplicate entry"),
            ("- x\n", "invalid type"),
        ] {
            let error = Tiers::layered(&[("/p/tiers.yaml", text)]).unwrap_err().to_string();
            assert!(error.starts_with("cannot read `/p/tiers.yaml`: ") && error.contains(wanted), "{error}");
        }
    }
}
