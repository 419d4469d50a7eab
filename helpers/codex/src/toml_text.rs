//! Values of Codex's `-c key=value`, written so that any text stays what it is.

/// A TOML string.
pub(crate) fn quoted(text: &str) -> String {
    let mut toml = String::with_capacity(text.len() + 2);
    toml.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => toml.extend(['\\', c]),
            c if c.is_control() => toml.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => toml.push(c),
        }
    }
    toml.push('"');
    toml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_valid_toml() {
        for text in ["plain", "a\"b\\c", "tab\tnew\nline\u{7f}", "日本語"] {
            let table: toml::Table = format!("x={}", quoted(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
