//! Our YAML files, read strictly. The only module that names the YAML library.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Configuration files larger than this are refused.
pub const YAML_MAX_BYTES: usize = 256 * 1024;

/// So many brackets stay open in no file of ours; the library's time grows with the square of them.
const MAX_OPEN: usize = 1000;

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
    if most_open(text) > MAX_OPEN {
        let what = format!("more than {MAX_OPEN} brackets are open at once");
        return Err(YamlError::new(file, what, "close them"));
    }
    // An editor's mark of its encoding is no document.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let refused = |error: serde_yaml::Error| {
        let what = located(text, error.to_string());
        YamlError::new(file, what, "correct the file; keys that clodex does not know are errors")
    };
    // Maps take the last of two equal keys silently; the generic value refuses them.
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(refused)?;
    if value.is_null() { Ok(T::default()) } else { serde_yaml::from_str(text).map_err(refused) }
}

/// A part of a file of ours that is read key by key: for who tells all that is wrong with it, and not only the first
/// thing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct YamlPart(serde_yaml::Value);

/// A key that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedKey {
    /// The key; empty where the part has none.
    pub key: String,
    /// Why, without a place.
    pub why: String,
}

impl YamlPart {
    /// What the keys say that can be read, and those that cannot.
    pub fn read<T: DeserializeOwned + Default>(&self) -> (T, Vec<RefusedKey>) {
        let refused = |key: &str, why: String| RefusedKey { key: key.to_owned(), why };
        let serde_yaml::Value::Mapping(keys) = &self.0 else {
            let why = read_alone::<T>(&self.0).err().filter(|_| !self.0.is_null());
            return (T::default(), why.into_iter().map(|why| refused("", why)).collect());
        };
        let (mut readable, mut others) = (serde_yaml::Mapping::new(), Vec::new());
        for (key, value) in keys {
            let alone = serde_yaml::Mapping::from_iter([(key.clone(), value.clone())]);
            match read_alone::<T>(&alone.into()) {
                Ok(_) => drop(readable.insert(key.clone(), value.clone())),
                Err(why) => others.push(refused(key.as_str().unwrap_or_default(), why)),
            }
        }
        (read_alone(&readable.into()).unwrap_or_default(), others)
    }

    /// Takes out the parts of a list; none, and nothing is taken, where it is no list.
    pub fn take_list(&mut self, key: &str) -> Vec<Self> {
        let is_list = self.0.get(key).is_some_and(serde_yaml::Value::is_sequence);
        match self.0.as_mapping_mut().filter(|_| is_list).and_then(|keys| keys.remove(key)) {
            Some(serde_yaml::Value::Sequence(list)) => list.into_iter().map(Self).collect(),
            Some(_) | None => Vec::new(),
        }
    }

    /// Takes out the parts of a map, with their names; none, and nothing is taken, where it is no map of names.
    pub fn take_map(&mut self, key: &str) -> Vec<(String, Self)> {
        let has_names = |map: &serde_yaml::Mapping| map.keys().all(serde_yaml::Value::is_string);
        let is_map = self.0.get(key).and_then(serde_yaml::Value::as_mapping).is_some_and(has_names);
        match self.0.as_mapping_mut().filter(|_| is_map).and_then(|keys| keys.remove(key)) {
            Some(serde_yaml::Value::Mapping(map)) => map
                .into_iter()
                .filter_map(|(key, part)| Some((key.as_str()?.to_owned(), Self(part))))
                .collect(),
            Some(_) | None => Vec::new(),
        }
    }
}

/// Reads a value by itself, as it would be read in its file: what is written as a number may be meant as a text.
fn read_alone<T: DeserializeOwned>(value: &serde_yaml::Value) -> Result<T, String> {
    let read = serde_yaml::to_string(value).and_then(|text| serde_yaml::from_str(&text));
    read.map_err(|error| {
        let why = error.to_string();
        why.rsplit_once(" at line ").map_or(why.clone(), |(why, _)| why.to_owned())
    })
}

fn most_open(text: &str) -> usize {
    let open = text.bytes().scan(0_usize, |open, byte| {
        match byte {
            b'[' | b'{' => *open += 1,
            b']' | b'}' => *open = open.saturating_sub(1),
            _ => {}
        }
        Some(*open)
    });
    open.max().unwrap_or_default()
}

/// The library names no line where that is the first one, and of a key that is given twice at the top of the file.
fn located(text: &str, what: String) -> String {
    if what.contains(" at line ") {
        return what;
    }
    let quoted = |before: &str, after: char| what.split_once(before)?.1.split(after).next();
    let Some(key) = quoted("unknown field `", '`').or_else(|| quoted("with key \"", '"')) else {
        return what;
    };
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    match text.lines().collect::<Vec<_>>().iter().rposition(|line| is_key(line)) {
        Some(at) => format!("{what} at line {}", at + 1),
        None => what,
    }
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
        assert_eq!(parse_yaml::<Map>("f", "\u{feff}a: 1\n"), Ok(Map::from([("a".into(), 1)])));
        let error = parse_yaml::<Map>("f.yaml", "a: 1\nb: 3\na: 2\n").unwrap_err().to_string();
        let wanted = "cannot read `f.yaml`: duplicate entry with key \"a\" at line 3\n";
        assert!(error.starts_with(wanted), "{error}");
    }

    #[test]
    fn brackets_without_end_are_not_read() {
        for text in ["[".repeat(200_000), format!("a: {}", "{b: [".repeat(600))] {
            let error = parse_yaml::<BTreeMap<String, u32>>("f", &text).unwrap_err().to_string();
            assert!(error.contains("more than 1000 brackets are open at once"), "{error}");
        }
        let many = format!("# {}", "[]{}".repeat(2_000));
        assert_eq!(parse_yaml::<BTreeMap<String, u32>>("f", &many), Ok(BTreeMap::new()));
    }

    #[test]
    fn a_key_that_is_not_known_is_told_with_its_line() {
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Known {
            name: String,
        }
        for (text, wanted) in [("name: x\nnam: y\n", "line 2 column 1\n"), ("nam: y\n", "line 1\n")] {
            let error = parse_yaml::<Known>("f.yaml", text).unwrap_err().to_string();
            assert!(error.contains(&format!("unknown field `nam`, expected `name` at {wanted}")), "{error}");
        }
        assert_eq!(parse_yaml::<Known>("f.yaml", "name: x\n").unwrap().name, "x");
    }
    #[test]
    fn a_part_is_read_as_far_as_it_can_be_and_each_key_is_told_that_cannot() {
        #[derive(Debug, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Known {
            name: String,
            count: u32,
        }
        let part = |text: &str| parse_yaml::<YamlPart>("f", text).unwrap();
        let (known, refused) = part("name: 2\ncount: many\nnam: x\n").read::<Known>();
        assert_eq!(known, Known { name: "2".to_owned(), count: 0 });
        let told: Vec<(&str, &str)> =
            refused.iter().map(|refused| (refused.key.as_str(), refused.why.as_str())).collect();
        assert_eq!(
            told,
            [
                ("count", "count: invalid type: string \"many\", expected u32"),
                ("nam", "unknown field `nam`, expected `name` or `count`")
            ]
        );
        assert_eq!(part("- x\n").read::<Known>().1[0].key, "");
        assert_eq!(part("").read::<Known>(), (Known::default(), vec![]));
    }

    #[test]
    fn lists_and_maps_are_taken_out_of_a_part_where_they_are_such() {
        let mut part = parse_yaml::<YamlPart>("f", "a: [1, 2]\nb: {x: 1}\nc: 3\nd: {1: 2}\n").unwrap();
        assert_eq!((part.take_list("a").len(), part.take_list("a").len()), (2, 0));
        assert_eq!((part.take_map("b")[0].0.as_str(), part.take_list("c").len()), ("x", 0));
        assert!(part.take_map("c").is_empty() && part.take_map("d").is_empty());
        assert_eq!(part.read::<BTreeMap<String, String>>().0, BTreeMap::from([("c".into(), "3".into())]));
    }
}
