//! Where a row takes place: a copy of one repository that a user is at work in, and the scripts around the dispatch.
//! Knows nothing of verdicts.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use clodex_tests::{Running, Sandbox, run_with_timeout};

use super::picture::Picture;
use super::row::Row;

const LIMIT: Duration = Duration::from_mins(1);

/// What every row begins with, but for the user's uncommitted work.
const BASE: &str = r"
git init -q -b main --template= .
mkdir -p .git/hooks .git/info
printf '.env\nbuild/\nsecret/\ntarget/\nnode_modules/\n.venv/\n__pycache__/\n*.log\n' > .gitignore
mkdir -p src/deep lib docs build secret
echo a > src/a.txt; echo b > src/b.txt; echo c > src/deep/c.txt
echo LIB-0 > lib/x.txt; echo keep > lib/keep.txt; printf '#!/bin/sh\n' > lib/run.sh; chmod +x lib/run.sh
ln -s x.txt lib/link; echo d > docs/d.txt; echo guide > docs/guide.md; echo '# read me' > README.md
echo KEY=1 > .env; echo bin > build/out.bin; echo s > secret/s; chmod 600 secret/s
git add -A; git commit -qm base; git branch feature; git tag v1
echo shelved >> docs/guide.md; git stash -q
";

/// The user's own work, on top of the row's setup: modified, staged and untracked files. The ignored ones and the
/// stash are in every repository already.
const WORK: &str = "
if test -d docs; then echo mine >> docs/guide.md; echo mine > docs/staged.md; git add docs/staged.md; fi
echo mine > notes.md
git update-index -q --refresh || true
";

/// The repository that all rows begin with, as an archive.
static TEMPLATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let sandbox = Sandbox::bare();
    fs::create_dir(sandbox.repo()).unwrap();
    let mut bash = sandbox.command("bash");
    bash.args(["-c", &format!("set -e\n{{ {BASE}\n}} >&2\ntar --format=posix -c .")]);
    let done = run_with_timeout(bash, LIMIT);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
});

/// A row's place.
pub struct Place {
    pub sandbox: Sandbox,
}

impl Place {
    /// Makes the place, sets the row up and adds the user's work.
    pub fn prepare(row: &Row) -> Result<Self, String> {
        let sandbox = Sandbox::bare();
        fs::create_dir(sandbox.repo()).unwrap();
        fs::create_dir(sandbox.root().join("outside")).unwrap();
        let mut tar = sandbox.command("tar");
        tar.arg("-x");
        let unpacked = Running::start(tar, &TEMPLATE).finish(LIMIT);
        assert!(unpacked.status.success(), "the template can be unpacked");
        let place = Self { sandbox };
        let script = format!("set -e\n{}\ncd $REPO\n{WORK}", row.setup);
        place.sh(&script).map_err(|error| format!("its setup fails: {error}"))?;
        place.sandbox.file("action.sh", place.action(row));
        Ok(place)
    }

    pub fn root(&self) -> &Path {
        self.sandbox.root()
    }

    pub fn outside(&self) -> PathBuf {
        self.root().join("outside")
    }

    pub fn workdir(&self, row: &Row) -> PathBuf {
        let repo = self.sandbox.repo();
        if row.workdir.is_empty() { repo } else { repo.join(row.workdir) }
    }

    /// Puts this place's directories for their variables.
    pub fn fill(&self, text: &str) -> String {
        self.variables()
            .iter()
            .fold(text.to_owned(), |text, (name, path)| text.replace(&format!("${name}"), path))
    }

    /// Where the repository has lost its git directory, git must not find the one that the tests themselves lie in.
    fn variables(&self) -> [(&'static str, String); 4] {
        let text = |path: &Path| path.to_str().expect("sandboxes have plain names").to_owned();
        [
            ("REPO", text(&self.sandbox.repo())),
            ("OUTSIDE", text(&self.outside())),
            ("ROOT", text(self.root())),
            ("GIT_CEILING_DIRECTORIES", text(self.root())),
        ]
    }

    /// The worker's script. What git ran of the planted code meanwhile is the worker's own doing.
    fn action(&self, row: &Row) -> String {
        let variables = self.variables().map(|(name, path)| format!("export {name}='{path}'")).join("\n");
        let (workdir, action) = (self.workdir(row), row.action);
        let begin = format!("exec 2> $ROOT/action.err\nset -e\ncd '{}'", workdir.display());
        format!("{variables}\n{begin}\n{action}\ncd $ROOT\nrm -f $OUTSIDE/escaped\n: > $ROOT/done\n")
    }

    /// A script that tries what the row does, whatever becomes of it and of the code that it makes git run.
    pub fn attempt(&self, row: &Row) -> String {
        let name = row.title.replace(['\'', '/', ' '], "-");
        let variables = self.variables().map(|(name, path)| format!("export {name}='{path}'")).join("\n");
        let workdir = self.workdir(row);
        let script = format!("{variables}\ncd '{}' || exit\n{}\n", workdir.display(), row.action);
        let script = self.sandbox.file(&format!("attempts/{name}.sh"), script);
        format!(
            "timeout 5 bash '{1}' </dev/null >/dev/null 2>&1; rm -f {0} 2>/dev/null",
            self.outside().join("escaped").display(),
            script.display()
        )
    }

    /// Where the programs of this place are looked for.
    pub fn path(&self) -> String {
        let command = self.sandbox.command("true");
        let path = command.get_envs().find_map(|(name, value)| value.filter(|_| name == "PATH"));
        path.and_then(OsStr::to_str).expect("every command of a sandbox has a PATH").to_owned()
    }

    /// Runs a script in the repository, as the user would.
    pub fn sh(&self, script: &str) -> Result<String, String> {
        let mut bash = self.sandbox.command("bash");
        bash.args(["-c", script]).envs(self.variables());
        let done = run_with_timeout(bash, LIMIT);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    /// Everything that is there now.
    pub fn picture(&self) -> Picture {
        Picture::of(self.root(), &["repo", "outside"])
    }

    pub fn has(&self, name: &str) -> bool {
        self.root().join(name).exists()
    }

    /// What the action said on stderr.
    pub fn complaint(&self) -> String {
        let text = fs::read(self.root().join("action.err")).unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_owned()
    }
}
