//! Whatever a repository has configured, looking at it runs none of it.

mod support;

use clodex_core::Verdict;
use support::{World, compared};

/// Everything that git can be told to run, each leaving a file; `canary` is that program.
const TRAPS: &str = r#"
printf '#!/bin/sh\nbasename $0 >> $(dirname $0)/ran\nexit 1\n' > $OUTSIDE/canary; chmod +x $OUTSIDE/canary
C=$OUTSIDE/canary
for h in post-index-change reference-transaction post-checkout pre-auto-gc fsmonitor-watchman; do cp $C .git/hooks/$h; done
mkdir ../hooks; cp .git/hooks/[pr]* ../hooks
cp $C git; cp $C src/git
cat > .git/more <<END
[core]
	fsmonitor = $C
	pager = $C
	editor = $C
	askPass = $C
	sshCommand = $C
	gitProxy = $C
	alternateRefsCommand = $C
	hooksPath = $(realpath ../hooks)
	worktree = $OUTSIDE
	attributesFile = $OUTSIDE/attributes
	excludesFile = $OUTSIDE/ignored
[alias]
	cat-file = !$C
	status = !$C
[filter "trap"]
	clean = $C
	smudge = $C
	process = $C
	required = true
[diff]
	external = $C
[diff "trap"]
	command = $C
	textconv = $C
[merge "trap"]
	driver = $C
[credential]
	helper = $C
[gpg]
	program = $C
[protocol "ext"]
	allow = always
[remote "origin"]
	url = ext::$C
	promisor = true
	partialclonefilter = blob:none
[trace2]
	eventTarget = $OUTSIDE/ran
END
echo '* filter=trap diff=trap merge=trap' > .git/info/attributes
echo '*' > $OUTSIDE/ignored
git config extensions.partialClone origin; git config include.path more
"#;

#[test]
fn nothing_that_a_repository_configures_is_run_or_believed() {
    for init in ["--object-format=sha1", "--object-format=sha256 --ref-format=reftable"] {
        let world = World::new();
        world.sh(&format!("rm -rf .git; git init -q {init} .; git add -A; git commit -qm base"));
        world.sh("echo s >> docs/d.txt; git add docs; echo u >> lib/keep.txt");
        world.sh("id=$(git rev-parse HEAD:README.md); rm -f .git/objects/$(echo $id | cut -c1-2)/*");
        world.sh(TRAPS);
        let before = world.baseline_of("", &["src/"]);
        assert_eq!(before.status_text(), "M  docs/d.txt\n M lib/keep.txt\n?? git\n?? src/git\n", "{init}");
        assert!(before.diff_stat_text().contains(" docs/d.txt | 1 +1 -0\n"), "{init}");
        std::fs::write(world.repo().join("README.md"), "other\n").unwrap();
        std::fs::write(world.repo().join("src/a.txt"), "other\n").unwrap();
        std::fs::write(world.repo().join("lib/new.txt"), "new\n").unwrap();
        let found = compared(&before);
        let named: Vec<&str> = found.violations.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!((found.verdict, named), (Verdict::Violation, vec!["README.md", "lib/new.txt"]), "{init}");
        let patch = String::from_utf8(found.changes_patch()).unwrap();
        assert!(patch.contains("-a\n+other\n"), "{init}: {patch}");
        found.diff_stat_text();
        assert!(!world.outside().join("ran").exists(), "{init}: something ran");
        world.sh("git --git-dir=.git --work-tree=. diff >/dev/null 2>&1 || true");
        assert!(world.outside().join("ran").exists(), "{init}: the traps work");
    }
}
