//! A throw-away repository, and one run in it: setup, baseline, action, comparison.

use std::path::{Path, PathBuf};
use std::process::Command;

use clodex_core::ScopeRules;
use clodex_scope::{Baseline, Comparison, Meanwhile, Request, Tree, baseline, compare};
use tempfile::TempDir;

const BASE: &str = r"
git init -q -b main .
printf '.env\nbuild/\nsecret/\ntarget/\nnode_modules/\n.venv/\n*.log\n.coverage\n' > .gitignore
mkdir src lib docs build secret
printf 'a\n' > src/a.txt; printf 'b\n' > src/b.txt
printf 'LIB-0\n' > lib/x.txt; printf 'keep\n' > lib/keep.txt; printf 'd\n' > docs/d.txt
printf 'KEY=1\n' > .env; printf 'bin\n' > build/out.bin; printf 's\n' > secret/s; printf '# r\n' > README.md
git add -A; git commit -qm base; git branch feature; git tag v1
";

/// A repository in a directory of its own, which lies beside `outside`.
pub struct World {
    dir: TempDir,
}

impl World {
    pub fn new() -> Self {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("the test's own files");
        for name in ["repo", "outside", "home"] {
            std::fs::create_dir(dir.path().join(name)).expect("the test's own files");
        }
        let config = "[user]\nname=t\nemail=t@t\n[init]\ndefaultBranch=main\n[protocol \"file\"]\nallow=always\n[gc]\nauto=0\n";
        std::fs::write(dir.path().join("home/.gitconfig"), config).expect("the test's own files");
        let world = Self { dir };
        world.sh(BASE);
        world
    }

    pub fn repo(&self) -> PathBuf {
        self.dir.path().join("repo").canonicalize().expect("it was just made")
    }

    pub fn outside(&self) -> PathBuf {
        self.dir.path().join("outside").canonicalize().expect("it was just made")
    }

    /// Runs a script in the repository; it must succeed.
    pub fn sh(&self, script: &str) -> String {
        self.sh_in(&self.repo(), script)
    }

    pub fn sh_in(&self, dir: &Path, script: &str) -> String {
        let done = Command::new("bash")
            .args(["-c", &format!("set -e\n{script}")])
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a PATH"))
            .env("HOME", self.dir.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C.UTF-8")
            .env("REPO", self.repo())
            .env("OUTSIDE", self.outside())
            .output()
            .expect("the test's own files");
        assert!(
            done.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&[done.stdout, done.stderr].concat())
        );
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    pub fn baseline_of(&self, workdir: &str, scope: &[&str]) -> Baseline {
        self.baseline_with(workdir, scope, Request::default())
    }

    /// A baseline of a request that names everything but the scope.
    pub fn baseline_with(&self, workdir: &str, scope: &[&str], request: Request) -> Baseline {
        let tree = Tree::discover(&self.repo().join(workdir)).expect("the test's own files");
        let repo = self.repo().display().to_string();
        let entry = |text: &&str| tree.scope_entry(&text.replace("$REPO", &repo)).expect("a scope entry");
        let entries = scope.iter().map(entry);
        let rules: ScopeRules = tree.scope_rules(entries.collect());
        baseline(&tree, Request { rules, ..request }).expect("a baseline")
    }
}

pub fn compared(baseline: &Baseline) -> Comparison {
    compare(baseline, &Meanwhile::default()).expect("a comparison")
}
