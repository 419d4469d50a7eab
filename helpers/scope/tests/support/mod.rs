//! A throw-away repository, and one run in it: setup, baseline, action, comparison.

use std::path::{Path, PathBuf};
use std::process::Command;

use clodex_core::{ByProducts, ScopeRules, Verdict};
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
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in ["repo", "outside", "home"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let config = "[user]\nname=t\nemail=t@t\n[init]\ndefaultBranch=main\n[protocol \"file\"]\nallow=always\n[gc]\nauto=0\n";
        std::fs::write(dir.path().join("home/.gitconfig"), config).unwrap();
        let world = Self { dir };
        world.sh(BASE);
        world
    }

    pub fn repo(&self) -> PathBuf {
        self.dir.path().join("repo").canonicalize().unwrap()
    }

    pub fn outside(&self) -> PathBuf {
        self.dir.path().join("outside").canonicalize().unwrap()
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
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C.UTF-8")
            .env("REPO", self.repo())
            .env("OUTSIDE", self.outside())
            .output()
            .unwrap();
        assert!(done.status.success(), "{script}\n{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    pub fn baseline_of(&self, workdir: &str, scope: &[&str]) -> Baseline {
        let tree = Tree::discover(&self.repo().join(workdir)).unwrap();
        let entries = scope
            .iter()
            .map(|entry| tree.scope_entry(&entry.replace("$REPO", self.repo().to_str().unwrap())).unwrap());
        let rules: ScopeRules = tree.scope_rules(entries.collect());
        baseline(&tree, Request { rules, by_products: ByProducts::default(), exclude: Vec::new() }).unwrap()
    }
}

pub fn compared(baseline: &Baseline) -> Comparison {
    compare(baseline, &Meanwhile::default()).unwrap()
}

/// What a case should come to.
#[derive(Debug, Clone, Copy)]
pub enum Want {
    /// A violation that names this path, or one below it.
    Names(&'static str),
    /// Nothing at all outside the scope.
    Quiet,
    /// Clean, with this by-product.
    Note(&'static str),
}

/// One case: what it shows, what is there before, what the worker does, what should come of it.
pub struct Case(pub &'static str, pub &'static str, pub &'static str, pub Want);

pub fn run_all(workdir: &str, scope: &[&str], cases: &[Case]) {
    let failed: Vec<String> = std::thread::scope(|threads| {
        let running: Vec<_> = cases.iter().map(|case| threads.spawn(|| run(workdir, scope, case))).collect();
        let ended = running.into_iter().zip(cases);
        let lost = |case: &Case| Err(format!("{}: its script failed, see above", case.0));
        ended.filter_map(|(running, case)| running.join().unwrap_or_else(|_| lost(case)).err()).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn run(workdir: &str, scope: &[&str], Case(title, setup, action, want): &Case) -> Result<(), String> {
    let world = World::new();
    world.sh(setup);
    let before = world.baseline_of(workdir, scope);
    world.sh_in(&world.repo().join(workdir), action);
    let found = compared(&before);
    let outside = world.outside().to_str().unwrap().to_owned();
    let named = |name: &str| {
        let name = name.replace("$OUTSIDE", &outside);
        found
            .violations
            .iter()
            .any(|violation| violation.path == name || violation.path.starts_with(&format!("{name}/")))
    };
    let right = match want {
        Want::Names(name) => found.verdict == Verdict::Violation && named(name),
        Want::Quiet => found.verdict == Verdict::Clean && found.by_products.is_empty(),
        Want::Note(by_product) => found.verdict == Verdict::Clean && found.by_products == [*by_product],
    };
    let told = || {
        format!(
            "{title}: want {want:?}, got {} {:#?} {:?} {:?}",
            found.verdict, found.violations, found.by_products, found.notes
        )
    };
    if right { Ok(()) } else { Err(told()) }
}
