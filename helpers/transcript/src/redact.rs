//! Takes out what looks like a secret. A net, not a proof: what has no telling form passes.

use std::sync::LazyLock;

use regex::Regex;

/// What stands in its place.
const MARK: &str = "[redacted]";

/// A value that is no code and no word of prose: it has a digit or a sign among its letters.
const VALUE: &str = r#"(?:"[^"\n]{6,}"|'[^'\n]{6,}'|[^\s"'(){}<>,;$\[]*[0-9!#%*+@^~-][^\s"'(){}<>,;]{5,}|[^\s"'(){}<>,;$\[][^\s"'(){}<>,;]{4,}[0-9!#%*+@^~-][^\s"'(){}<>,;]*)"#;

/// Forms that secrets have. A group named `keep` is left standing before the mark; `VALUE` is the above.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Keys in PEM, whole or cut off.
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        // Headers: what they hold is a secret whatever it looks like.
        r#"(?i)(?P<keep>\bauthorization["']?\s*[:=]\s*["']?(?:[a-z]+\s+)?)[^\s"',]{6,}"#,
        r#"(?i)(?P<keep>\bcookie\s*:\s*)[^\n"']{8,}"#,
        r#"(?i)(?P<keep>\bx-[a-z-]*(?:key|token|secret)\s*:\s*)[^\s"']{6,}"#,
        r"(?i)(?P<keep>\bbearer\s+)VALUE",
        // Tokens that say by their beginning whose they are.
        r"\b(?:sk|rk|pk)[-_](?:[A-Za-z]+[-_])*[A-Za-z0-9_-]{16,}",
        r"\b(?:gh[opsur]_|github_pat_|glpat-|npm_|pypi-|hf_|r8_|xox[abeprs]-|dop_v1_|whsec_)[A-Za-z0-9_-]{10,}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\b(?:AIza|ya29\.|SG\.|AGE-SECRET-KEY-)[A-Za-z0-9._-]{20,}",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        r"(?P<keep>\bhooks\.slack\.com/services/)[A-Za-z0-9/]{20,}",
        // Credentials in URLs; what begins with a digit and goes on behind a slash is a port.
        r"(?P<keep>[a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/@:]*:(?:[^\s/0-9]\S*|[^\s/]+)|[A-Za-z0-9_-]{20,})@",
        // Arguments.
        r#"(?P<keep>(?:\s-u|--user)[ =]["']?[^\s:"']+:)[^\s"']{4,}"#,
        r"(?i)(?P<keep>(?:--[a-z-]*(?:password|passphrase|token|secret|key)|\bpassword)\s+)VALUE",
        // What the environment calls so, and a name that says so with a value that is no code.
        r#"(?P<keep>\b[A-Z0-9_]*(?:PASS|PASSWORD|PASSWD|SECRET|TOKEN|KEY)(?:_[A-Z0-9_]*)?=)[^\s"'$(){}<>;\[]{4,}"#,
        r#"(?i)(?P<keep>[a-z0-9_-]*(?:(?:password|passwd|passphrase|secret|credential)[a-z0-9_-]*|token(?:[_-][a-z0-9_-]*)?|(?:api|access|account)[_-]?key[a-z0-9_-]*)["']?\s*[:=]\s*)VALUE"#,
    ]
    .into_iter()
    .map(|form| Regex::new(&form.replace("VALUE", VALUE)).expect("the forms are tested"))
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
            ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----", "[redacted]"),
            ("sk-ant-api03-abcDEF_ghi-jkl0123456789", "[redacted]"),
            ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPx", "aws_secret_access_key = [redacted]"),
            ("Authorization: token abcdefghij", "Authorization: token [redacted]"),
            ("Authorization: Bearer sk-proj-abcdefghij0123456789", "Authorization: Bearer [redacted]"),
            ("-H 'X-Api-Key: abcdefghij'", "-H 'X-Api-Key: [redacted]'"),
            ("Cookie: session=abcdef; id=7", "Cookie: [redacted]"),
            ("postgres://me:p@ss/w0rd@db/x", "postgres://[redacted]db/x"),
            ("redis://:hunter2@h:1", "redis://[redacted]h:1"),
            ("https://abcdefghijklmnopqrst@host/x.git", "https://[redacted]host/x.git"),
            ("export DB_PASSWORD=correcthorse", "export DB_PASSWORD=[redacted]"),
            ("Password: correct-horse", "Password: [redacted]"),
            ("curl -u me:hunter2 https://x", "curl -u me:[redacted] https://x"),
            ("--token abcdefgh1234", "--token [redacted]"),
            ("machine h login me password hunter22", "machine h login me password [redacted]"),
            (
                "https://hooks.slack.com/services/T00000000/B00000000/XXXX",
                "https://hooks.slack.com/services/[redacted]",
            ),
            ("SG.abcdefghijklmnop.abcdefghijklmnopqrstuvwxyz", "[redacted]"),
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
            "a basic understanding of bearer authentication",
            "max_tokens: 100000, tokenizer=gpt2-large, --token instead",
            "TOKEN=$OTHER_TOKEN_1 and http://localhost:8080/a@b",
            "see https://example.org/a@b and user@example.org",
            "task-1234567890 risk-assessment of the asking",
        ] {
            assert_eq!(redact(text), (text.to_owned(), 0));
        }
    }
}
