//! Which run is meant: an id, a unique prefix of one, or a name. Pure: the candidates come in.

use crate::RunId;

/// A run that a reference may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: RunId,
    /// Its name for people.
    pub name: String,
    /// Whether it has not ended: a live run of a name wins over ended ones of the same name.
    pub live: bool,
}

/// What a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunRef {
    /// This one.
    One(RunId),
    /// Several, newest first: the caller lists them and stops.
    Ambiguous(Vec<RunId>),
    /// None.
    Unknown,
}

impl RunRef {
    /// Resolves `text`: the whole id, else a name, else the beginning of an id. Live runs win over ended
    /// ones; among equals it is ambiguous, never the newest.
    pub fn resolve(text: &str, candidates: &[Candidate]) -> Self {
        let fits: [&dyn Fn(&Candidate) -> bool; 3] =
            [&|candidate| candidate.id.as_str() == text, &|candidate| candidate.name == text, &|candidate| {
                !text.is_empty() && candidate.id.as_str().starts_with(text)
            }];
        fits.iter()
            .map(|fit| Self::among(candidates, fit))
            .find(|found| *found != Self::Unknown)
            .unwrap_or(Self::Unknown)
    }

    /// The one run that `text` means, or why there is none, with a hint.
    pub fn one(self, text: &str) -> Result<RunId, String> {
        match self {
            Self::One(id) => Ok(id),
            Self::Unknown => Err(format!(
                "cannot find run `{text}`\nhint: `clodex-status --all` lists the runs; \
                 old ones are deleted (setting `retention_days`)"
            )),
            Self::Ambiguous(ids) => {
                let ids: Vec<&str> = ids.iter().map(RunId::as_str).collect();
                let listed = ids.join("\n  ");
                Err(format!(
                    "cannot tell which run `{text}` means:\n  {listed}\nhint: give the id, or enough of its beginning"
                ))
            }
        }
    }

    fn among(candidates: &[Candidate], fits: &dyn Fn(&Candidate) -> bool) -> Self {
        let fitting: Vec<&Candidate> = candidates.iter().filter(|candidate| fits(candidate)).collect();
        let any_live = fitting.iter().any(|candidate| candidate.live);
        let mut ids: Vec<RunId> = fitting
            .into_iter()
            .filter(|candidate| candidate.live || !any_live)
            .map(|candidate| candidate.id.clone())
            .collect();
        ids.sort_by(|one, other| other.cmp(one));
        ids.dedup();
        match ids.len() {
            0 => Self::Unknown,
            1 => Self::One(ids.remove(0)),
            2.. => Self::Ambiguous(ids),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> RunId {
        RunId::try_from(text.to_owned()).unwrap()
    }

    fn candidates() -> Vec<Candidate> {
        let candidate =
            |text: &str, name: &str, live| Candidate { id: id(text), name: name.to_owned(), live };
        vec![
            candidate("20260121T010203Z-worker-slug-aaaa", "slug", false),
            candidate("20260121T010204Z-worker-slug-bbbb", "slug", true),
            candidate("20260122T010203Z-worker-docs-cccc", "docs", false),
            candidate("20260122T010204Z-worker-docs-dddd", "docs", false),
            candidate("20260122T010205Z-worker-2026-eeee", "2026", true),
        ]
    }

    #[test]
    fn a_whole_id_a_unique_prefix_and_a_name_mean_one_run() {
        let all = candidates();
        let one = |text: &str| RunRef::One(id(text));
        assert_eq!(RunRef::resolve(all[0].id.as_str(), &all), one("20260121T010203Z-worker-slug-aaaa"));
        assert_eq!(RunRef::resolve("20260121T010203Z", &all), one("20260121T010203Z-worker-slug-aaaa"));
        assert_eq!(RunRef::resolve("slug", &all), one("20260121T010204Z-worker-slug-bbbb"));
        assert_eq!(RunRef::resolve("2026", &all), one("20260122T010205Z-worker-2026-eeee"));
    }

    #[test]
    fn several_of_a_kind_are_listed_newest_first() {
        let all = candidates();
        let docs = vec![id("20260122T010204Z-worker-docs-dddd"), id("20260122T010203Z-worker-docs-cccc")];
        let found = RunRef::resolve("docs", &all);
        assert_eq!(found, RunRef::Ambiguous(docs));
        assert_eq!(
            found.one("docs").unwrap_err(),
            "cannot tell which run `docs` means:\n  20260122T010204Z-worker-docs-dddd\n  \
             20260122T010203Z-worker-docs-cccc\nhint: give the id, or enough of its beginning"
        );
    }

    #[test]
    fn nothing_is_guessed() {
        for text in ["", "slu", "x", "worker"] {
            assert_eq!(RunRef::resolve(text, &candidates()), RunRef::Unknown, "{text}");
        }
    }
}
