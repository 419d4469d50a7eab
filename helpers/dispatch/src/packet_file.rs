//! A packet on disk: read, checked, and able to say on which line something does not hold against the file system.

use std::path::{Path, PathBuf};

use clodex_core::{ExitCode, Packet, PacketProblem, PacketProblems};
use clodex_scope::Tree;

use crate::refusal::Refusal;
use crate::task_text::read_file;

/// A packet and where it was read from.
#[derive(Debug)]
pub struct PacketFile {
    path: PathBuf,
    /// What it says.
    pub packet: Packet,
}

impl PacketFile {
    /// Reads and checks a packet, all but what needs the file system.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let bytes = read_file(path, "packet")?;
        match Packet::parse(&bytes) {
            Ok(packet) => Ok(Self { path: path.to_owned(), packet }),
            Err(problems) => Err(refusal(path, &problems)),
        }
    }

    /// The real work directory and the repository around it.
    pub fn place(&self) -> Result<(PathBuf, Tree), Refusal> {
        let named = &self.packet.workdir;
        let refused = |what: String, hint: &str| self.refuse(vec![PacketProblem::at(named.line, what, hint)]);
        let workdir = match Path::new(&named.text).canonicalize() {
            Ok(real) if real.is_dir() => real,
            Ok(_) => {
                return Err(refused(
                    format!("WORKDIR `{}` is not a directory", named.text),
                    "name a directory",
                ));
            }
            Err(error) => {
                let what = format!("WORKDIR `{}` cannot be used: {error}", named.text);
                return Err(refused(what, "name an existing directory"));
            }
        };
        let tree = Tree::discover(&workdir).map_err(|error| {
            let text = error.to_string();
            let (what, hint) =
                text.split_once("\nhint: ").unwrap_or((&text, "name a directory of a repository"));
            refused(format!("WORKDIR: {what}"), hint)
        })?;
        Ok((workdir, tree))
    }

    /// Refuses the packet because of problems that were found outside of it; at least one.
    pub fn refuse(&self, problems: Vec<PacketProblem>) -> Refusal {
        match PacketProblems::check(problems) {
            Err(problems) => refusal(&self.path, &problems),
            Ok(()) => {
                Refusal::usage(format!("cannot use packet `{}`", self.path.display()), "check it with --lint")
            }
        }
    }
}

fn refusal(path: &Path, problems: &PacketProblems) -> Refusal {
    Refusal::told(ExitCode::Usage, &problems.about(&path.display().to_string()))
}
