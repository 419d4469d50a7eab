//! Scripts in prompts: puts them in and finds them. Knows the marks, not what a script says.

use serde_json::Value;

/// The text that carries `script` in a prompt.
pub fn embed(script: &Value) -> String {
    format!("@@{script}@@")
}

/// All scripts in a text, in order, as they are written.
///
/// # Errors
/// When something begins like a script (`@@[`) and is none: a test should hear of its typo.
pub(crate) fn scripts_in(text: &str) -> Result<Vec<Value>, String> {
    let mut scripts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("@@[") {
        let mut values = serde_json::Deserializer::from_str(&rest[start + 2..]).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(e)) => return Err(format!("script is no JSON: {e}")),
            None => return Err("script is empty".to_owned()),
        };
        let end = start + 2 + values.byte_offset();
        if !rest[end..].starts_with("@@") {
            return Err("script does not end with @@".to_owned());
        }
        scripts.push(value);
        rest = &rest[end + 2..];
    }
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scripts_are_found_between_other_text_even_with_marks_inside() {
        let script = json!([{ "do": [{ "say": "]@@ and @@[" }] }]);
        let text = format!("a {} b {} c", embed(&script), embed(&json!([])));
        assert_eq!(scripts_in(&text), Ok(vec![script, json!([])]));
    }

    #[test]
    fn a_broken_script_is_an_error() {
        assert!(scripts_in("@@[{]@@").unwrap_err().starts_with("script is no JSON"));
        assert_eq!(scripts_in("@@[] @@"), Err("script does not end with @@".to_owned()));
    }
}
