//! What a question wants to know in words: the questions of the model's `request_user_input`, the fields of an MCP
//! server's form. Reads both, and writes answers in the shape that each wants.

use std::collections::BTreeMap;

use clodex_core::{Need, PartAnswer, PartOption, PartWants, QuestionPart, Visibility};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::NoAnswer;
use super::answer::json;
use crate::tolerant_json::{Flag, List, Text, last_key_wins};

/// The parts of a question, in order; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    part: QuestionPart,
    kind: Kind,
    /// What an option's label stands for, in the order of the options, where it is something else.
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Whole,
    YesOrNo,
    Several,
}

last_key_wins! {
    pub(super) struct QuestionWire<'a> {
        "id" => id: Text<'a>,
        "question" => text: Text<'a>,
        "options" => options: List<OptionWire<'a>>,
        "isSecret" => is_secret: Flag<'a>,
    }
}

last_key_wins! {
    pub(super) struct OptionWire<'a> {
        "label" => label: Text<'a>,
        "description" => description: Text<'a>,
    }
}

/// The schema that MCP lets a server ask with: an object of plain fields.
#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow)]
    properties: BTreeMap<String, &'a RawValue>,
    #[serde(default)]
    required: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct FieldWire {
    r#type: String,
    title: Option<String>,
    description: Option<String>,
    r#enum: Option<Vec<String>>,
    enum_names: Option<Vec<String>>,
    one_of: Option<Vec<ConstWire>>,
    items: Option<ItemsWire>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ItemsWire {
    r#enum: Option<Vec<String>>,
    any_of: Option<Vec<ConstWire>>,
}

#[derive(Deserialize)]
struct ConstWire {
    r#const: String,
    #[serde(default)]
    title: String,
}

impl Form {
    /// The model's questions: whatever they offer, other words will do.
    pub(super) fn of_questions(questions: Vec<QuestionWire<'_>>) -> Self {
        Self { fields: questions.into_iter().map(Field::of_question).collect() }
    }

    /// The fields of a `requestedSchema`; none where it is no such thing.
    pub(super) fn of_schema(schema: &str) -> Option<Self> {
        let schema: Schema<'_> = serde_json::from_str(schema).ok()?;
        let required = schema.required.unwrap_or_default();
        let need = |id: &String| if required.contains(id) { Need::Required } else { Need::Optional };
        let fields = schema.properties.iter().map(|(id, field)| {
            let read = serde_json::from_str(field.get()).ok()?;
            Field::of_schema(id, read, need(id))
        });
        Some(Self { fields: fields.collect::<Option<_>>()? })
    }

    /// The parts as a person sees them.
    pub fn parts(&self) -> impl Iterator<Item = &QuestionPart> {
        self.fields.iter().map(|field| &field.part)
    }

    /// Whether nothing but a yes or no is wanted.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether nothing has to be said for a yes.
    pub fn may_be_empty(&self) -> bool {
        self.fields.iter().all(|field| field.part.need == Need::Optional)
    }

    /// Answers as lists of words, by question.
    pub(super) fn words(&self, answers: &[PartAnswer]) -> Result<BTreeMap<String, Words>, NoAnswer> {
        let words = self.each(answers)?.into_iter();
        Ok(words.map(|(field, words)| (field.part.id.clone(), Words { answers: words.to_vec() })).collect())
    }

    /// Answers as the values that the schema wants.
    pub(super) fn content(
        &self,
        answers: &[PartAnswer],
    ) -> Result<BTreeMap<String, Box<RawValue>>, NoAnswer> {
        let values = self.each(answers)?.into_iter();
        values.map(|(field, words)| Ok((field.part.id.clone(), field.value(words)?))).collect()
    }

    fn each<'a>(&'a self, answers: &'a [PartAnswer]) -> Result<Vec<(&'a Field, &'a [String])>, NoAnswer> {
        let asked = |id: &str| self.fields.iter().find(|field| field.part.id == id);
        if let Some(answer) = answers.iter().find(|answer| asked(&answer.part).is_none()) {
            return Err(NoAnswer::Misfit(format!("nothing called `{}` was asked", answer.part)));
        }
        let mut each = Vec::new();
        for field in &self.fields {
            match answers.iter().find(|answer| answer.part == field.part.id) {
                Some(answer) => each.push((field, answer.answers.as_slice())),
                None if field.part.need == Need::Optional => {}
                None => return Err(NoAnswer::Misfit(format!("`{}` is not answered", field.part.id))),
            }
        }
        Ok(each)
    }
}

/// The answer to one of the model's questions.
#[derive(serde::Serialize)]
pub(super) struct Words {
    answers: Vec<String>,
}

impl Field {
    fn of_question(question: QuestionWire<'_>) -> Self {
        let option = |option: OptionWire<'_>| PartOption {
            label: option.label.0.into_owned(),
            description: option.description.0.into_owned(),
        };
        let part = QuestionPart {
            id: question.id.0.into_owned(),
            text: question.text.0.into_owned(),
            wants: PartWants::Words,
            options: question.options.0.into_iter().map(option).collect(),
            visibility: if question.is_secret.0 { Visibility::Secret } else { Visibility::Open },
            need: Need::Required,
        };
        Self { part, kind: Kind::Text, values: vec![] }
    }

    /// None for what no field of a form may be.
    fn of_schema(id: &str, field: FieldWire, need: Need) -> Option<Self> {
        let titled = |options: Vec<ConstWire>| {
            let pair = |option: ConstWire| {
                let label = if option.title.is_empty() { option.r#const.clone() } else { option.title };
                (label, option.r#const)
            };
            options.into_iter().map(pair).collect::<Vec<_>>()
        };
        let named = |values: Vec<String>, names: Option<Vec<String>>| {
            let names = names.filter(|names| names.len() == values.len()).unwrap_or_else(|| values.clone());
            names.into_iter().zip(values).collect::<Vec<_>>()
        };
        let (kind, wants, options) = match field.r#type.as_str() {
            "string" => match (field.one_of, field.r#enum) {
                (Some(options), _) => (Kind::Text, PartWants::OneOption, titled(options)),
                (None, Some(values)) => (Kind::Text, PartWants::OneOption, named(values, field.enum_names)),
                (None, None) => (Kind::Text, PartWants::Words, vec![]),
            },
            "number" => (Kind::Number, PartWants::Number, vec![]),
            "integer" => (Kind::Whole, PartWants::WholeNumber, vec![]),
            "boolean" => {
                let options = [("yes", "true"), ("no", "false")];
                let options = options.map(|(label, value)| (label.to_owned(), value.to_owned()));
                (Kind::YesOrNo, PartWants::OneOption, options.to_vec())
            }
            "array" => {
                let items = field.items?;
                let options = items.any_of.map(titled).or_else(|| Some(named(items.r#enum?, None)))?;
                (Kind::Several, PartWants::Options, options)
            }
            _ => return None,
        };
        let title = field.title.filter(|title| !title.is_empty());
        let texts = [title, field.description];
        let text = texts.into_iter().flatten().collect::<Vec<_>>().join(": ");
        let (labels, values): (Vec<String>, Vec<String>) = options.into_iter().unzip();
        let option = |label| PartOption { label, description: String::new() };
        let options = labels.into_iter().map(option).collect();
        let visibility = Visibility::Open;
        let part = QuestionPart { id: id.to_owned(), text, wants, options, visibility, need };
        Some(Self { part, kind, values })
    }

    fn value(&self, words: &[String]) -> Result<Box<RawValue>, NoAnswer> {
        let values: Vec<&str> = words.iter().map(|word| self.meant(word)).collect();
        let only = values.first().copied().unwrap_or_default();
        let wants = |what: &str| NoAnswer::Misfit(format!("`{}` wants {what}, not `{only}`", self.part.id));
        Ok(match self.kind {
            Kind::Several => json(&values),
            Kind::Text => json(&only),
            Kind::YesOrNo => json(&(only == "true")),
            Kind::Whole => json(&only.trim().parse::<i64>().map_err(|_| wants("a whole number"))?),
            Kind::Number => {
                let number: f64 = only.trim().parse().map_err(|_| wants("a number"))?;
                if !number.is_finite() {
                    return Err(wants("a number"));
                }
                json(&number)
            }
        })
    }

    /// What a label stands for.
    fn meant<'a>(&'a self, label: &'a str) -> &'a str {
        let at = self.part.options.iter().position(|option| option.label == label);
        at.and_then(|at| self.values.get(at)).map_or(label, String::as_str)
    }
}
