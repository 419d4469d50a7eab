//! Generates repositories, and a packet for the small one.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// A repository with a handful of files: a scope check of it costs next to nothing.
pub fn small(root: &Path) -> io::Result<()> {
    for (name, content) in [("README.md", "# small\n"), ("src/a.txt", "a\n"), ("docs/d.txt", "d\n")] {
        write(&root.join(name), content)?;
    }
    commit_all(root)
}

/// `tracked` files in directories of a hundred, half as many ignored ones, and twenty that are modified.
pub fn large(root: &Path, tracked: usize) -> io::Result<()> {
    write(&root.join(".gitignore"), "node_modules/\n")?;
    write(&root.join("src/a.txt"), "a\n")?;
    for number in 0..tracked {
        write(&root.join(format!("lib/d{}/f{number}", number / 100)), &format!("content of {number}\n"))?;
    }
    for number in 0..tracked / 2 {
        write(&root.join(format!("node_modules/d{}/f{number}", number / 100)), &format!("{number}\n"))?;
    }
    commit_all(root)?;
    for number in (0..tracked).step_by(tracked / 20) {
        write(&root.join(format!("lib/d{}/f{number}", number / 100)), "modified\n")?;
    }
    Ok(())
}

/// A worker's packet.
pub fn packet(root: &Path) -> String {
    format!(
        "MODE: worker\nNAME: figures\nWORKDIR: {}\nOBJECTIVE: be measured\n\nWRITE SCOPE:\n- src/\n\nNON-GOALS:\n- none\n\n\
         VERIFICATION:\n- none\n\nDELIVERABLE:\n- a report\n",
        root.display()
    )
}

fn write(path: &Path, content: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content)
}

fn commit_all(root: &Path) -> io::Result<()> {
    git(root, &["init", "--quiet", "--initial-branch=main"])?;
    git(root, &["add", "--all"])?;
    let identity =
        ["-c", "user.name=figures", "-c", "user.email=figures@example.org", "-c", "commit.gpgSign=false"];
    git(root, &[&identity[..], &["commit", "--quiet", "--message", "base"]].concat())
}

fn git(root: &Path, args: &[&str]) -> io::Result<()> {
    let status = Command::new("git").args(args).current_dir(root).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("git {} failed", args.join(" ")))) }
}
