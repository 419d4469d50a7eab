//! Takes out what looks like a secret. A net, not a proof: what has no telling form passes.

use std::sync::LazyLock;

use regex::Regex;

/// What stands in its place.
const MARK: &str = "[redacted]";

/// Forms that secrets have. A group named `keep` is left standing before the mark.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Keys in PEM, whole or cut off.
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        // Tokens that say by their beginning whose they are.
        r"\b(?:sk|rk|pk)[-_](?:[A-Za-z]+[-_])*[A-Za-z0-9_-]{16,}",
        r"\b(?:gh[opsur]_|github_pat_|glpat-|npm_|pypi-|hf_|xox[abeprs]-|dop_v1_|whsec_)[A-Za-z0-9_-]{10,}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\bAIza[A-Za-z0-9_-]{30,}",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        // Credentials in headers and in URLs.
        r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{12,}",
        r"(?P<keep>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@",
        // A name that says so, and a value that is no code.
        r#"(?i)(?P<keep>[a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|credential)[a-z0-9_-]*["']?\s*[:=]\s*)(?:"[^"\n]{6,}"|'[^'\n]{6,}'|[^\s"'(){}<>,;]*[0-9][^\s"'(){}<>,;]{5,}|[^\s"'(){}<>,;]{5,}[0-9][^\s"'(){}<>,;]*)"#,
    ]
    .into_iter()
    .map(|form| Regex::new(form).expect("the forms are tested"))
    .collect()
});

/// The text without them, and how many there were.
pub fn redact(text: &str) -> (String, usize) {
    let mut clean = text.to_owned();
    let mut count = 0;
    for form in FORMS.iter() {
        let replaced = form.replace_all(&clean, |found: &regex::Captures<'_>| {
            count += 1;
            let keep = found.name("keep").map_or("", |keep| keep.as_str());
            format!("{keep}{MARK}")
        });
        clean = replaced.into_owned();
    }
    (clean, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_gone() {
        for (text, clean) in [
            ("key sk-proj-abcdefghij0123456789 end", "key [redacted] end"),
            ("sk_live_abcdefghij0123456789", "[redacted]"),
            ("ghp_abcdefghij0123456789", "[redacted]"),
            ("AKIAIOSFODNN7EXAMPLE.", "[redacted]."),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[redacted]"),
            ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer [redacted]"),
            ("postgres://me:hunter2@db/x", "postgres://[redacted]db/x"),
            ("DB_PASSWORD=hunter22 next", "DB_PASSWORD=[redacted] next"),
            (r#""api_key": "abcdefgh""#, r#""api_key": [redacted]"#),
            ("a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb", "a\n[redacted]\nb"),
            ("-----BEGIN PRIVATE KEY-----\nMII cut", "[redacted]"),
        ] {
            assert_eq!(redact(text), (clean.to_owned(), 1), "{text}");
        }
    }

    #[test]
    fn what_only_talks_of_secrets_stays() {
        for text in [
            "the token count is 12000",
            "fn token(text: &str) -> Token { token: Token::new() }",
            "password: string;",
            "see https://example.org/a@b and user@example.org",
            "task-1234567890 risk-assessment of the asking",
        ] {
            assert_eq!(redact(text), (text.to_owned(), 0));
        }
    }
}
