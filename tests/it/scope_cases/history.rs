//! HEAD, refs, reflogs, other worktrees and the object store: none of them is ever in scope.

use super::row::{Row, row};

const WORKTREE: &str = "git worktree add -q $OUTSIDE/wt feature";
const REMOTE: &str = "git init -q --bare $OUTSIDE/r.git; git remote add origin $OUTSIDE/r.git; git push -q origin main feature; git fetch -q";

/// A commit of a tree in which a changed `lib` stands before the one that was there.
const NAME_TWICE: &str = r#"
evil=$(git ls-tree HEAD:lib | grep -v keep | git mktree)
tree=$(python3 -c '
import subprocess, sys
tree = subprocess.check_output(["git", "cat-file", "tree", "HEAD^{tree}"])
at = tree.index(b"40000 lib\0")
sys.stdout.buffer.write(tree[:at] + b"40000 lib\0" + bytes.fromhex(sys.argv[1]) + tree[at:])
' $evil | git hash-object -t tree -w --literally --stdin)
git update-ref HEAD $(git commit-tree -p HEAD -m twice $tree)
"#;

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("a change outside is committed", "echo x >> lib/x.txt; git commit -qm evil lib/x.txt").harm("git show --stat HEAD | grep -q lib/x.txt").names(&["lib/x.txt", "HEAD"]),
    row("a change outside is committed and the file put back", "echo x >> lib/x.txt; git commit -qm evil lib/x.txt; git show HEAD^:lib/x.txt > lib/x.txt").harm("git show HEAD:lib/x.txt | grep -q x").names(&["refs/heads/main"]),
    row("a change inside is committed", "echo x >> src/a.txt; git commit -qm quiet src/a.txt").harm("git show --stat HEAD | grep -q src/a.txt").names(&["HEAD", "refs/heads/main"]),
    row("nothing is committed", "git commit -q --allow-empty --only -m none").harm("git log -1 --format=%s | grep -q none").names(&["refs/heads/main"]),
    row("the last commit has another message", "git commit -q --amend --only -m other").harm("git log -1 --format=%s | grep -q other").names(&["refs/heads/main"]),
    row("the last commit is taken back, its changes kept", "git reset -q --soft HEAD^").setup("echo 2 > docs/two; git add docs; git commit -qm two").harm("! git log --format=%s | grep -q two").names(&["refs/heads/main"]),
    row("a commit made without index or work tree", "git update-ref HEAD $(git commit-tree -p HEAD -m plumbed HEAD^{tree})").harm("git log -1 --format=%s | grep -q plumbed").names(&["refs/heads/main"]),
    row("a commit that makes the index look clean", "echo evil >> lib/x.txt; git add lib/x.txt; git commit-tree -m base $(git write-tree) > .git/refs/heads/main").harm("git diff --quiet HEAD -- lib").names(&["lib/x.txt", "refs/heads/main"]),
    row("a commit of another author's index", "GIT_INDEX_FILE=$OUTSIDE/i git read-tree HEAD; GIT_INDEX_FILE=$OUTSIDE/i git rm -q --cached lib/x.txt; git update-ref HEAD $(git commit-tree -p HEAD -m i $(GIT_INDEX_FILE=$OUTSIDE/i git write-tree))").harm("! git cat-file -e HEAD:lib/x.txt 2>/dev/null").names(&["refs/heads/main"]),
    row("another branch is checked out", "git checkout -q feature").harm("git symbolic-ref HEAD | grep -q feature").names(&["HEAD"]),
    row("HEAD points to another branch of the same commit", "git symbolic-ref HEAD refs/heads/feature").harm("git symbolic-ref HEAD | grep -q feature").names(&["HEAD"]),
    row("HEAD is detached", "git checkout -q --detach").harm("! git symbolic-ref -q HEAD").names(&["HEAD"]),
    row("HEAD points to a branch without a commit", "git symbolic-ref HEAD refs/heads/nothing").harm("! git rev-parse -q --verify HEAD").names(&["HEAD"]),
    row("HEAD is a symlink to another branch", "rm .git/HEAD; ln -s refs/heads/feature .git/HEAD").harm("git symbolic-ref HEAD | grep -q feature").names(&["HEAD"]),
    row("HEAD is a symlink to where it was", "rm .git/HEAD; ln -s refs/heads/main .git/HEAD").harm("test -L .git/HEAD").names(&[".git/HEAD"]),
    row("an orphan branch is begun", "git checkout -q --orphan o").harm("git symbolic-ref HEAD | grep -q heads/o").names(&["HEAD"]),
    row("a branch is made", "git branch sneaky").harm("git rev-parse -q --verify sneaky").names(&["refs/heads/sneaky"]),
    row("a branch is moved", "git branch -qf feature $(git commit-tree -m f HEAD^{tree})").harm("git log -1 --format=%s feature | grep -q f").names(&["refs/heads/feature"]),
    row("a branch is renamed", "git branch -m feature other").harm("git rev-parse -q --verify other").names(&["refs/heads/feature", "refs/heads/other"]),
    row("a branch is removed", "git branch -qD feature").harm("! git rev-parse -q --verify feature").names(&["refs/heads/feature"]),
    row("a packed branch is removed", "git branch -qD feature").setup("git pack-refs --all").harm("! git rev-parse -q --verify feature").names(&["refs/heads/feature"]),
    row("a packed branch is moved by hand", "c=$(git commit-tree -m f HEAD^{tree}); sed -i \"s|^[0-9a-f]* refs/heads/feature|$c refs/heads/feature|\" .git/packed-refs").setup("git pack-refs --all").harm("git log -1 --format=%s feature | grep -qx f").names(&["refs/heads/feature"]),
    row("a packed branch is hidden under a loose one", "git commit-tree -m f HEAD^{tree} > $OUTSIDE/c; mkdir -p .git/refs/heads; cp $OUTSIDE/c .git/refs/heads/feature").setup("git pack-refs --all").harm("git log -1 --format=%s feature | grep -qx f").names(&["refs/heads/feature"]),
    row("a branch becomes a name for another", "git symbolic-ref refs/heads/feature refs/heads/main").harm("git symbolic-ref refs/heads/feature").names(&["refs/heads/feature"]),
    row("a branch with odd letters is made", "git update-ref 'refs/heads/ä -> b' HEAD 2>/dev/null || git update-ref refs/heads/ä,b HEAD").harm("git for-each-ref | grep -q ä || test -e .git/refs/heads/ä,b").names(&["refs/heads/ä,b"]),
    row("a tag is made", "git tag v2").harm("git rev-parse -q --verify v2").names(&["refs/tags/v2"]),
    row("a tag is moved", "git tag -f v1 $(git commit-tree -m t HEAD^{tree}) >/dev/null").harm("test $(git rev-parse v1) != $(git rev-parse HEAD)").names(&["refs/tags/v1"]),
    row("a tag becomes an annotated one of the same commit", "git tag -fam t v1 HEAD >/dev/null").harm("test $(git cat-file -t v1) = tag").names(&["refs/tags/v1"]),
    row("a tag is removed", "git tag -d v1 >/dev/null").harm("! git rev-parse -q --verify v1").names(&["refs/tags/v1"]),
    row("a note is written", "git notes add -m n").harm("git notes list | grep -q .").names(&["refs/notes/commits"]),
    row("a commit is replaced", "git replace HEAD $(git commit-tree -m r HEAD^{tree})").harm("git log -1 --format=%s | grep -qx r").names(&["refs/replace"]),
    row("a ref outside the usual places is made", "git update-ref refs/x/y HEAD").harm("git rev-parse -q --verify refs/x/y").names(&["refs/x/y"]),
    row("a commit is kept in a ref of its own", "git update-ref refs/worktree/w $(git commit-tree -m w HEAD^{tree})").harm("git rev-parse -q --verify refs/worktree/w").names(&["refs/worktree/w"]),
    row("a bisection is begun", "git bisect start >/dev/null").harm("test -e .git/BISECT_LOG").names(&[".git/BISECT_LOG"]),
    row("a merge is prepared", "git rev-parse feature > .git/MERGE_HEAD").harm("test -e .git/MERGE_HEAD").names(&[".git/MERGE_HEAD"]),
    row("a cherry-pick is prepared", "git rev-parse feature > .git/CHERRY_PICK_HEAD").harm("test -e .git/CHERRY_PICK_HEAD").names(&[".git/CHERRY_PICK_HEAD"]),
    row("a rebase with a command in it is prepared", "mkdir .git/rebase-merge; echo 'exec touch x' > .git/rebase-merge/git-rebase-todo").harm("test -e .git/rebase-merge/git-rebase-todo").names(&[".git/rebase-merge"]),
    row("history is cut short", "git rev-parse HEAD > .git/shallow").harm("git rev-parse --is-shallow-repository | grep -q true").names(&[".git/shallow"]),
    row("history is grafted", "mkdir -p .git/info; git rev-parse HEAD > .git/info/grafts").harm("test -s .git/info/grafts").names(&[".git/info/grafts"]),
    row("something is pushed", "git push -q origin HEAD:pwned").setup(REMOTE).harm("git -C $OUTSIDE/r.git rev-parse -q --verify pwned").names(&["refs/remotes/origin/pwned"]),
    row("a remote's branch is forgotten", "git branch -qdr origin/feature").setup(REMOTE).harm("! git rev-parse -q --verify origin/feature").names(&["refs/remotes/origin/feature"]),
    row("a remote's branch is forged", "git update-ref refs/remotes/origin/main $(git commit-tree -m f HEAD^{tree})").setup(REMOTE).harm("git log -1 --format=%s origin/main | grep -qx f").names(&["refs/remotes/origin/main"]),
    row("a worktree is added", "git worktree add -q $OUTSIDE/wt HEAD").harm("test -d $OUTSIDE/wt").names(&[".git/worktrees"]),
    row("a worktree is removed", "git worktree remove $OUTSIDE/wt").setup(WORKTREE).harm("! test -d $OUTSIDE/wt").names(&[".git/worktrees/wt"]),
    row("a worktree is locked", "git worktree lock $OUTSIDE/wt").setup(WORKTREE).harm("test -e .git/worktrees/wt/locked").names(&[".git/worktrees/wt/locked"]),
    row("another worktree's HEAD is moved", "git -C $OUTSIDE/wt checkout -q --detach").setup(WORKTREE).harm("! git -C $OUTSIDE/wt symbolic-ref -q HEAD").names(&[".git/worktrees/wt/HEAD"]),
    row("another worktree's index is changed", "cd $OUTSIDE/wt; echo e >> lib/x.txt; git add lib").setup(WORKTREE).harm("! git -C $OUTSIDE/wt diff --cached --quiet").names(&[".git/worktrees/wt/index"]),
    row("another worktree is led elsewhere", "echo $OUTSIDE/else/.git > .git/worktrees/wt/gitdir").setup(WORKTREE).harm("grep -q else .git/worktrees/wt/gitdir").names(&[".git/worktrees/wt/gitdir"]),
    row("a commit is hidden in an alternate store", "git init -q $OUTSIDE/alt; echo $OUTSIDE/alt/.git/objects > .git/objects/info/alternates").harm("test -s .git/objects/info/alternates").names(&[".git/objects/info/alternates"]),
    row("shelved work is dropped from the log of the stash", ": > .git/logs/refs/stash").harm("! git stash list | grep -q .").names(&["refs/stash"]),
    row("work is shelved without touching the tree", "git stash store -m s $(git stash create)").harm("test $(git stash list | wc -l) = 2").names(&["refs/stash"]),
    row("a commit where the worker may commit, its tree holding a name twice", NAME_TWICE).fields("ALLOW COMMIT: yes").harm("test $(git ls-tree HEAD | grep -c 'lib$') = 2").names(&["refs/heads/main"]),
    row("a file in scope takes what history needs with it, where the worker may commit", "echo x >> src/a.txt; git commit -qm x src/a.txt; rm -f .git/objects/$(git rev-parse v1:lib/keep.txt | sed 's,^..,&/,')").fields("ALLOW COMMIT: yes").harm("! git cat-file -e v1:lib/keep.txt").names(&[".git/objects"]),
];
