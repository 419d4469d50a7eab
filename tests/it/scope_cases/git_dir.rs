//! The git directory: everything in it that makes git behave otherwise, and code planted there, which must never run
//! in the dispatcher.

use super::row::{Row, row};

/// Makes `$OUTSIDE/evil`, a program that leaves a trace; then more.
macro_rules! evil {
    ($($more:literal)?) => {
        concat!(
            "printf '#!/bin/sh\\ntouch %s/escaped\\n' $OUTSIDE > $OUTSIDE/evil; chmod +x $OUTSIDE/evil",
            $("; ", $more)?
        )
    };
}

/// Makes `src/tool`, a program in scope that the user's own configuration may run; then more.
macro_rules! tool {
    ($more:literal) => {
        concat!(
            "printf '#!/bin/sh\\ncat \"$@\" 2>/dev/null\\n' > src/tool; chmod +x src/tool; echo '*.txt diff=t filter=t merge=t' > .gitattributes; git add -A; git commit -qm tool",
            "; ",
            $more
        )
    };
}

/// The worker changes it.
const TURNED: &str = "printf '#!/bin/sh\\ntouch %s/escaped\\ncat \"$@\" 2>/dev/null\\n' $OUTSIDE > src/tool";
const STAY: &str = "grep -q escaped src/tool";
/// What makes git look at the content of everything.
const LOOK: &str = "echo >> src/a.txt; touch lib/x.txt; git status; git diff";

/// Changes what the index remembers of the tree of `lib`: the next commit of anybody takes it.
const TREE_FORGED: &str = r#"
was=$(git rev-parse HEAD:lib)
evil=$(git ls-tree $was | sed "s/[0-9a-f]*\tx.txt$/$(echo evil | git hash-object -w --stdin)\tx.txt/" | git mktree)
python3 -c '
import hashlib, sys
was, evil = (bytes.fromhex(name) for name in sys.argv[1:])
body = open(".git/index", "rb").read()[:-20]
at = body.index(was, body.index(b"TREE"))
body = body[:at] + evil + body[at + 20:]
open(".git/index", "wb").write(body + hashlib.sha1(body).digest())
' $was $evil
"#;

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("a hook is planted that every status would run", "cp $OUTSIDE/evil .git/hooks/post-index-change").setup(evil!()).harm("test -x .git/hooks/post-index-change").fires("touch lib/x.txt; git status").names(&[".git/hooks/post-index-change"]),
    row("a hook is planted that every commit would run", "cp $OUTSIDE/evil .git/hooks/pre-commit").setup(evil!()).harm("test -x .git/hooks/pre-commit").fires("git commit -qm x").names(&[".git/hooks/pre-commit"]),
    row("a hook is planted that every change of a ref would run", "cp $OUTSIDE/evil .git/hooks/reference-transaction").setup(evil!()).harm("test -x .git/hooks/reference-transaction").fires("git update-ref refs/heads/n HEAD").names(&[".git/hooks/reference-transaction"]),
    row("a hook that lay there is turned on", "chmod +x .git/hooks/post-checkout").setup("printf '#!/bin/sh\\ntouch %s/escaped\\n' $OUTSIDE > .git/hooks/post-checkout").harm("test -x .git/hooks/post-checkout").fires("git checkout -q --detach").names(&[".git/hooks/post-checkout"]),
    row("a hook, same size, its time put back", "touch -r .git/hooks/pre-push ../r; printf bbbb > .git/hooks/pre-push; touch -r ../r .git/hooks/pre-push").setup("printf aaaa > .git/hooks/pre-push").harm("grep -q bbbb .git/hooks/pre-push").names(&[".git/hooks/pre-push"]),
    row("a hook is removed", "rm .git/hooks/pre-commit").setup("printf 'exit 1' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit").harm("! test -e .git/hooks/pre-commit").names(&[".git/hooks/pre-commit"]),
    row("the hooks are in the scope, by a symlink", "rm -r .git/hooks; ln -s ../src .git/hooks; cp $OUTSIDE/evil src/pre-commit").setup(evil!()).harm("test -x .git/hooks/pre-commit").fires("git commit -qm x").names(&[".git/hooks"]),
    row("the hooks are in the scope, by configuration", "git config core.hooksPath src; cp $OUTSIDE/evil src/pre-commit").setup(evil!()).harm("git config core.hooksPath").fires("git commit -qm x").names(&[".git/config"]),
    row("a hook in scope that the user's configuration names is turned", TURNED).setup(tool!("ln -s tool src/pre-commit; git add -A; git commit -qm l; git config core.hooksPath src")).harm(STAY).fires("git commit -qm x"),
    row("a file watcher is named", "git config core.fsmonitor $OUTSIDE/evil").setup(evil!()).harm("git config core.fsmonitor").fires("git status").names(&[".git/config"]),
    row("a file watcher in scope that the user's configuration names is turned", TURNED).setup(tool!("git config core.fsmonitor src/tool")).harm(STAY).fires("git status"),
    row("a configuration in scope that the user's own includes is turned", "printf '[core]\\nfsmonitor = %s/evil\\n' $OUTSIDE > src/team.cfg").setup(evil!(": > src/team.cfg; git add -A; git commit -qm c; git config include.path ../src/team.cfg")).harm("git config core.fsmonitor").fires("git status"),
    row("a file in scope is included", "printf '[core]\\nfsmonitor = %s/evil\\n' $OUTSIDE > src/c; git config include.path ../src/c").setup(evil!()).harm("git config core.fsmonitor").fires("git status").names(&[".git/config"]),
    row("a file of the user's own include is outside the repository", "git config --file $OUTSIDE/c core.fsmonitor $OUTSIDE/evil").setup(evil!(": > $OUTSIDE/c; git config include.path $OUTSIDE/c")).harm("git config core.fsmonitor").fires("git status"),
    row("the user's own configuration is turned", "git config --global core.fsmonitor $OUTSIDE/evil").setup(evil!()).harm("git config core.fsmonitor").fires("git status"),
    row("an external diff is named", "git config diff.external $OUTSIDE/evil").setup(evil!()).harm("git config diff.external").fires("git diff").names(&[".git/config"]),
    row("a text conversion in scope is turned", TURNED).setup(tool!("git config diff.t.textconv src/tool")).harm(STAY).fires(LOOK),
    row("a diff driver in scope is turned", TURNED).setup(tool!("git config diff.t.command src/tool")).harm(STAY).fires(LOOK),
    row("a clean filter in scope is turned", TURNED).setup(tool!("git config filter.t.clean src/tool; git config filter.t.smudge cat")).harm(STAY).fires(LOOK),
    row("a filter process in scope is turned", TURNED).setup(tool!("git config filter.t.process src/tool")).harm(STAY).fires(LOOK),
    row("attributes in scope call the user's filter", "echo '*.txt filter=u' > src/.gitattributes; echo x >> src/a.txt").setup(evil!("git config filter.u.clean $OUTSIDE/evil")).harm("git check-attr filter src/a.txt | grep -q u$").fires(LOOK),
    row("a filter hides an edit", "mkdir -p .git/info; echo '*.txt filter=h' > .git/info/attributes; git config filter.h.clean 'git show HEAD:%f'; printf 'EVIL!\\n' > lib/x.txt").harm("git diff --quiet -- lib/x.txt && grep -q EVIL lib/x.txt").names(&["lib/x.txt", ".git/config", ".git/info/attributes"]),
    row("an editor is named", "git config core.editor $OUTSIDE/evil").setup(evil!()).harm("git config core.editor").fires("git commit --amend").names(&[".git/config"]),
    row("a pager is named", "git config core.pager $OUTSIDE/evil; git config pager.status $OUTSIDE/evil").setup(evil!()).harm("git config core.pager").fires("script -qec 'git status' /dev/null").names(&[".git/config"]),
    row("a credential helper is named", "git config credential.helper $OUTSIDE/evil").setup(evil!()).harm("git config credential.helper").fires("printf 'protocol=https\\nhost=h\\n\\n' | git credential fill").names(&[".git/config"]),
    row("a transport is named", "git config core.sshCommand $OUTSIDE/evil").setup(evil!()).harm("git config core.sshCommand").fires("git ls-remote ssh://nobody@127.0.0.1/x").names(&[".git/config"]),
    row("an alias is named", "git config alias.st '!touch $OUTSIDE/escaped'").harm("git config alias.st").fires("git st").names(&[".git/config"]),
    row("a signing program is named", "git config gpg.program $OUTSIDE/evil; git config commit.gpgSign true").setup(evil!()).harm("git config gpg.program").fires("git commit -qm x").names(&[".git/config"]),
    row("the configuration, same size, its time put back", "touch -r .git/config ../r; sed -i s/filemode/filemoda/ .git/config; touch -r ../r .git/config").harm("grep -q filemoda .git/config").names(&[".git/config"]),
    row("the configuration becomes a symlink into the scope", "mv .git/config src/c; ln -s ../src/c .git/config").harm("test -L .git/config").names(&[".git/config"]),
    row("the configuration is written through a hard link in scope", "ln .git/config src/c; printf '[core]\\nfsmonitor = x\\n' >> src/c").harm("git config core.fsmonitor").names(&[".git/config"]),
    row("a configuration for this worktree is made", "git config extensions.worktreeConfig true; git config --worktree core.fsmonitor $OUTSIDE/evil").setup(evil!()).harm("git config core.fsmonitor").fires("git status").names(&[".git/config", ".git/config.worktree"]),
    row("the work tree is said to be elsewhere", "git config core.worktree $OUTSIDE; echo e >> lib/x.txt").harm("grep -q e$ lib/x.txt").names(&["lib/x.txt", ".git/config"]),
    row("modes are said not to count", "git config core.fileMode false; chmod +x lib/x.txt").harm("git diff --quiet -- lib/x.txt").names(&["lib/x.txt", ".git/config"]),
    row("times are said not to count", "git config core.trustctime false; git config core.checkStat minimal; touch -r lib/x.txt ../r; printf 'LIB-Y\\n' > lib/x.txt; touch -r ../r lib/x.txt").setup("touch -d 2024-01-01 lib/x.txt; git update-index -q --refresh").harm("git diff --quiet -- lib/x.txt && grep -q LIB-Y lib/x.txt").names(&["lib/x.txt", ".git/config"]),
    row("letters' case is said not to count", "git config core.ignoreCase true; mkdir SRC; echo x > SRC/a.txt").harm("test -f SRC/a.txt").names(&["SRC/a.txt", ".git/config"]),
    row("a new file is excluded", "mkdir -p .git/info; echo 'evil*' >> .git/info/exclude; echo x > evil.txt").harm("! git status --porcelain | grep -q evil").names(&["evil.txt", ".git/info/exclude"]),
    row("an exclude file in scope is named", "git config core.excludesFile src/x; echo 'evil*' > src/x; echo x > evil.txt").harm("! git status --porcelain | grep -q evil").names(&["evil.txt", ".git/config"]),
    row("a file is assumed unchanged", "git update-index --assume-unchanged lib/x.txt; echo evil >> lib/x.txt").harm("git diff --quiet -- lib/x.txt && grep -q evil lib/x.txt").names(&["lib/x.txt"]),
    row("a file is skipped", "git update-index --skip-worktree lib/x.txt; echo evil >> lib/x.txt").harm("git diff --quiet -- lib/x.txt && grep -q evil lib/x.txt").names(&["lib/x.txt"]),
    row("a flag alone is set, for later", "git update-index --assume-unchanged lib/x.txt").harm("git ls-files -v lib/x.txt | grep -q ^h").names(&["lib/x.txt"]),
    row("a flag alone is set on a file in scope, for later", "git update-index --skip-worktree src/a.txt").harm("git ls-files -v src/a.txt | grep -q ^S").names(&["src/a.txt"]),
    row("a flag that the user had set is taken off", "git update-index --no-skip-worktree lib/x.txt").setup("git update-index --skip-worktree lib/x.txt").harm("git ls-files -v lib/x.txt | grep -q ^H").names(&["lib/x.txt"]),
    row("the checkout becomes sparse", "git stash -q; git sparse-checkout set src").harm("! test -e docs/d.txt").names(&[".git/info/sparse-checkout", "docs/d.txt"]),
    row("the index is lost", "rm .git/index").harm("! test -e .git/index").names(&["lib/x.txt"]),
    row("the index is garbage", "printf garbage > .git/index").harm("! git status 2>/dev/null").names(&[".git/index"]),
    row("the index is a symlink to itself elsewhere", "mv .git/index $OUTSIDE/i; ln -s $OUTSIDE/i .git/index").harm("test -L .git/index").names(&[".git/index"]),
    row("the git directory is somewhere else", "mv .git $OUTSIDE/g").harm("! test -e .git").names(&[".git"]),
    row("the git directory is a link to itself elsewhere", "mv .git $OUTSIDE/g; ln -s $OUTSIDE/g .git").harm("test -L .git && git status >/dev/null").names(&[".git"]),
    row("the git directory is a file that leads elsewhere", "mv .git $OUTSIDE/g; echo \"gitdir: $OUTSIDE/g\" > .git").harm("test -f .git && git status >/dev/null").names(&[".git"]),
    row("the git directory is another, with the same history", "mv .git $OUTSIDE/g; git clone -q --bare $OUTSIDE/g .git; git config core.bare false; cp $OUTSIDE/g/index .git/").harm("test -f .git/packed-refs").names(&["refs/stash"]),
    row("another directory is said to be the common one", "cp -r .git $OUTSIDE/g; echo $OUTSIDE/g > .git/commondir").harm("git rev-parse --git-common-dir | grep -q /g").names(&[".git/commondir"]),
    row("the object store is elsewhere", "mv .git/objects $OUTSIDE/o; ln -s $OUTSIDE/o .git/objects").harm("test -L .git/objects").names(&[".git/objects"]),
    row("the refs are elsewhere", "mv .git/refs $OUTSIDE/r; ln -s $OUTSIDE/r .git/refs").harm("test -L .git/refs").names(&[".git/refs"]),
    row("a program is laid beside the hooks", "cp $OUTSIDE/evil .git/evil").setup(evil!()).harm("test -x .git/evil").names(&[".git/evil"]),
    row("a directory of programs is laid beside the hooks", "mkdir -p .git/hooks.d/x; cp $OUTSIDE/evil .git/hooks.d/x/").setup(evil!()).harm("test -x .git/hooks.d/x/evil").names(&[".git/hooks.d/x/evil"]),
    row("a module that nobody has is laid there", "mkdir -p .git/modules/m/hooks; cp $OUTSIDE/evil .git/modules/m/hooks/pre-commit").setup(evil!()).harm("test -e .git/modules/m/hooks/pre-commit").names(&[".git/modules/m"]),
    row("a worktree that nobody has is laid there", "mkdir -p .git/worktrees/w; echo $OUTSIDE/w/.git > .git/worktrees/w/gitdir; echo ../.. > .git/worktrees/w/commondir; echo ref: refs/heads/feature > .git/worktrees/w/HEAD").harm("test -e .git/worktrees/w/HEAD").names(&[".git/worktrees/w"]),
    row("the hooks become writable to all", "chmod 777 .git/hooks").harm("test $(stat -c %a .git/hooks) = 777").names(&[".git/hooks"]),
    row("a repository is begun around the work directory", "git init -q app; git -C app config core.fsmonitor $OUTSIDE/evil").setup(evil!("mkdir app; echo k > app/k; git add app; git commit -qm app")).scope(&["app/"]).harm("test -d app/.git").fires("git -C app status").names(&["app/.git"]),
    row("the work directory becomes a repository", "git init -q .; git config core.fsmonitor $OUTSIDE/evil").setup(evil!("mkdir app; echo k > app/k; git add app; git commit -qm app")).workdir("app").scope(&["."]).harm("test -d app/.git").fires("git -C app status").names(&["app/.git"]),
    row("a bare repository with a watcher lies in scope", "git init -q --bare src/b; cd src/b; git config core.bare false; git config core.worktree ..; git config core.fsmonitor $OUTSIDE/evil").setup(evil!()).harm("test -f src/b/HEAD").fires("cd src/b; git status"),
    row("the scope is everything, but not the git directory", "git config core.hooksPath x").scope(&["."]).args(&["--allow-dirty-overlap"]).harm("git config core.hooksPath").names(&[".git/config"]),
    row("the index is told that it holds another tree", TREE_FORGED).harm("git cat-file -p $(git write-tree):lib/x.txt | grep -q evil").names(&[".git/index"]),
    row("the scope becomes a repository, by a link", "ln -s $OUTSIDE/g/.git src/.git").setup("git init -q $OUTSIDE/g").harm("test $(git -C src rev-parse --show-toplevel) = $REPO/src").names(&["src/.git"]),
    row("the scope becomes a repository that is yet to be made", "echo \"gitdir: $OUTSIDE/later\" > src/.git").harm("! git -C src status 2>/dev/null").names(&["src/.git"]),
    row("the history is thrown away", "rm -rf .git/objects/??").harm("! git cat-file -e HEAD").names(&[".git/objects"]),
    row("an object is lost that history needs", "rm -f .git/objects/$(git rev-parse v1:lib/keep.txt | sed 's,^..,&/,')").harm("! git cat-file -e v1:lib/keep.txt").names(&[".git/objects"]),
];
