//! The names of the fields, and what a misspelt one may have meant.

/// A field of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the field of that name; the reference page explains them")]
pub enum Field {
    Mode,
    Workdir,
    Objective,
    WriteScope,
    NonGoals,
    Verification,
    Deliverable,
    Context,
    AllowDirtyOverlap,
    Name,
    Tier,
    ByProducts,
    Mcp,
    Copy,
    AllowCommit,
    Network,
    DenyRead,
}

/// How a field stands to the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

impl Field {
    /// All fields, in the order of the reference.
    pub const ALL: [Self; 17] = [
        Self::Mode,
        Self::Workdir,
        Self::Objective,
        Self::WriteScope,
        Self::NonGoals,
        Self::Verification,
        Self::Deliverable,
        Self::Context,
        Self::AllowDirtyOverlap,
        Self::Name,
        Self::Tier,
        Self::ByProducts,
        Self::Mcp,
        Self::Copy,
        Self::AllowCommit,
        Self::Network,
        Self::DenyRead,
    ];

    /// The name as packets write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mode => "MODE",
            Self::Workdir => "WORKDIR",
            Self::Objective => "OBJECTIVE",
            Self::WriteScope => "WRITE SCOPE",
            Self::NonGoals => "NON-GOALS",
            Self::Verification => "VERIFICATION",
            Self::Deliverable => "DELIVERABLE",
            Self::Context => "CONTEXT",
            Self::AllowDirtyOverlap => "ALLOW DIRTY OVERLAP",
            Self::Name => "NAME",
            Self::Tier => "TIER",
            Self::ByProducts => "BY-PRODUCTS",
            Self::Mcp => "MCP",
            Self::Copy => "COPY",
            Self::AllowCommit => "ALLOW COMMIT",
            Self::Network => "NETWORK",
            Self::DenyRead => "DENY READ",
        }
    }

    pub(super) fn need(self) -> Need {
        match self {
            Self::Mode
            | Self::Workdir
            | Self::Objective
            | Self::WriteScope
            | Self::NonGoals
            | Self::Verification
            | Self::Deliverable => Need::Required,
            Self::Context
            | Self::AllowDirtyOverlap
            | Self::Name
            | Self::Tier
            | Self::ByProducts
            | Self::Mcp
            | Self::AllowCommit
            | Self::Network
            | Self::DenyRead
            | Self::Copy => Need::Optional,
        }
    }

    /// What to write, for hints.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Mode => "`MODE: worker`",
            Self::Workdir => "`WORKDIR: /home/me/project`",
            Self::Objective => "`OBJECTIVE: what shall be true when the work is done`",
            Self::WriteScope => "`WRITE SCOPE:` with one path a bullet, or `WRITE SCOPE: none`",
            Self::NonGoals => "`NON-GOALS:` with what must stay as it is, one a bullet",
            Self::Verification => "`VERIFICATION:` with the commands that show it, one a bullet",
            Self::Deliverable => "`DELIVERABLE:` with what you want to get back",
            Self::Context => "`CONTEXT: what the worker cannot know`",
            Self::AllowDirtyOverlap => "`ALLOW DIRTY OVERLAP: true`",
            Self::Name => "`NAME: add slug tests`",
            Self::Tier => "`TIER: deep`",
            Self::ByProducts => "`BY-PRODUCTS: coverage/`",
            Self::Mcp => "`MCP: docs-search`",
            Self::Copy => "`COPY: .env`",
            Self::AllowCommit => "`ALLOW COMMIT: true`",
            Self::Network => "`NETWORK: on`",
            Self::DenyRead => "`DENY READ: .env`",
        }
    }

    /// The field of exactly this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// The field that a name was probably meant to be.
    pub(super) fn meant_by(name: &str) -> Option<Self> {
        if name.len() > 40 {
            return None;
        }
        let letters = letters(name);
        let distance = |field: Self| edit_distance(&letters, &self::letters(field.as_str()));
        let nearest = Self::ALL.into_iter().min_by_key(|field| distance(*field))?;
        if distance(nearest) <= (letters.len() / 4).max(1) {
            return Some(nearest);
        }
        let has_word = |field: &Self| field.as_str().split([' ', '-']).any(|word| word == name.trim());
        Self::ALL.into_iter().find(has_word)
    }

    /// The field whose name a line begins with, written some other way (`## OBJECTIVE`, `**NETWORK:** on`, `Mode: x`).
    pub(super) fn lookalike(line: &str) -> Option<Self> {
        let line = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        let end = line.find([':', '：']).unwrap_or(line.len());
        let name = letters(&line[..end]);
        Self::ALL.into_iter().find(|field| letters(field.as_str()) == name.to_ascii_uppercase())
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that make one of the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swap = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
                if swap { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_field_and_another_word_finds_none() {
        for (name, wanted) in [
            ("WRTE SCOPE", Some(Field::WriteScope)),
            ("WRITE-SCOPE", Some(Field::WriteScope)),
            ("SCOPE", Some(Field::WriteScope)),
            ("NON GOALS", Some(Field::NonGoals)),
            ("NONGOAL", Some(Field::NonGoals)),
            ("OBJECTVIE", Some(Field::Objective)),
            ("DELIVERABLES", Some(Field::Deliverable)),
            ("WORK DIR", Some(Field::Workdir)),
            ("COMMIT", Some(Field::AllowCommit)),
            ("NOTE", None),
            ("TODO", None),
            ("BACKGROUND", None),
        ] {
            assert_eq!(Field::meant_by(name), wanted, "{name}");
        }
    }
}
