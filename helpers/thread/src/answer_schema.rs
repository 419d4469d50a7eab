//! `--output-schema`: the file, and whether the final answer follows it.

use std::fs;
use std::path::Path;

use clodex_codex::AnswerSchema;

use crate::trouble::{Kind, Trouble};

/// The schema in this file.
pub fn read(file: Option<&Path>) -> Result<Option<AnswerSchema>, Trouble> {
    let Some(file) = file else { return Ok(None) };
    let shown = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Trouble::usage(format!("cannot read the schema `{shown}`: {error}")))?;
    let schema = AnswerSchema::compile(text).map_err(|why| {
        let hint = "hint: check it with a JSON schema validator";
        Trouble::usage(format!("cannot use the schema `{shown}`: it {why}\n{hint}"))
    })?;
    Ok(Some(schema))
}

/// Whether this answer is what was asked for; without a schema, any is.
pub fn check(schema: Option<&AnswerSchema>, answer: Option<&str>) -> Result<(), Trouble> {
    let Some(schema) = schema else { return Ok(()) };
    let answer = answer.ok_or_else(|| "there is no answer that could follow the schema".to_owned());
    let checked = answer.and_then(|answer| schema.check(answer));
    checked.map_or_else(|why| Err(Trouble::new(Kind::Schema, why)), |_| Ok(()))
}
