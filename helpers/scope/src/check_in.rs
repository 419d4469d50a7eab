//! How git compares the files of one work tree with its index: by its attributes and its configuration, both from before
//! the run. Decides what counts as uncommitted, never what is looked at.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::attributes::{Attribute, Attributes, Value, attributed};
use crate::conversion::{Conversion, LineEnds};
use crate::git_config::GitConfig;
use crate::listing::{Kind, Listing, Stat};
use crate::tree::common_dir_of;

/// What holds for the files of one work tree.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckIn {
    attributes: Attributes,
    /// Whether the file system keeps the bit that makes a file a program.
    trusts_mode: bool,
    /// Whether symlinks are symlinks, not files that hold their targets.
    has_symlinks: bool,
    converts_line_ends: bool,
    /// The filters that have a program; `None` when that is not known.
    filters: Option<Vec<String>>,
}

impl Default for CheckIn {
    fn default() -> Self {
        Self {
            attributes: Attributes::default(),
            trusts_mode: true,
            has_symlinks: true,
            converts_line_ends: false,
            filters: None,
        }
    }
}

impl CheckIn {
    /// Reads what holds for the work tree at `at` below `root`; `others` are the work trees that may lie in it.
    pub(crate) fn read(root: &Path, at: &[u8], git_dir: &Path, listing: &Listing, others: &[&[u8]]) -> Self {
        let config = GitConfig::of(git_dir);
        let inner = others.iter().filter(|other| other.len() > at.len() && below(other, at).is_some());
        let inner: Vec<_> = inner.collect();
        let directories = attributed(listing)
            .filter(|directory| !inner.iter().any(|other| below(directory, other).is_some()));
        let places = (root.join(OsStr::from_bytes(at)), common_dir_of(git_dir));
        let attributes = Attributes::read(
            (&places.0, &places.1),
            config.path("core.attributesfile"),
            directories.filter_map(|directory| below(directory, at)),
        );
        let autocrlf = config.text("core.autocrlf").is_some_and(|value| value.eq_ignore_ascii_case("input"));
        Self {
            attributes,
            trusts_mode: config.switch("core.filemode").unwrap_or(true),
            has_symlinks: config.switch("core.symlinks").unwrap_or(true),
            converts_line_ends: autocrlf || config.switch("core.autocrlf").unwrap_or(false),
            filters: config.is_read().then(|| config.subsections_with("filter", &["clean", "process"])),
        }
    }

    /// Whether bytes may be stored otherwise than they lie there, for more than their line ends. `path` is relative to
    /// the work tree.
    pub(crate) fn may_convert(&self, path: &[u8]) -> bool {
        self.attributes.may_convert(path)
    }

    /// What git does to the file before it compares it. `path` is relative to the work tree.
    pub(crate) fn conversion(&self, path: &[u8]) -> Conversion {
        let (mut text, mut crlf, mut eol) = (None, None, None);
        let mut conversion = Conversion::NONE;
        for (attribute, value) in self.attributes.of(path) {
            match (attribute, value) {
                (Attribute::Text, value) => text = line_ends(&value),
                (Attribute::Crlf, value) => crlf = line_ends(&value),
                (Attribute::Eol, Value::Is(end)) => eol = matches!(&*end, b"lf" | b"crlf").then_some(()),
                (Attribute::Ident, value) => conversion.ident = value == Value::Set,
                (Attribute::Filter, Value::Is(name)) => conversion.has_filter = self.has_filter(&name),
                (Attribute::Encoding, Value::Is(name)) => conversion.encoding = foreign_encoding(&name),
                (Attribute::Eol | Attribute::Filter | Attribute::Encoding, _) => {}
            }
        }
        conversion.line_ends = match (text.or(crlf), eol) {
            (Some(LineEnds::Auto), _) => LineEnds::Auto,
            (Some(LineEnds::Text), _) | (None, Some(())) => LineEnds::Text,
            (None, None) if self.converts_line_ends => LineEnds::Auto,
            (Some(LineEnds::Kept), _) | (None, None) => LineEnds::Kept,
        };
        conversion
    }

    fn has_filter(&self, name: &[u8]) -> bool {
        self.filters.as_ref().is_none_or(|known| known.iter().any(|known| known.as_bytes() == name))
    }

    /// Whether git takes it for the kind of thing that the index has.
    pub(crate) fn is_of_type(&self, stat: Stat, mode: u32) -> bool {
        match stat.kind {
            Kind::File => mode >> 12 == 0o10 || self.is_link_as_file(stat, mode),
            Kind::Symlink => mode == 0o120_000,
            Kind::Directory => mode >> 12 == 0o16 || mode >> 12 == 0o4,
            Kind::Fifo | Kind::Socket | Kind::Device => false,
        }
    }

    /// Whether it is a file that holds where a symlink leads.
    pub(crate) fn is_link_as_file(&self, stat: Stat, mode: u32) -> bool {
        !self.has_symlinks && stat.kind == Kind::File && mode == 0o120_000
    }

    /// The same, down to the bit that makes a file a program.
    pub(crate) fn has_mode(&self, stat: Stat, mode: u32) -> bool {
        let is_program = stat.mode & 0o100 != 0;
        let same = !self.trusts_mode || mode >> 12 != 0o10 || is_program == (mode == 0o100_755);
        self.is_of_type(stat, mode) && same
    }
}

fn line_ends(value: &Value) -> Option<LineEnds> {
    match value {
        Value::Set => Some(LineEnds::Text),
        Value::Unset => Some(LineEnds::Kept),
        Value::Is(text) if text == b"input" => Some(LineEnds::Text),
        Value::Is(text) if text == b"auto" => Some(LineEnds::Auto),
        Value::Is(_) | Value::Unspecified => None,
    }
}

fn foreign_encoding(name: &[u8]) -> Option<String> {
    let is_ours =
        name.is_empty() || [&b"utf-8"[..], b"utf8"].iter().any(|own| name.eq_ignore_ascii_case(own));
    (!is_ours).then(|| String::from_utf8_lossy(name).into_owned())
}

/// What of a path lies below a directory; nothing of the directory itself.
fn below<'p>(path: &'p [u8], directory: &[u8]) -> Option<&'p [u8]> {
    match path.strip_prefix(directory)? {
        rest if directory.is_empty() || rest.is_empty() => Some(rest),
        rest => rest.strip_prefix(b"/"),
    }
}
