//! Texts with `{{inputs.x}}` and `{{steps.explore.result}}` in them. Filled in one pass: what is filled in is never read
//! again, and nothing is left over or dropped. `{{'{{'}}` stands for two braces. (Prompt templates of the user's, with
//! keys in capitals, are core's.)

use crate::reference::Reference;

/// A text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Reference),
}

impl Piece {
    fn between_braces(inner: &str) -> Result<Self, String> {
        if inner == "'{{'" || inner == "\"{{\"" {
            return Ok(Self::Text("{{".to_owned()));
        }
        let meant = |hint: String| format!("{hint}; two braces themselves are written `{{{{'{{{{'}}}}`");
        Reference::parse(inner).map(Self::Value).map_err(meant)
    }
}

/// What stands between the braces and is no reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadReference {
    /// As it stands there, with its braces.
    pub text: String,
    /// What it should be.
    pub hint: String,
}

impl Template {
    /// Takes a text apart; the error is everything in it that is no reference.
    pub fn parse(text: &str) -> Result<Self, Vec<BadReference>> {
        let (mut pieces, mut bad, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some(start) = rest.find("{{") {
            let (before, opened) = rest.split_at(start);
            pieces.push(Piece::Text(before.to_owned()));
            let Some((inner, after)) = opened[2..].split_once("}}") else {
                let shown = opened.lines().next().unwrap_or_default().to_owned();
                bad.push(BadReference { text: shown, hint: "close it with `}}`".to_owned() });
                return Err(bad);
            };
            match Piece::between_braces(inner.trim_matches(' ')) {
                Ok(piece) => pieces.push(piece),
                Err(hint) => bad.push(BadReference { text: format!("{{{{{inner}}}}}"), hint }),
            }
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        if bad.is_empty() { Ok(Self(pieces)) } else { Err(bad) }
    }

    /// What it speaks of, in order.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(reference) => Some(reference),
        })
    }

    /// The one reference that it is made of, where nothing else stands beside it: it may stand for a list.
    pub fn alone(&self) -> Option<&Reference> {
        match &self.0[..] {
            [Piece::Value(reference)] => Some(reference),
            _ => None,
        }
    }

    /// The text with the values in it; the first reference without a value is the error.
    pub fn fill(&self, value: impl Fn(&Reference) -> Option<String>) -> Result<String, Reference> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value(reference) => {
                    filled.push_str(&value(reference).ok_or_else(|| reference.clone())?);
                }
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(reference: &Reference) -> Option<String> {
        match reference.to_string().as_str() {
            "inputs.a" => Some("{{inputs.b}} $1".to_owned()),
            "steps.x.result" => Some("found".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn references_are_filled_wherever_they_stand_and_never_read_again() {
        let template = Template::parse("{{inputs.a}}: {{ steps.x.result }} } {").unwrap();
        assert_eq!(template.fill(value).unwrap(), "{{inputs.b}} $1: found } {");
        assert_eq!(template.references().count(), 2);
        assert_eq!(Template::parse("").unwrap().fill(value).unwrap(), "");
    }

    #[test]
    fn what_has_no_value_is_named() {
        let missing = Template::parse("x {{inputs.b}}").unwrap().fill(value).unwrap_err();
        assert_eq!(missing.to_string(), "inputs.b");
    }

    #[test]
    fn a_reference_alone_can_stand_for_a_list() {
        let alone = |text: &str| Template::parse(text).unwrap().alone().map(ToString::to_string);
        assert_eq!(alone("{{inputs.a.scope}}").as_deref(), Some("inputs.a.scope"));
        assert_eq!(alone("{{inputs.a}}/x"), None);
    }

    #[test]
    fn braces_that_hold_no_reference_are_refused() {
        for (text, shown) in
            [("a {{x}} b", "{{x}}"), ("{{ user }}", "{{ user }}"), ("b {{inputs.a\nc", "{{inputs.a")]
        {
            assert_eq!(Template::parse(text).unwrap_err()[0].text, shown);
        }
        let all = Template::parse("{{a}} {{inputs.a}} {{b}} {{c").unwrap_err();
        assert_eq!(all.iter().map(|bad| &bad.text[..]).collect::<Vec<_>>(), ["{{a}}", "{{b}}", "{{c"]);
    }

    #[test]
    fn two_braces_themselves_can_be_written() {
        let template = Template::parse("<p>{{'{{'}} user }}</p> {{ \"{{\" }}{{inputs.a}}").unwrap();
        assert_eq!(template.fill(value).unwrap(), "<p>{{ user }}</p> {{{{inputs.b}} $1");
        assert_eq!(Template::parse("{{'{{'}}inputs.a}}").unwrap().fill(value).unwrap(), "{{inputs.a}}");
        assert!(Template::parse("{{x}}").unwrap_err()[0].hint.ends_with("are written `{{'{{'}}`"));
    }
}
