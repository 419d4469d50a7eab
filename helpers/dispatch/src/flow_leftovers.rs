//! What earlier runs of the same flow left where this one works: uncommitted, and the flow's own. Whatever is not shown
//! to be so, by a record and a sealed artifact, is the user's.

use std::collections::BTreeMap;

use clodex_core::{Flow, LANDED_FILE, Liveness, Policy, RunId, RunRecord, path_text};
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_retention::Sealed;
use clodex_scope::Tree;

/// What lay at the paths that these runs changed in scope when they had ended; of several that changed one, the last.
pub fn left_by(runs: &[RunId], flow: Option<&Flow>, tree: &Tree) -> BTreeMap<String, String> {
    let (Some(state), Some(flow)) = (StateDir::from_env(), flow) else { return BTreeMap::new() };
    let store = RecordStore::look_at(state);
    let root = path_text(tree.root().as_os_str().as_encoded_bytes());
    let mut left = BTreeMap::new();
    for seen in runs.iter().filter_map(|run| store.see(run)) {
        let is_of_flow = seen.record.flow.as_ref().is_some_and(|of| of.id == flow.id);
        if seen.liveness == Liveness::Ended && is_of_flow && is_in_place(&store, &seen.record) {
            let policy = Sealed::of(&seen.record).and_then(|sealed| sealed.json::<Policy>("policy.json"));
            let all = policy.map(|policy| policy.left).unwrap_or_default();
            let place = place(&seen.record);
            left.extend(
                all.into_iter().filter_map(|(path, lay)| Some((seen_from(&root, place, &path)?, lay))),
            );
        }
    }
    left
}

/// Whether what a run changed lies where people work: at once, or since it has landed.
fn is_in_place(store: &RecordStore, record: &RunRecord) -> bool {
    record.isolated.is_none() || store.dir().landing(record.id.as_str()).join(LANDED_FILE).exists()
}

/// The tree in which what a run changed lies, or has landed.
fn place(record: &RunRecord) -> &str {
    record.isolated.as_ref().map_or(&record.tree_root, |isolated| &isolated.source_root)
}

/// A path of one tree as it is called in another one, which may lie in that or hold it; none where it lies elsewhere.
fn seen_from(root: &str, place: &str, path: &str) -> Option<String> {
    if place == root {
        return Some(path.to_owned());
    }
    let whole = format!("{place}/{path}");
    Some(whole.strip_prefix(root)?.strip_prefix('/')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_called_as_the_tree_calls_it_that_looks_at_it() {
        let seen = |root: &str, place: &str, path: &str| seen_from(root, place, path);
        assert_eq!(seen("/r", "/r", "a/b").as_deref(), Some("a/b"));
        assert_eq!(seen("/r/sub", "/r", "sub/f").as_deref(), Some("f"));
        assert_eq!(seen("/r", "/r/sub", "f").as_deref(), Some("sub/f"));
        assert_eq!(seen("/r/sub", "/r", "submarine/f"), None);
        assert_eq!(seen("/r/sub", "/other", "sub/f"), None);
    }
}
