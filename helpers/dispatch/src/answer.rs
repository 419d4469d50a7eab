//! Which final answer is asked for, and whether an answer follows it.

use jsonschema::Validator;
use serde_json::Value;

/// The schema that Codex is given.
#[derive(Debug)]
pub enum Schema {
    /// clodex's own ([`clodex_core::Claim::SCHEMA`]).
    Claim,
    /// The user's (`--output-schema`).
    Own(Box<OwnSchema>),
    /// That of Codex's own review, which nobody but us holds it to.
    Review(Box<OwnSchema>),
}

/// A schema of somebody else's, compiled.
#[derive(Debug)]
pub struct OwnSchema {
    text: String,
    validator: Validator,
}

impl Schema {
    /// The text of the schema, as Codex gets it.
    pub fn text(&self) -> &str {
        match self {
            Self::Claim => clodex_core::Claim::SCHEMA,
            Self::Own(own) | Self::Review(own) => &own.text,
        }
    }

    /// Whether Codex's own reviewer is asked.
    pub fn is_review(&self) -> bool {
        matches!(self, Self::Review(_))
    }
}

impl OwnSchema {
    /// Compiles a schema; the error says what is wrong with it.
    pub fn compile(text: String) -> Result<Self, String> {
        let schema: Value = serde_json::from_str(&text).map_err(|error| format!("is not JSON: {error}"))?;
        let validator =
            jsonschema::validator_for(&schema).map_err(|error| format!("is no JSON schema: {error}"))?;
        Ok(Self { text, validator })
    }

    /// The same of an answer that may stand among other words, from its first brace to its last.
    pub fn check_within(&self, text: &str) -> Result<Value, String> {
        let object = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
        self.check(object.unwrap_or(text))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_checked_against_the_users_own_schema() {
        let schema = r#"{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}"#;
        let schema = OwnSchema::compile(schema.to_owned()).unwrap();
        assert_eq!(schema.check(r#"{"n":3}"#), Ok(serde_json::json!({"n":3})));
        assert!(schema.check(r#"{"n":"x"}"#).unwrap_err().contains("/n"));
        assert!(schema.check("sorry").unwrap_err().contains("not JSON"));
        assert!(OwnSchema::compile("{\"type\":3}".into()).is_err());
    }
}
