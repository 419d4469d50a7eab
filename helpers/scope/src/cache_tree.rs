//! The trees that the entries of an index make, against those that it remembers: whoever commits takes the remembered
//! ones unseen. Pure.

use std::collections::HashMap;
use std::ops::Range;

use git2::ObjectType;

use crate::content::{ObjectId, object_id};
use crate::index::Index;
use crate::sparse::DIRECTORY;

/// No file lies deeper: a kernel takes paths up to 4096 bytes.
const DEPTH: usize = 2048;

/// The directories for which the index came to remember another tree than its entries make.
pub(crate) fn wrong_trees<'a>(was: &Index, is: &'a Index) -> Vec<&'a [u8]> {
    let new = |known: &&'a (Vec<u8>, ObjectId)| was.trees.binary_search(known).is_err();
    let Some((_, like)) = is.trees.iter().find(new) else { return Vec::new() };
    let mut trees = MadeTrees { index: is, like: *like, made: HashMap::new() };
    trees.make(0..is.len(), b"", 0);
    let is_wrong =
        |(path, id): &&(Vec<u8>, ObjectId)| trees.made.get(&path[..]).is_some_and(|made| *made != Some(*id));
    is.trees.iter().filter(new).filter(is_wrong).map(|(path, _)| path.as_slice()).collect()
}

struct MadeTrees<'a> {
    index: &'a Index,
    /// In the same hash.
    like: ObjectId,
    /// By directory; `None` where the entries make no tree (in conflict, or only intended to be added).
    made: HashMap<&'a [u8], Option<ObjectId>>,
}

impl<'a> MadeTrees<'a> {
    /// The order of the entries is that of a tree.
    fn make(&mut self, range: Range<usize>, directory: &'a [u8], depth: usize) -> Option<ObjectId> {
        let start = if directory.is_empty() { 0 } else { directory.len() + 1 };
        let (mut tree, mut whole) = (Vec::new(), depth < DEPTH);
        let mut at = range.start;
        while depth < DEPTH && at < range.end {
            let entry = self.index.entry(at);
            let name = &entry.path[start..];
            let name_end = name.iter().position(|byte| *byte == b'/').unwrap_or(name.len());
            let (made, mode) = if name_end == name.len() || entry.is_directory() {
                at += 1;
                ((entry.stage == 0 && !entry.intent_to_add).then_some(entry.id), entry.mode)
            } else {
                let below = &entry.path[..start + name_end];
                let range = self.index.below(below);
                at = range.end;
                (self.make(range, below, depth + 1), DIRECTORY)
            };
            whole &= made.is_some();
            if let Some(id) = made {
                tree.extend_from_slice(format!("{mode:o} ").as_bytes());
                tree.extend([&name[..name_end], b"\0", id.bytes()].concat());
            }
        }
        let made = if whole { object_id(ObjectType::Tree, &tree, &self.like) } else { None };
        self.made.insert(directory, made);
        made
    }
}
