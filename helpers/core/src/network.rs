//! What of the network a run's commands may reach. Owns how it is written; how it is enforced stands elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The destinations that commands may reach. Loopback inside the sandbox is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// None.
    #[default]
    Off,
    /// Every public host; none of this machine and none of a private network.
    On,
    /// These domains: exact names, or `*.example.com` for all below one.
    Domains(Vec<String>),
}

impl Network {
    /// Reads `off`, `on`, or domains; the error is the entry that is none of them.
    pub fn from_words<'a>(words: &[&'a str]) -> Result<Self, &'a str> {
        match words {
            [] | ["off"] => Ok(Self::Off),
            ["on"] => Ok(Self::On),
            domains => match domains.iter().find(|word| !is_domain(word)) {
                Some(bad) => Err(bad),
                None => Ok(Self::Domains(domains.iter().map(|word| word.to_ascii_lowercase()).collect())),
            },
        }
    }
}

/// A name that the public DNS could know: `localhost`, addresses and bare wildcards are none.
fn is_domain(word: &str) -> bool {
    let labels: Vec<&str> = word.strip_prefix("*.").unwrap_or(word).split('.').collect();
    let is_label = |label: &&str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.len() < 64 && label.bytes().all(inside) && !label.starts_with('-')
    };
    let named = labels.last().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()));
    labels.len() > 1
        && labels.iter().all(is_label)
        && named
        && !word.to_ascii_lowercase().ends_with(".localhost")
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::On => f.write_str("on"),
            Self::Domains(domains) => f.write_str(&domains.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_public_dns_could_know_is_a_domain() {
        for good in ["crates.io", "*.npmjs.org", "static.crates.io", "xn--bcher-kva.example"] {
            assert_eq!(Network::from_words(&[good]), Ok(Network::Domains(vec![good.to_owned()])));
        }
        for bad in
            ["localhost", "a.localhost", "127.0.0.1", "*", "**.a.b", "a b.c", "https://a.b", "a.b:80", "on."]
        {
            assert_eq!(Network::from_words(&[bad]), Err(bad), "{bad}");
        }
        assert_eq!(Network::from_words(&["on", "a.b"]), Err("on"));
        assert_eq!(Network::from_words(&["on"]), Ok(Network::On));
    }
}
