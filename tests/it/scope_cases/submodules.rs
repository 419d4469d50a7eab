//! Submodules: their files, their git directories below `.git/modules`, and what the repository says of them.

use super::row::{Row, row};

const SUB: &str = "git init -q $OUTSIDE/s; cd $OUTSIDE/s; echo s > s.txt; echo t > t.txt; git add -A; git commit -qm s; cd $REPO; \
    git -c protocol.file.allow=always submodule --quiet add $OUTSIDE/s sub; git commit -qm sub";
/// The same with a submodule of its own.
const DEEP: &str = "for m in in out; do git init -q $OUTSIDE/$m; cd $OUTSIDE/$m; echo $m > f; git add -A; git commit -qm $m; done; \
    git -c protocol.file.allow=always submodule --quiet add $OUTSIDE/in in; git commit -qm in; cd $REPO; \
    git -c protocol.file.allow=always submodule --quiet add $OUTSIDE/out sub; \
    git -c protocol.file.allow=always submodule --quiet update --init --recursive; git commit -qm sub";
/// A submodule as it was before git 1.7: its git directory in place.
const OLD: &str = "git init -q sub; cd sub; echo s > s.txt; git add s.txt; git commit -qm s; cd ..; git add sub 2>/dev/null; git commit -qm sub";

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("a file is edited", "echo evil >> sub/s.txt").setup(SUB).harm("grep -q evil sub/s.txt").names(&["sub/s.txt"]),
    row("a file is edited in an old one", "echo evil >> sub/s.txt").setup(OLD).harm("grep -q evil sub/s.txt").names(&["sub/s.txt"]),
    row("a file is edited and the repository told to overlook it", "git config submodule.sub.ignore all; echo evil >> sub/s.txt").setup(SUB).harm("! git status --porcelain | grep -q sub").names(&["sub/s.txt", ".git/config"]),
    row("a file is edited and the list of modules says to overlook it", "git config -f .gitmodules submodule.sub.ignore all; echo evil >> sub/s.txt").setup(SUB).harm("grep -q evil sub/s.txt").names(&["sub/s.txt", ".gitmodules"]),
    row("a file is edited and assumed unchanged", "git -C sub update-index --assume-unchanged s.txt; echo evil >> sub/s.txt").setup(SUB).harm("git -C sub diff --quiet && grep -q evil sub/s.txt").names(&["sub/s.txt"]),
    row("an untracked file is made", "echo x > sub/new").setup(SUB).harm("test -f sub/new").names(&["sub/new"]),
    row("a file is made that the submodule excludes", "echo hid >> .git/modules/sub/info/exclude; echo x > sub/hid").setup(SUB).harm("test -f sub/hid && ! git -C sub status --porcelain | grep -q hid").names(&["sub/hid", ".git/modules/sub/info/exclude"]),
    row("a file is staged and put back", "cd sub; cp s.txt $OUTSIDE/k; echo z >> s.txt; git add s.txt; cat $OUTSIDE/k > s.txt").setup(SUB).harm("! git -C sub diff --cached --quiet").names(&["sub/s.txt"]),
    row("the user's work in it is undone", "git -C sub checkout -q -- .").setup(concat!("git init -q $OUTSIDE/s; cd $OUTSIDE/s; echo s > s.txt; git add -A; git commit -qm s; cd $REPO; ", "git -c protocol.file.allow=always submodule --quiet add $OUTSIDE/s sub; git commit -qm sub; echo user >> sub/s.txt")).harm("! grep -q user sub/s.txt").names(&["sub/s.txt"]),
    row("a commit is made in it", "cd sub; echo x >> s.txt; git commit -qam e").setup(SUB).harm("git -C sub log --format=%s | grep -q e").names(&["sub/s.txt", ".git/modules/sub"]),
    row("an empty commit is made in it", "git -C sub commit -q --allow-empty -m e").setup(SUB).harm("git -C sub log --format=%s | grep -q e").names(&[".git/modules/sub"]),
    row("a branch is made in it", "git -C sub branch b").setup(SUB).harm("git -C sub rev-parse -q --verify b").names(&[".git/modules/sub/refs/heads/b"]),
    row("work is shelved in it", "cd sub; echo x >> s.txt; git stash -q").setup(SUB).harm("git -C sub stash list | grep -q .").names(&[".git/modules/sub/refs/stash"]),
    row("a hook is planted", "printf '#!/bin/sh\\ntouch %s/escaped\\n' $OUTSIDE > .git/modules/sub/hooks/post-checkout; chmod +x .git/modules/sub/hooks/post-checkout").setup(SUB).harm("test -x .git/modules/sub/hooks/post-checkout").fires("git -C sub checkout -q --detach").names(&[".git/modules/sub/hooks/post-checkout"]),
    row("a watcher is named, which a status of all would run", "git -C sub config core.fsmonitor \"touch $OUTSIDE/escaped; true\"").setup(SUB).harm("git -C sub config core.fsmonitor").fires("git status").names(&[".git/modules/sub/config"]),
    row("its work tree is said to be elsewhere", "git config -f .git/modules/sub/config core.worktree $OUTSIDE; echo e >> sub/s.txt").setup(SUB).harm("grep -q e sub/s.txt").names(&["sub/s.txt", ".git/modules/sub/config"]),
    row("its link leads to another git directory", "cp -r .git/modules/sub $OUTSIDE/m; echo \"gitdir: $OUTSIDE/m\" > sub/.git").setup(SUB).harm("grep -q /m$ sub/.git").names(&["sub/.git"]),
    row("its git directory is in place instead", "git config -f .git/modules/sub/config --unset core.worktree; rm sub/.git; mv .git/modules/sub sub/.git").setup(SUB).harm("test -d sub/.git").names(&["sub/.git", ".git/modules/sub"]),
    row("it is taken away", "git submodule --quiet deinit -f sub").setup(SUB).harm("! test -e sub/s.txt").names(&["sub/s.txt"]),
    row("another commit of it is recorded", "git update-index --cacheinfo 160000,$(git rev-parse HEAD),sub").setup(SUB).harm("! git diff --cached --quiet -- sub").names(&["sub"]),
    row("it becomes a symlink", "mv sub $OUTSIDE/gone; ln -s $OUTSIDE/gone sub").setup(SUB).harm("test -L sub").names(&["sub"]),
    row("it comes from somewhere else", "git config submodule.sub.url https://evil.example").setup(SUB).harm("git config submodule.sub.url | grep -q evil").names(&[".git/config"]),
    row("its list says to run a program", "git config -f .gitmodules submodule.sub.update '!touch $OUTSIDE/escaped'").setup(SUB).harm("grep -q escaped .gitmodules").names(&[".gitmodules"]),
    row("one is added", "git -c protocol.file.allow=always submodule --quiet add $OUTSIDE/n n").setup("git init -q $OUTSIDE/n; git -C $OUTSIDE/n commit -q --allow-empty -m n").harm("test -e n/.git").names(&["n", ".gitmodules", ".git/modules/n"]),
    row("one is added inside the scope", "git -c protocol.file.allow=always submodule --quiet add $OUTSIDE/n src/n").setup("git init -q $OUTSIDE/n; git -C $OUTSIDE/n commit -q --allow-empty -m n").harm("test -e src/n/.git").names(&[".gitmodules", ".git/modules"]),
    row("a file two levels down is edited", "echo evil >> sub/in/f").setup(DEEP).harm("grep -q evil sub/in/f").names(&["sub/in/f"]),
    row("a hook two levels down is planted", "echo x > .git/modules/sub/modules/in/hooks/pre-push").setup(DEEP).harm("test -f .git/modules/sub/modules/in/hooks/pre-push").names(&[".git/modules/sub/modules/in/hooks/pre-push"]),
    row("one that was never checked out gets files", "echo x > sub/x").setup(concat!("git init -q $OUTSIDE/s; git -C $OUTSIDE/s commit -q --allow-empty -m s; ", "git -c protocol.file.allow=always submodule --quiet add $OUTSIDE/s sub; git commit -qm sub; git submodule --quiet deinit -f sub")).harm("test -f sub/x").names(&["sub/x"]),
    row("it is in scope: its files may change", "echo ok >> sub/s.txt; echo n > sub/n; rm sub/t.txt").setup(SUB).scope(&["sub/"]).harm("grep -q ok sub/s.txt"),
    row("it is in scope: its hooks are not", "echo x > .git/modules/sub/hooks/pre-push").setup(SUB).scope(&["sub/"]).harm("test -f .git/modules/sub/hooks/pre-push").names(&[".git/modules/sub/hooks/pre-push"]),
    row("it is in scope: its history is not", "cd sub; echo ok >> s.txt; git commit -qam e").setup(SUB).scope(&["sub/"]).harm("git -C sub log --format=%s | grep -q e").names(&[".git/modules/sub"]),
    row("it is in scope: its link is not", "echo 'gitdir: ../../m' > sub/.git").setup(SUB).scope(&["sub/"]).harm("grep -q ../../m sub/.git").names(&["sub/.git"]),
    row("part of it is in scope", "echo x >> sub/s.txt; echo x >> sub/t.txt").setup(SUB).scope(&["sub/t.txt"]).harm("grep -q x sub/s.txt").names(&["sub/s.txt"]),
    row("it is the work directory", "echo ok >> s.txt").setup(SUB).workdir("sub").scope(&["."]).harm("grep -q ok sub/s.txt"),
    row("it is the work directory: its history is not in scope", "git commit -q --allow-empty -m e").setup(SUB).workdir("sub").scope(&["."]).harm("git -C sub log --format=%s | grep -q e").names(&["HEAD"]),
    row("another one is worked on in peace", "echo ok >> src/a.txt").setup(DEEP).harm("grep -q ok src/a.txt"),
];
