//! Which names are not the same in two listings. What that means is for others.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::ctime::Distrusted;
use crate::listing::{Directory, Listing, Seen, join};

/// A name that is not the same in two listings, or may not be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) before: Option<Seen<'a>>,
    pub(crate) after: Option<Seen<'a>>,
}

/// Calls `each` for every path whose two sides differ in what `lstat` tells, or may differ where that is not trusted.
pub(crate) fn differences<'a>(
    before: &'a Listing,
    after: &'a Listing,
    distrusted: &Distrusted,
    mut each: impl FnMut(Vec<u8>, Pair<'a>),
) {
    let (mut old, mut new) = (before.directories.iter().peekable(), after.directories.iter().peekable());
    loop {
        let (was, is) = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => (old.next(), None),
            (None, Some(_)) => (None, new.next()),
            (Some(was), Some(is)) => match was.path.cmp(&is.path) {
                Ordering::Less => (old.next(), None),
                Ordering::Greater => (None, new.next()),
                Ordering::Equal => (old.next(), new.next()),
            },
        };
        let is_shared = was.zip(is).is_some_and(|(was, is)| Arc::ptr_eq(was, is));
        if !is_shared || !distrusted.is_empty() {
            name_differences(was.map(Arc::as_ref), is.map(Arc::as_ref), distrusted, &mut each);
        }
    }
}

fn name_differences<'a>(
    was: Option<&'a Directory>,
    is: Option<&'a Directory>,
    distrusted: &Distrusted,
    each: &mut impl FnMut(Vec<u8>, Pair<'a>),
) {
    let path: &[u8] = was.or(is).map_or(b"", |directory| &directory.path);
    let mut old = was.into_iter().flat_map(Directory::entries).peekable();
    let mut new = is.into_iter().flat_map(Directory::entries).peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(is)) => was.name.cmp(is.name),
        };
        let before = if order == Ordering::Greater { None } else { old.next() };
        let after = if order == Ordering::Less { None } else { new.next() };
        let same = before.zip(after).is_some_and(|(before, after)| {
            after.stat.is_untouched_since(&before.stat)
                && before.target == after.target
                && !distrusted.covers(&after.stat)
        });
        if let Some(name) = before.or(after).map(|seen| seen.name).filter(|_| !same) {
            each(join(path, name), Pair { before, after });
        }
    }
}
