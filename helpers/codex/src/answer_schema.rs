//! The schema of an answer, and whether an answer follows it: Codex hands a schema on to the model and checks nothing.

use jsonschema::Validator;
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON schema of an answer, compiled.
#[derive(Debug)]
pub struct AnswerSchema {
    json: Box<RawValue>,
    validator: Validator,
}

impl AnswerSchema {
    /// Compiles a schema; the error says what is wrong with it, after "it".
    pub fn compile(text: String) -> Result<Self, String> {
        let not_json = |error: serde_json::Error| format!("is not JSON: {error}");
        let schema: Value = serde_json::from_str(&text).map_err(not_json)?;
        if !schema.is_object() {
            return Err("is not a JSON object".to_owned());
        }
        let validator =
            jsonschema::validator_for(&schema).map_err(|error| format!("is no JSON schema: {error}"))?;
        Ok(Self { json: RawValue::from_string(text).map_err(not_json)?, validator })
    }

    /// As Codex gets it.
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    /// The answer, if it follows the schema; else what is wrong with it.
    pub fn check(&self, message: &str) -> Result<Value, String> {
        let answer: Value =
            serde_json::from_str(message).map_err(|error| format!("the answer is not JSON: {error}"))?;
        let broken = self
            .validator
            .iter_errors(&answer)
            .next()
            .map(|error| format!("the answer breaks the schema at `{}`: {error}", error.instance_path()));
        broken.map_or(Ok(answer), Err)
    }

    /// The same of an answer that may stand among other words, from its first brace to its last.
    pub fn check_within(&self, text: &str) -> Result<Value, String> {
        let object = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
        self.check(object.unwrap_or(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_checked_against_its_schema() {
        let schema = r#"{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}"#;
        let schema = AnswerSchema::compile(schema.to_owned()).unwrap();
        assert_eq!(schema.check(r#"{"n":3}"#), Ok(serde_json::json!({"n":3})));
        assert!(schema.check(r#"{"n":"x"}"#).unwrap_err().contains("/n"));
        assert!(schema.check("sorry").unwrap_err().contains("not JSON"));
        assert_eq!(schema.check_within("here: {\"n\":3}."), Ok(serde_json::json!({"n":3})));
    }

    #[test]
    fn what_is_no_schema_of_an_object_is_refused() {
        for (text, why) in [
            ("{\"type\":3}", "is no JSON schema"),
            ("[1]", "is not a JSON object"),
            ("true", "is not a JSON object"),
            ("{", "is not JSON"),
        ] {
            let refused = AnswerSchema::compile(text.to_owned()).unwrap_err();
            assert!(refused.starts_with(why), "{text}: {refused}");
        }
    }
}
