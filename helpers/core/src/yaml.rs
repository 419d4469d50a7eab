//! Our YAML files, read strictly. The only module that names the YAML library.

use serde::de::DeserializeOwned;

/// Configuration files larger than this are refused.
pub const YAML_MAX_BYTES: usize = 256 * 1024;

/// A file of ours that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{file}`: {what}\n  hint: {hint}")]
pub struct YamlError {
    /// The file as the caller names it.
    pub file: String,
    /// What is wrong, with line and column where they are known.
    pub what: String,
    /// The next step.
    pub hint: String,
}

impl YamlError {
    pub(crate) fn new(file: &str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { file: file.to_owned(), what: what.into(), hint: hint.into() }
    }
}

/// Reads a file of ours. An empty file says nothing, which is the default; a key given twice is an error.
pub fn parse_yaml<T: DeserializeOwned + Default>(file: &str, text: &str) -> Result<T, YamlError> {
    if text.len() > YAML_MAX_BYTES {
        let what = format!("{} bytes is more than the {YAML_MAX_BYTES} it may have", text.len());
        return Err(YamlError::new(file, what, "a configuration file is a few lines long"));
    }
    let refused = |error: serde_yaml::Error| {
        YamlError::new(file, error.to_string(), "correct the file; keys that clodex does not know are errors")
    };
    // Maps take the last of two equal keys silently; the generic value refuses them.
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(refused)?;
    if value.is_null() { Ok(T::default()) } else { serde_yaml::from_str(text).map_err(refused) }
}

/// The keys at the top of a file, whatever their values: for checks that come before the strict reading.
pub(crate) fn yaml_keys(file: &str, text: &str) -> Result<Vec<String>, YamlError> {
    let value: serde_yaml::Value = parse_yaml(file, text)?;
    let keys = value.as_mapping().into_iter().flat_map(serde_yaml::Mapping::keys);
    Ok(keys.filter_map(|key| key.as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_empty_file_is_the_default_and_a_double_key_an_error() {
        type Map = BTreeMap<String, u32>;
        assert_eq!(parse_yaml::<Map>("f", "# nothing\n"), Ok(Map::new()));
        assert_eq!(parse_yaml::<Map>("f", "a: 1\n"), Ok(Map::from([("a".into(), 1)])));
        let error = parse_yaml::<Map>("f.yaml", "a: 1\na: 2\n").unwrap_err().to_string();
        assert!(error.starts_with("cannot read `f.yaml`: duplicate entry with key \"a\""), "{error}");
    }
}
