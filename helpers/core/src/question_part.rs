//! What a question of Codex wants to know in words, part by part, and how what somebody wrote answers it. Knows nothing
//! of how Codex asks or how an answer reaches it.

use serde::{Deserialize, Serialize};

/// One thing that is wanted in words; a question may want several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionPart {
    /// Names it in an answer.
    pub id: String,
    /// What is wanted to be known.
    pub text: String,
    /// What may be said.
    pub wants: PartWants,
    /// What can be chosen; empty = nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PartOption>,
    /// Whether the answer may be seen.
    #[serde(default)]
    pub visibility: Visibility,
    /// Whether it may be left out.
    #[serde(default)]
    pub need: Need,
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartOption {
    /// What it is called.
    pub label: String,
    /// What it means; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What may be said to a part of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartWants {
    /// Any words; an option by its number or label.
    Words,
    /// One of the options.
    OneOption,
    /// Any number of the options, with commas between them.
    Options,
    /// A number.
    Number,
    /// A whole number.
    WholeNumber,
}

/// Whether an answer may be shown and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// It may.
    #[default]
    Open,
    /// It is a password or the like.
    Secret,
}

/// Whether a part has to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// It has to be.
    #[default]
    Required,
    /// It can be left out.
    Optional,
}

/// What was said to one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartAnswer {
    /// Its id.
    pub part: String,
    /// The words, or the labels of what was chosen.
    pub answers: Vec<String>,
}

impl QuestionPart {
    /// What somebody wrote, with options in place of their numbers; else what is wanted.
    pub fn answer(&self, words: &str) -> Result<PartAnswer, String> {
        let chosen = |word: &str| self.option(word).map(|option| option.label.clone());
        let no_option =
            |word: &str| format!("`{word}` is none of what `{}` can be: {}", self.id, self.choices());
        let answers = match self.wants {
            PartWants::Words => vec![chosen(words.trim()).unwrap_or_else(|| words.to_owned())],
            PartWants::Number => {
                let number = words.trim().parse().ok().filter(|number: &f64| number.is_finite());
                number.ok_or_else(|| format!("`{}` wants a number, not `{}`", self.id, words.trim()))?;
                vec![words.trim().to_owned()]
            }
            PartWants::WholeNumber => {
                let number: Result<i64, _> = words.trim().parse();
                number.map_err(|_| format!("`{}` wants a whole number, not `{}`", self.id, words.trim()))?;
                vec![words.trim().to_owned()]
            }
            PartWants::OneOption => vec![chosen(words.trim()).ok_or_else(|| no_option(words.trim()))?],
            PartWants::Options => {
                let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
                words.map(|word| chosen(word).ok_or_else(|| no_option(word))).collect::<Result<_, _>>()?
            }
        };
        Ok(PartAnswer { part: self.id.clone(), answers })
    }

    /// How it is shown: what is asked, and what can be chosen, a line each.
    pub fn lines(&self) -> Vec<String> {
        let named =
            if self.text.is_empty() { self.id.clone() } else { format!("{}: {}", self.id, self.text) };
        let mut more = Vec::new();
        match self.need {
            Need::Required => {}
            Need::Optional => more.push("may be left out"),
        }
        match self.visibility {
            Visibility::Open => {}
            Visibility::Secret => more.push("secret"),
        }
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        let options = self.options.iter().zip(1..).map(|(option, number)| {
            let means = if option.description.is_empty() { "" } else { ": " };
            format!("  {number}. {}{means}{}", option.label, option.description)
        });
        std::iter::once(format!("{named}{more}")).chain(options).collect()
    }

    /// By its label, which may be a number itself, or by its number.
    fn option(&self, word: &str) -> Option<&PartOption> {
        let by_label = |option: &&PartOption| option.label == word;
        let by_number = || self.options.get(word.parse::<usize>().ok()?.checked_sub(1)?);
        let in_any_case = |option: &&PartOption| option.label.eq_ignore_ascii_case(word);
        let options = &self.options;
        options.iter().find(by_label).or_else(by_number).or_else(|| options.iter().find(in_any_case))
    }

    fn choices(&self) -> String {
        let labels: Vec<&str> = self.options.iter().map(|option| option.label.as_str()).collect();
        labels.join(", ")
    }
}

/// What somebody wrote to a question of these parts: words for a single one, else `PART=WORDS` for each, where `PART` is
/// its id or number. An error says what is missing or not understood.
pub fn part_answers(parts: &[QuestionPart], written: &[&str]) -> Result<Vec<PartAnswer>, String> {
    if let ([part], [words]) = (parts, written) {
        let own = words.split_once('=').filter(|(id, _)| *id == part.id);
        return part.answer(own.map_or(words, |(_, words)| words)).map(|answer| vec![answer]);
    }
    let mut answers: Vec<PartAnswer> = Vec::new();
    for word in written {
        let (name, words) = word.split_once('=').ok_or_else(|| several(parts))?;
        let part = named(parts, name.trim()).ok_or_else(|| several(parts))?;
        if answers.iter().any(|answer| answer.part == part.id) {
            return Err(format!("`{}` is answered twice", part.id));
        }
        answers.push(part.answer(words)?);
    }
    let is_missing = |part: &&QuestionPart| {
        part.need == Need::Required && !answers.iter().any(|answer| answer.part == part.id)
    };
    match parts.iter().find(is_missing) {
        Some(part) => Err(format!("`{}` is not answered", part.id)),
        None => Ok(answers),
    }
}

fn named<'a>(parts: &'a [QuestionPart], name: &str) -> Option<&'a QuestionPart> {
    let by_number = || parts.get(name.parse::<usize>().ok()?.checked_sub(1)?);
    parts.iter().find(|part| part.id == name).or_else(by_number)
}

fn several(parts: &[QuestionPart]) -> String {
    let ids: Vec<String> = parts.iter().map(|part| format!("{}=…", part.id)).collect();
    format!("it wants an answer to each: {}", ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(id: &str, wants: PartWants, labels: &[&str]) -> QuestionPart {
        let option = |label: &&str| PartOption { label: (*label).to_owned(), description: String::new() };
        QuestionPart {
            id: id.to_owned(),
            text: format!("which {id}?"),
            wants,
            options: labels.iter().map(option).collect(),
            visibility: Visibility::Open,
            need: Need::Required,
        }
    }

    fn answered(parts: &[QuestionPart], written: &[&str]) -> Result<String, String> {
        let answers = part_answers(parts, written)?;
        let answers =
            answers.into_iter().map(|answer| format!("{}={}", answer.part, answer.answers.join("+")));
        Ok(answers.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn one_part_takes_words_as_they_are_and_an_option_by_number_or_label() {
        let colour = [part("colour", PartWants::Words, &["Red", "Blue", "1"])];
        for (written, meant) in [
            ("2", "Blue"),
            ("red", "Red"),
            ("1", "1"),
            ("7", "7"),
            ("x=y", "x=y"),
            ("colour=2", "Blue"),
            (" a ", " a "),
        ] {
            assert_eq!(answered(&colour, &[written]), Ok(format!("colour={meant}")), "{written}");
        }
    }

    #[test]
    fn only_what_can_be_chosen_is_an_answer_where_nothing_else_is() {
        let one = [part("size", PartWants::OneOption, &["S", "L"])];
        assert_eq!(answered(&one, &["l"]), Ok("size=L".into()));
        assert_eq!(answered(&one, &["XL"]), Err("`XL` is none of what `size` can be: S, L".into()));
        let number = |wants| answered(&[part("n", wants, &[])], &[" 2.5 "]);
        assert_eq!(number(PartWants::Number), Ok("n=2.5".into()));
        assert_eq!(number(PartWants::WholeNumber), Err("`n` wants a whole number, not `2.5`".into()));
        let many = [part("days", PartWants::Options, &["mon", "tue", "wed"])];
        assert_eq!(answered(&many, &["1, wed"]), Ok("days=mon+wed".into()));
        assert_eq!(answered(&many, &[""]), Ok("days=".into()));
        assert!(answered(&many, &["mon, sun"]).is_err());
    }

    #[test]
    fn several_parts_are_answered_each_by_its_id_or_number() {
        let mut parts = [part("colour", PartWants::Words, &["Red"]), part("size", PartWants::Words, &[])];
        assert_eq!(answered(&parts, &["2=a=b", "colour=1"]), Ok("size=a=b colour=Red".into()));
        let each = "it wants an answer to each: colour=… size=…".to_owned();
        for wrong in [&["red"][..], &["red", "small"], &["colour=1", "shape=round"], &["0=x"]] {
            assert_eq!(answered(&parts, wrong), Err(each.clone()), "{wrong:?}");
        }
        assert_eq!(answered(&parts, &["colour=1"]), Err("`size` is not answered".into()));
        assert_eq!(answered(&parts, &["1=a", "colour=b"]), Err("`colour` is answered twice".into()));
        parts[1].need = Need::Optional;
        assert_eq!(answered(&parts, &["colour=1"]), Ok("colour=Red".into()));
    }

    #[test]
    fn a_part_is_shown_with_what_can_be_chosen() {
        let mut size = part("size", PartWants::Words, &["S", "L"]);
        size.options[1].description = "large".into();
        assert_eq!(size.lines(), ["size: which size?", "  1. S", "  2. L: large"]);
        (size.need, size.visibility) = (Need::Optional, Visibility::Secret);
        assert_eq!(size.lines()[0], "size: which size? (may be left out, secret)");
    }
}
