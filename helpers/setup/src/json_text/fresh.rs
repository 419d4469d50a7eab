//! A value that is to be written for the first time, in the style of what stands around it.

/// A new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fresh {
    /// JSON as it is.
    Raw(String),
    /// An object.
    Object(Vec<(&'static str, Fresh)>),
    /// An array.
    Array(Vec<Fresh>),
}

/// How the text around it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// The end of a line; none where all stands in one line.
    pub newline: Option<&'static str>,
    /// What a line is indented with, for each level.
    pub unit: String,
    /// Between a name and its value.
    pub colon: String,
    /// After a comma in one line.
    pub gap: &'static str,
}

impl Fresh {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Raw(quoted(text))
    }

    /// Writes it; `indent` is what the line it stands in begins with.
    pub fn render(&self, style: &Style, indent: &str) -> String {
        let inner = format!("{indent}{}", style.unit);
        match self {
            Self::Raw(json) => json.clone(),
            Self::Object(members) => {
                let member = |(name, value): &(&str, Self)| {
                    format!("{}{}{}", quoted(name), style.colon, value.render(style, &inner))
                };
                between("{", "}", &members.iter().map(member).collect::<Vec<_>>(), style, indent)
            }
            Self::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(|value| value.render(style, &inner)).collect();
                between("[", "]", &elements, style, indent)
            }
        }
    }
}

fn between(open: &str, close: &str, items: &[String], style: &Style, indent: &str) -> String {
    let Some(newline) = style.newline else {
        return format!("{open}{}{close}", items.join(&format!(",{}", style.gap)));
    };
    let inner = format!("{newline}{indent}{}", style.unit);
    format!("{open}{inner}{}{newline}{indent}{close}", items.join(&format!(",{inner}")))
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
