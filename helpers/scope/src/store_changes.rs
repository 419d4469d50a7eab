//! What is not the same in an object store at two looks, sorted by what has to be looked into. Pure.

use crate::content::ObjectId;
use crate::differences::Pair;
use crate::listing::{Kind, Seen, split};

/// A file of a store that may have been written to.
#[derive(Debug)]
pub(crate) struct Written {
    /// In the area.
    pub(crate) path: Vec<u8>,
    pub(crate) was_there: bool,
    /// `false` where only its file system is not trusted to tell.
    pub(crate) is_touched: bool,
}

/// What became of a store.
#[derive(Debug, Default)]
pub(crate) struct StoreChanges {
    /// Objects that lie alone.
    pub(crate) loose: Vec<(Written, ObjectId)>,
    /// Packs and their indexes.
    pub(crate) packs: Vec<Written>,
    pub(crate) multi_pack_indexes: Vec<Written>,
    pub(crate) graphs: Vec<Written>,
    /// New ones: what is missing is to be fetched, they say.
    pub(crate) promises: Vec<Vec<u8>>,
    /// Whether an object, or a pack of them, is gone.
    pub(crate) is_less: bool,
}

/// What a file of a store is.
enum What {
    Loose(ObjectId),
    Pack,
    MultiPackIndex,
    Graph,
    Promise,
    Other,
}

fn what(within: &[u8]) -> What {
    let (directory, name) = split(within);
    match directory {
        b"pack" if name.starts_with(b"multi-pack-index") => What::MultiPackIndex,
        b"pack" if name.ends_with(b".pack") || name.ends_with(b".idx") => What::Pack,
        b"pack" if name.ends_with(b".promisor") => What::Promise,
        b"info" if name == b"commit-graph" => What::Graph,
        b"info/commit-graphs" => What::Graph,
        [_, _] => ObjectId::from_hex(&[directory, name].concat()).map_or(What::Other, What::Loose),
        _ => What::Other,
    }
}

impl StoreChanges {
    /// Takes in a difference; `within` is its path in the store.
    pub(crate) fn add(&mut self, within: &[u8], path: &[u8], pair: Pair<'_>) {
        let what = what(within);
        let is_file = |seen: Option<Seen<'_>>| seen.is_some_and(|seen| seen.stat.kind == Kind::File);
        let was_there = is_file(pair.before);
        if !is_file(pair.after) {
            self.is_less |= was_there && matches!(what, What::Loose(_) | What::Pack);
            return;
        }
        let is_touched =
            !pair.before.zip(pair.after).is_some_and(|(was, is)| is.stat.is_untouched_since(&was.stat));
        let written = Written { path: path.to_vec(), was_there, is_touched };
        match what {
            What::Loose(id) => self.loose.push((written, id)),
            What::Pack => self.packs.push(written),
            What::MultiPackIndex => self.multi_pack_indexes.push(written),
            What::Graph => self.graphs.push(written),
            What::Promise if !was_there => self.promises.push(written.path),
            What::Promise | What::Other => {}
        }
    }
}

/// Whether a file of a store ends in a hash of all before it.
pub(crate) fn is_sealed(within: &[u8]) -> bool {
    matches!(what(within), What::Pack | What::MultiPackIndex | What::Graph)
}
