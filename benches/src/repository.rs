//! Generates repositories, and a packet for the small one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository with a handful of files: a scope check of it costs next to nothing.
pub fn small(root: &Path) -> io::Result<()> {
    for (name, content) in [("README.md", "# small\n"), ("src/a.txt", "a\n"), ("docs/d.txt", "d\n")] {
        write(&root.join(name), content)?;
    }
    commit_all(root)
}

/// `tracked` files in directories of thirty, half as many ignored ones, one untracked for every hundred, and twenty
/// that are modified; git has looked at all of it once.
pub fn large(root: &Path, tracked: usize) -> io::Result<()> {
    write(&root.join(".gitignore"), "node_modules/\n")?;
    write(&root.join("src/a.txt"), "a\n")?;
    for number in 0..tracked {
        write(&source(root, number), &format!("export const component = {number};\n"))?;
    }
    for number in 0..tracked / 2 {
        let path = format!("node_modules/package{}/lib{}/index_{number}.js", number / 300, number / 30);
        write(&root.join(path), &format!("{number}\n"))?;
    }
    commit_all(root)?;
    for number in (0..tracked).step_by(tracked / 20) {
        write(&source(root, number), "modified\n")?;
    }
    for number in 0..tracked / 100 {
        write(&root.join(format!("packages/untracked_{number}.ts")), "new\n")?;
    }
    git(root, &["status", "--short", "--untracked-files=no"])
}

/// A repository as it lies there after it was cloned, and git was asked for its status once.
pub fn clone(from: &Path, to: &Path) -> io::Result<()> {
    let parent = to.parent().unwrap_or(to);
    git(parent, &["clone", "--quiet", &from.to_string_lossy(), &to.to_string_lossy()])?;
    git(to, &["status", "--short"])
}

fn source(root: &Path, number: usize) -> PathBuf {
    root.join(format!("packages/p{}/module{}/component_{number}.ts", number / 900, number / 30))
}

/// A packet of a worker in this scope.
pub fn packet(root: &Path, scope: &str) -> String {
    format!(
        "MODE: worker\nNAME: figures\nWORKDIR: {}\nOBJECTIVE: be measured\n\nWRITE SCOPE:\n- {scope}\n\nNON-GOALS:\n- none\n\n\
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
    let status = Command::new("git")
        .args(args)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("git {} failed", args.join(" ")))) }
}
