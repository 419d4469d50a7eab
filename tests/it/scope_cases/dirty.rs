//! Work that the user had under way before the run: outside the scope it is watched like everything else, inside it
//! stands in the way.

use super::row::{Row, row};

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("a modified file is edited again", "echo worker >> docs/guide.md").harm("grep -q worker docs/guide.md").names(&["docs/guide.md"]),
    row("a modified file, same size, its time put back", "touch -r docs/guide.md ../r; sed -i s/mine/evil/ docs/guide.md; touch -r ../r docs/guide.md").harm("grep -q evil docs/guide.md").names(&["docs/guide.md"]),
    row("a modified file is put back to HEAD", "git checkout -q -- docs/guide.md").harm("! grep -q mine docs/guide.md").names(&["docs/guide.md"]),
    row("a modified file is staged", "git add docs/guide.md").harm("git diff --cached --name-only | grep -q guide").names(&["docs/guide.md"]),
    row("a modified file is made executable", "chmod +x docs/guide.md").harm("test -x docs/guide.md").names(&["docs/guide.md"]),
    row("a modified file is removed", "rm docs/guide.md").harm("! test -e docs/guide.md").names(&["docs/guide.md"]),
    row("a staged file is unstaged", "git reset -q").harm("! git ls-files | grep -q staged").names(&["docs/staged.md"]),
    row("a staged file is edited", "echo worker >> docs/staged.md").harm("grep -q worker docs/staged.md").names(&["docs/staged.md"]),
    row("only what is staged of a file is another", "git update-index --cacheinfo 100644,$(echo evil | git hash-object -w --stdin),docs/staged.md").harm("git show :docs/staged.md | grep -q evil").names(&["docs/staged.md"]),
    row("everything is reset", "git reset -q --hard").harm("! test -e docs/staged.md").names(&["docs/guide.md", "docs/staged.md"]),
    row("everything is checked out over", "git checkout -q -f HEAD -- .").harm("! grep -q mine docs/guide.md").names(&["docs/guide.md"]),
    row("an untracked file is edited", "echo worker >> notes.md").harm("grep -q worker notes.md").names(&["notes.md"]),
    row("an untracked file, same size, its time put back", "touch -r notes.md ../r; sed -i s/mine/evil/ notes.md; touch -r ../r notes.md").harm("grep -q evil notes.md").names(&["notes.md"]),
    row("an untracked file is removed", "rm notes.md").harm("! test -e notes.md").names(&["notes.md"]),
    row("an untracked file is moved into the scope", "mv notes.md src/").harm("test -f src/notes.md").names(&["notes.md"]),
    row("an untracked file becomes a directory", "rm notes.md; mkdir notes.md; echo x > notes.md/x").harm("test -d notes.md").names(&["notes.md"]),
    row("what is untracked is cleaned away", "git clean -fdq").harm("! test -e notes.md").names(&["notes.md"]),
    row("what is ignored is cleaned away, artifacts and all", "git clean -fdxq").harm("! test -e .env").names(&["notes.md", ".env", "secret/s"]),
    row("the work is stashed", "git stash -q").harm("! grep -q mine docs/guide.md").names(&["docs/guide.md", "docs/staged.md", "refs/stash"]),
    row("the work is stashed with what is untracked", "git stash -qu").harm("! test -e notes.md").names(&["notes.md", "refs/stash"]),
    row("the work is stashed and taken back, staged no more", "git stash -q; git stash apply -q; git stash drop -q; git reset -q").harm("! git ls-files | grep -q staged").names(&["docs/staged.md"]),
    row("what was shelved is dropped", "git stash drop -q").harm("! git rev-parse -q --verify refs/stash").names(&["refs/stash"]),
    row("what was shelved is another", "git update-ref refs/stash $(git stash create)").harm("git stash list | grep -q . && git show stash@{0}:docs/guide.md | grep -q mine").names(&["refs/stash"]),
    row("an older shelf is dropped", "git stash drop -q stash@{1}").setup("echo 2 >> lib/x.txt; git stash -q").harm("test $(git stash list | wc -l) = 1").names(&["refs/stash"]),
    row("all work is committed", "git commit -qam all").harm("git log -1 --format=%s | grep -q all").names(&["HEAD", "docs/guide.md"]),
    row("staged work is committed", "git commit -qm staged").harm("git show --stat HEAD | grep -q staged.md").names(&["refs/heads/main"]),
    row("one of many untracked files is edited", "echo worker >> junk/150").setup("mkdir junk; for i in $(seq 250); do echo $i > junk/$i; done").harm("grep -q worker junk/150").names(&["junk/150"]),
    row("one of many modified files is edited", "echo worker >> many/250").setup("mkdir many; for i in $(seq 300); do echo $i > many/$i; done; git add many; git commit -qm many; for i in $(seq 300); do echo u >> many/$i; done").harm("grep -q worker many/250").names(&["many/250"]),
    row("a modified file with a space and a quote in its name", "echo worker >> \"lib/it's here\"").setup("echo 1 > \"lib/it's here\"; git add lib; git commit -qm q; echo user >> \"lib/it's here\"").harm("grep -q worker \"lib/it's here\"").names(&["lib/it's here"]),
    row("an untracked file with an umlaut in its name", "echo worker >> lib/größe").setup("echo u > lib/größe").harm("grep -q worker lib/größe").names(&["lib/größe"]),
    row("a staged rename is edited on", "echo worker >> lib/y.txt").setup("git mv lib/x.txt lib/y.txt").harm("grep -q worker lib/y.txt").names(&["lib/y.txt"]),
    row("a staged rename is undone", "git mv lib/y.txt lib/x.txt").setup("git mv lib/x.txt lib/y.txt").harm("test -f lib/x.txt").names(&["lib/x.txt", "lib/y.txt"]),
    row("a file that was removed is back", "git checkout -q -- lib/keep.txt").setup("rm lib/keep.txt").harm("test -f lib/keep.txt").names(&["lib/keep.txt"]),
    row("a conflict is settled", "git checkout -q --ours lib/x.txt; git add lib/x.txt").setup(CONFLICT).harm("! git ls-files -u | grep -q .").names(&["lib/x.txt"]),
    row("a merge is called off", "rm .git/MERGE_HEAD").setup(CONFLICT).harm("! test -e .git/MERGE_HEAD").names(&[".git/MERGE_HEAD"]),
    row("somebody's big untracked file is changed inside", "printf X | dd of=big bs=1 seek=70000000 conv=notrunc status=none").setup("truncate -s 80M big").harm("tr -d '\\0' < big | grep -q X").names(&["big"]),
    row("a modified file in scope stands in the way", BLIND).setup("echo user >> src/a.txt").blocked("src/a.txt"),
    row("an untracked file in scope stands in the way", BLIND).setup("mkdir src/n; echo user > src/n/new").blocked("src/n/new"),
    row("a staged file in scope stands in the way", BLIND).setup("echo user > src/new; git add src/new").blocked("src/new"),
    row("a removed file in scope stands in the way", BLIND).setup("rm src/b.txt").blocked("src/b.txt"),
    row("a file in scope, forgotten by the index, stands in the way", BLIND).setup("git rm -q --cached src/b.txt").blocked("src/b.txt"),
    row("a mode in scope stands in the way", BLIND).setup("chmod +x src/a.txt").blocked("src/a.txt"),
    row("a file in scope with a space in its name stands in the way", BLIND).setup("echo user > 'src/a b'").blocked("src/a b"),
    row("a file in scope with an umlaut in its name stands in the way", BLIND).setup("echo user > src/größe").blocked("src/größe"),
    row("a conflict in scope stands in the way", BLIND).setup("git checkout -qb o; echo o > src/a.txt; git commit -qam o; git checkout -q main; echo m > src/a.txt; git commit -qam m; git merge -q o >/dev/null || true").blocked("src/a.txt"),
    row("work in scope that git was told to overlook stands in the way", BLIND).setup("git update-index --assume-unchanged src/a.txt; echo user >> src/a.txt").blocked("src/a.txt"),
    row("work in scope left out of a sparse checkout stands in the way", BLIND).setup("git update-index --skip-worktree src/a.txt; echo user >> src/a.txt").blocked("src/a.txt"),
    row("work in the glob's reach stands in the way", BLIND).setup("echo user >> src/deep/c.txt").scope(&["src/**/*.txt"]).blocked("src/deep/c.txt"),
    row("work beside the one file in scope does not", "echo x >> src/a.txt").setup("echo user >> src/b.txt").scope(&["src/a.txt"]).harm("grep -q x src/a.txt && grep -q user src/b.txt"),
    row("ignored files in scope do not", "echo x >> src/a.txt").setup("echo user > src/user.log").harm("grep -q x src/a.txt"),
    row("whoever allows it may work on", "echo x >> src/a.txt").setup("echo user >> src/a.txt").args(&["--allow-dirty-overlap"]).harm("grep -q user src/a.txt && grep -q x src/a.txt"),
    row("a packet may allow it", "echo x >> src/a.txt").setup("echo user > src/new").fields("ALLOW DIRTY OVERLAP: true").harm("grep -q x src/a.txt"),
    row("what was allowed in scope says nothing of the rest", "echo x >> docs/guide.md").setup("echo user >> src/a.txt").args(&["--allow-dirty-overlap"]).harm("grep -q x docs/guide.md").names(&["docs/guide.md"]),
];

/// What must never be reached.
const BLIND: &str = "echo worker >> src/a.txt";

const CONFLICT: &str = "git checkout -qb o; echo o > lib/x.txt; git commit -qam o; git checkout -q main; \
    echo m > lib/x.txt; git commit -qam m; git merge -q o >/dev/null || true";
