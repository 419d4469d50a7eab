//! Answers in Codex's words.

use std::collections::BTreeMap;

use clodex_core::{PartAnswer, part_answers};
use serde::Serialize;
use serde_json::value::RawValue;

use super::form::{Form, Words};
use super::{Dialect, NoAnswer, Reply};

pub(super) fn decided(reply: &Reply, dialect: Dialect) -> Result<&'static str, NoAnswer> {
    Ok(match (reply, dialect) {
        (Reply::Accept, Dialect::Present) => "accept",
        (Reply::Decline, Dialect::Present) => "decline",
        (Reply::Cancel, Dialect::Present) => "cancel",
        (Reply::Accept, Dialect::Legacy) => "approved",
        (Reply::Decline, Dialect::Legacy) => "denied",
        (Reply::Cancel, Dialect::Legacy) => "abort",
        (Reply::Text(_) | Reply::Answers(_), Dialect::Present | Dialect::Legacy) => {
            return Err(NoAnswer::WantsDecision);
        }
    })
}

pub(super) fn granted(permissions: &str) -> Result<Box<RawValue>, NoAnswer> {
    let permissions = serde_json::from_str::<&RawValue>(permissions);
    let permissions = permissions.map_err(|_| NoAnswer::Refuse("permissions that are no JSON".to_owned()))?;
    Ok(json(&Granted { permissions, scope: "turn" }))
}

/// What a text is, where one thing is wanted.
pub(super) fn only(form: &Form, text: &str) -> Result<Vec<PartAnswer>, NoAnswer> {
    part_answers(&form.parts().cloned().collect::<Vec<_>>(), &[text]).map_err(NoAnswer::Misfit)
}

pub(super) fn elicitation(form: Option<&Form>, reply: &Reply) -> Result<Box<RawValue>, NoAnswer> {
    let unknown = || NoAnswer::Misfit("it wants to know it in a way that clodex does not know".to_owned());
    let (action, content) = match reply {
        Reply::Decline => ("decline", None),
        Reply::Cancel => ("cancel", None),
        Reply::Accept if form.ok_or_else(unknown)?.may_be_empty() => ("accept", Some(BTreeMap::new())),
        Reply::Accept => return Err(NoAnswer::WantsText),
        Reply::Text(_) | Reply::Answers(_) if form.is_some_and(Form::is_empty) => {
            return Err(NoAnswer::WantsDecision);
        }
        Reply::Text(text) => {
            let form = form.ok_or_else(unknown)?;
            ("accept", Some(form.content(&only(form, text)?)?))
        }
        Reply::Answers(answers) => ("accept", Some(form.ok_or_else(unknown)?.content(answers)?)),
    };
    Ok(json(&Elicited { action, content, meta: None }))
}

#[derive(Serialize)]
pub(super) struct Decision {
    pub(super) decision: &'static str,
}

#[derive(Serialize)]
struct Granted<'a> {
    permissions: &'a RawValue,
    scope: &'static str,
}

#[derive(Serialize)]
pub(super) struct Answers {
    pub(super) answers: BTreeMap<String, Words>,
}

#[derive(Serialize)]
struct Elicited {
    action: &'static str,
    content: Option<BTreeMap<String, Box<RawValue>>>,
    #[serde(rename = "_meta")]
    meta: Option<()>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolAnswer {
    pub(super) content_items: [ContentItem; 1],
    pub(super) success: bool,
}

#[derive(Serialize)]
pub(super) struct ContentItem {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CurrentTime {
    pub(super) current_time_at: i64,
}

pub(super) fn json(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("texts and numbers can be written as JSON")
}
