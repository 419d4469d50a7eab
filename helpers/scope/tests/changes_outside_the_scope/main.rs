//! What a worker may do outside its scope, and how it may hide it: one row a case, grouped as the threats are.

mod allow_commit;
mod planted_in_git;
mod somebody_elses;
#[path = "../support/mod.rs"]
mod support;
mod table;

use table::Want::{Names, Note, Quiet};
use table::{Case, run_all};

#[test]
#[rustfmt::skip]
fn plain_changes_are_named() {
    run_all(
        "",
        &["src/"],
        &[
            Case("edit", "", "echo x >> lib/x.txt", Names("lib/x.txt")),
            Case("new file", "", "echo x > evil.txt", Names("evil.txt")),
            Case("delete", "", "rm lib/x.txt", Names("lib/x.txt")),
            Case("delete a directory", "", "rm -r docs", Names("docs/d.txt")),
            Case("git mv out of scope", "", "git mv src/a.txt lib/a.txt", Names("lib/a.txt")),
            Case("git rm", "", "git rm -q lib/x.txt", Names("lib/x.txt")),
            Case("other case", "", "mkdir SRC; echo x > SRC/evil.txt", Names("SRC/evil.txt")),
            Case("same prefix, directory", "", "mkdir src2; echo x > src2/e", Names("src2/e")),
            Case("same prefix, file", "", "echo x > src.txt", Names("src.txt")),
            Case("chmod", "", "chmod +x lib/x.txt", Names("lib/x.txt")),
            Case("setuid", "", "chmod u+s lib/x.txt", Names("lib/x.txt")),
            Case("file to symlink with the same content", "", "cp lib/x.txt /tmp/k.$$; ln -sf /tmp/k.$$ lib/x.txt; rm /tmp/k.$$", Names("lib/x.txt")),
            Case("file to directory", "", "rm lib/x.txt; mkdir lib/x.txt", Names("lib/x.txt")),
            Case("symlink to elsewhere", "ln -s x.txt lib/l; git add -A; git commit -qm l", "ln -sfn keep.txt lib/l", Names("lib/l")),
            Case("staged only", "", "cp lib/x.txt ../k; echo z >> lib/x.txt; git add lib/x.txt; cp ../k lib/x.txt", Names("lib/x.txt")),
            Case("removed from the index only", "", "git rm -q --cached lib/x.txt", Names("lib/x.txt")),
            Case("intent to add outside", "", "echo n > n.txt; git add -N n.txt; rm n.txt", Names("n.txt")),
            Case("fifo", "", "mkfifo lib/pipe", Names("lib/pipe")),
            Case("file to fifo", "", "rm lib/x.txt; mkfifo lib/x.txt", Names("lib/x.txt")),
            Case("same size, mtime put back", "touch -d 2024-01-01 lib/x.txt; git update-index --refresh -q", "touch -r lib/x.txt ../r; printf 'LIB-Y\\n' > lib/x.txt; touch -r ../r lib/x.txt", Names("lib/x.txt")),
            Case("the root's own mode", "", "chmod 777 .", Names(".")),
            Case("an extended attribute", "", "python3 -c 'import os; os.setxattr(\"lib/x.txt\", \"user.evil\", b\"1\")'", Names("lib/x.txt")),
            Case("hard link to outside, same size, mtime put back", "printf 'good\n' > $OUTSIDE/v; ln $OUTSIDE/v src/h; touch -d 2020-01-01 src/h", "touch -r src/h ../r; printf 'evil\n' > src/h; touch -r ../r src/h", Names("src/h")),
            Case("hard link to outside, touched only", "printf 'good\n' > $OUTSIDE/v; ln $OUTSIDE/v src/h", "chmod 600 src/h; chmod 644 src/h", Quiet),
            Case("a tracked file without an end", "", "truncate -s 100G lib/x.txt", Names("lib/x.txt")),
            Case("a tracked file without an end in scope", "", "truncate -s 100G src/a.txt", Quiet),
            Case("replaced by rename, same size and mtime", "", "printf 'LIB-Y\\n' > ../n; touch -r lib/x.txt ../n; mv ../n lib/x.txt", Names("lib/x.txt")),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn work_that_was_dirty_before_is_watched_as_well() {
    run_all(
        "",
        &["src/"],
        &[
            Case("dirty file edited again", "echo user >> lib/x.txt", "echo worker >> lib/x.txt", Names("lib/x.txt")),
            Case("dirty file, same size", "echo user >> lib/x.txt", "sed -i s/user/evil/ lib/x.txt", Names("lib/x.txt")),
            Case("dirty file put back to HEAD", "echo user >> lib/x.txt", "git checkout -q -- lib/x.txt", Names("lib/x.txt")),
            Case("space in its name", "echo user > 'lib/sp ace.txt'", "echo worker >> 'lib/sp ace.txt'", Names("lib/sp ace.txt")),
            Case("many dirty files", "mkdir junk; for i in $(seq 300); do echo $i > junk/$i; done", "echo w >> junk/150", Names("junk/150")),
            Case("untracked deleted", "echo n > notes.md", "rm notes.md", Names("notes.md")),
            Case("untracked edited", "echo n > notes.md", "echo m > notes.md", Names("notes.md")),
            Case("untracked renamed", "echo n > notes.md", "mv notes.md other.md", Names("notes.md")),
            Case("untracked added to the index", "echo n > notes.md", "git add notes.md", Names("notes.md")),
            Case("dirty work committed", "echo user >> lib/x.txt", "git commit -qam sneaky", Names("lib/x.txt")),
            Case("dirty work stashed", "echo user >> lib/x.txt", "git stash -q", Names("lib/x.txt")),
            Case("staged work unstaged", "echo user >> lib/x.txt; git add -A", "git reset -q", Names("lib/x.txt")),
            Case("staged rename edited again", "git mv lib/x.txt lib/y.txt", "echo worker >> lib/y.txt", Names("lib/y.txt")),
            Case("deleted file brought back", "rm lib/x.txt", "git checkout -q -- lib/x.txt", Names("lib/x.txt")),
            Case("stash dropped", "echo u >> lib/x.txt; git stash -q", "git stash drop -q", Names("refs/stash")),
            Case("older stash dropped", "for i in 1 2; do echo $i >> lib/x.txt; git stash -q; done", "git stash drop -q stash@{1}", Names("refs/stash")),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn history_is_never_in_scope() {
    let worktree = "git worktree add -q ../wt HEAD";
    run_all(
        "",
        &["src/"],
        &[
            Case("commit outside", "", "echo x >> lib/x.txt; git commit -qam evil", Names("lib/x.txt")),
            Case("commit inside", "", "echo x >> src/a.txt; git commit -qam quiet", Names("HEAD")),
            Case("empty commit", "", "git commit -q --allow-empty -m e", Names("refs/heads/main")),
            Case("branch", "", "git branch sneaky", Names("refs/heads/sneaky")),
            Case("branch renamed", "", "git branch -m feature other", Names("refs/heads/other")),
            Case("branch deleted", "", "git branch -qD feature", Names("refs/heads/feature")),
            Case("packed branch deleted", "git pack-refs --all", "git branch -qD feature", Names("refs/heads/feature")),
            Case("tag moved", "", "git tag -f v1 $(git commit-tree -m t HEAD^{tree}) >/dev/null", Names("refs/tags/v1")),
            Case("tag added", "", "git tag v2", Names("refs/tags/v2")),
            Case("amend", "", "git commit -q --amend -m rewritten", Names("HEAD")),
            Case("other branch checked out", "", "git checkout -q feature", Names("HEAD")),
            Case("detached", "", "git checkout -q --detach", Names("HEAD")),
            Case("symbolic ref", "", "git symbolic-ref HEAD refs/heads/feature", Names("HEAD")),
            Case("replace", "", "git replace -f HEAD $(git commit-tree -m t HEAD^{tree})", Names("refs/replace")),
            Case("note", "", "git notes add -m n", Names("refs/notes/commits")),
            Case("hidden ref", "", "git update-ref refs/evil/x HEAD", Names("refs/evil/x")),
            Case("ref written by hand", "", "git commit-tree -m t HEAD^{tree} > ../c; cat ../c > .git/refs/heads/main", Names("refs/heads/main")),
            Case("worktree", "", "git worktree add -q ../wt2 HEAD", Names(".git/worktrees")),
            Case("worktree removed", worktree, "git worktree remove ../wt", Names(".git/worktrees")),
            Case("other worktree's HEAD", worktree, "git -C ../wt checkout -q --detach v1; git -C ../wt commit -q --allow-empty -m e", Names(".git/worktrees/wt/HEAD")),
            Case("other worktree's index", worktree, "cd ../wt; echo e >> lib/x.txt; git add -A", Names(".git/worktrees/wt/index")),
            Case("push", "git init -q --bare ../r.git; git remote add origin ../r.git", "git push -q origin HEAD:pwned", Names("refs/remotes/origin/pwned")),
            Case("stash in scope", "", "echo x >> src/a.txt; git stash -q", Names("refs/stash")),
            Case("merge state", "", "git rev-parse feature > .git/MERGE_HEAD", Names(".git/MERGE_HEAD")),
            Case("shallow", "", "git rev-parse HEAD > .git/shallow", Names(".git/shallow")),
            Case("graft", "", "mkdir -p .git/info; git rev-parse HEAD > .git/info/grafts", Names(".git/info/grafts")),
            Case("bisect", "", "git bisect start >/dev/null", Names(".git/BISECT_LOG")),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn the_git_directory_is_never_in_scope() {
    run_all(
        "",
        &["."],
        &[
            Case("hook", "", "printf x > .git/hooks/post-commit; chmod +x .git/hooks/post-commit", Names(".git/hooks/post-commit")),
            Case("hook enabled", "printf x > .git/hooks/pre-push", "chmod +x .git/hooks/pre-push", Names(".git/hooks/pre-push")),
            Case("hook edited, same size, mtime put back", "printf aaaa > .git/hooks/pre-push", "touch -r .git/hooks/pre-push ../r; printf bbbb > .git/hooks/pre-push; touch -r ../r .git/hooks/pre-push", Names(".git/hooks/pre-push")),
            Case("hooks become a symlink", "", "mv .git/hooks ../h; ln -s ../../h .git/hooks", Names(".git/hooks")),
            Case("config", "", "git config core.hooksPath /tmp/evil", Names(".git/config")),
            Case("config.worktree", "", "printf '[core]\\n' > .git/config.worktree", Names(".git/config.worktree")),
            Case("exclude", "", "echo 'evil*' >> .git/info/exclude", Names(".git/info/exclude")),
            Case("attributes", "", "echo '*.txt filter=h' > .git/info/attributes", Names(".git/info/attributes")),
            Case("alternates", "", "echo /tmp > .git/objects/info/alternates", Names(".git/objects/info/alternates")),
            Case("unknown file", "", "echo x > .git/fsm.sh", Names(".git/fsm.sh")),
            Case("unknown directory", "", "mkdir .git/x; echo x > .git/x/y", Names(".git/x/y")),
            Case("rebase todo", "", "mkdir .git/rebase-merge; echo 'exec x' > .git/rebase-merge/git-rebase-todo", Names(".git/rebase-merge")),
            Case("assume-unchanged", "", "git update-index --assume-unchanged lib/x.txt", Names("lib/x.txt")),
            Case("skip-worktree", "", "git update-index --skip-worktree lib/x.txt", Names("lib/x.txt")),
            Case("sparse", "", "git sparse-checkout set src >/dev/null", Names(".git/info/sparse-checkout")),
            Case("index lost", "", "printf garbage > .git/index", Names(".git/index")),
            Case("moved away", "", "mv .git ../gone", Names(".git")),
            Case("replaced by another", "", "mv .git ../gone; git init -q .", Names("HEAD")),
            Case("became a file", "", "mv .git ../gone; echo 'gitdir: ../gone' > .git", Names(".git")),
            Case("became a symlink", "", "mv .git ../gone; ln -s ../gone .git", Names(".git")),
            Case("objects became a symlink", "", "mv .git/objects ../o; ln -s ../../o .git/objects", Names(".git/objects")),
            Case("the dispatcher's own directory", "", "mkdir -p .codex-dispatch; echo x > .codex-dispatch/p", Names(".codex-dispatch/p")),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn what_is_hidden_from_git_is_seen() {
    run_all(
        "",
        &["src/"],
        &[
            Case("skip-worktree hides an edit", "", "git update-index --skip-worktree lib/x.txt; echo evil >> lib/x.txt", Names("lib/x.txt")),
            Case("fileMode off hides a chmod", "", "git config core.fileMode false; chmod +x lib/x.txt", Names("lib/x.txt")),
            Case("exclude hides a file", "", "echo 'evil*' >> .git/info/exclude; echo x > evil.txt", Names("evil.txt")),
            Case("trustctime off", "touch -d 2024-01-01 lib/x.txt; git update-index --refresh -q", "git config core.trustctime false; touch -r lib/x.txt ../r; printf 'LIB-Y\\n' > lib/x.txt; touch -r ../r lib/x.txt", Names("lib/x.txt")),
            Case("clean filter hides an edit", "", "echo '*.txt filter=h' > .git/info/attributes; git config filter.h.clean 'git show HEAD:%f'; printf 'EVIL!\\n' > lib/x.txt", Names("lib/x.txt")),
            Case("core.worktree elsewhere", "", "git config core.worktree ../../outside; echo e >> lib/x.txt", Names("lib/x.txt")),
            Case("commit under the index", "", "echo evil >> lib/x.txt; git add lib/x.txt; T=$(git write-tree); git commit-tree -m b $T > .git/refs/heads/main", Names("lib/x.txt")),
            Case("ignored edited", "", "echo KEY=stolen >> .env", Names(".env")),
            Case("ignored edited, same size, mtime put back", "", "touch -r .env ../r; printf 'KEY=2\\n' > .env; touch -r ../r .env", Names(".env")),
            Case("ignored deleted", "", "rm .env", Names(".env")),
            Case("ignored added", "", "echo x > secret/new", Names("secret/new")),
            Case("self-ignoring directory", "", "mkdir evil; echo '*' > evil/.gitignore; echo x > evil/p.py", Names("evil/p.py")),
            Case("ignore rule of the run makes a by-product", "", "mkdir dist; echo dist > .git/info/exclude; echo x > dist/p", Names("dist/p")),
            Case("installed packages", "mkdir -p node_modules/a; echo a > node_modules/a/i.js", "echo b > node_modules/a/i.js", Names("node_modules/a/i.js")),
            Case("build output below installed packages", "mkdir -p node_modules/a/dist; echo a > node_modules/a/dist/i.js", "echo bb > node_modules/a/dist/i.js", Names("node_modules/a/dist/i.js")),
            Case("tracked file in a by-product directory", "git add -f build/out.bin; git commit -qm b", "echo x >> build/out.bin", Names("build/out.bin")),
            Case("by-product directory becomes a symlink", "", "rm -r build; ln -s ../outside build", Names("build")),
            Case("nested repository", "", "mkdir -p lib/n; git init -q lib/n; echo x > lib/n/e.txt", Names("lib/n/e.txt")),
            Case("empty nested repository", "", "git init -q lib/n", Names("lib/n")),
            Case("git init in a tracked directory", "", "git init -q lib; echo x > lib/evil.txt", Names("lib/evil.txt")),
            Case("git init in scope hides tracked files", "", "git init -q src", Names("src/.git")),
            Case("hook in a nested repository", "git init -q lib/n", "echo x > lib/n/.git/hooks/pre-commit", Names("lib/n/.git/hooks/pre-commit")),
            Case("commit in a nested repository", "git init -q lib/n; git -C lib/n commit -q --allow-empty -m a", "git -C lib/n commit -q --allow-empty -m b", Names("lib/n/.git/refs/heads/main")),
            Case("file in a nested repository's git directory", "git init -q lib/n", "echo x > lib/n/.git/payload", Names("lib/n/.git/payload")),
            Case("empty directory", "", "mkdir lib/empty", Names("lib/empty")),
            Case("empty directories in each other", "", "mkdir -p lib/e/f", Names("lib/e/f")),
            Case("empty directory removed", "mkdir lib/empty", "rmdir lib/empty", Names("lib/empty")),
            Case("chmod of a directory", "", "chmod 777 lib", Names("lib")),
            Case("other built-in names", "", "mkdir -p .tmp.driveupload; echo x > .tmp.driveupload/p.sh", Names(".tmp.driveupload/p.sh")),
            Case("agent directory", "", "mkdir .claude; echo x > .claude/settings.json", Names(".claude/settings.json")),
            Case("mode of an ignored file", "", "chmod 666 .env", Names(".env")),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn odd_names_and_detours_are_named() {
    run_all(
        "",
        &["src/"],
        &[
            Case("out of the scope's other end", "", "git mv lib/x.txt src/x.txt", Names("lib/x.txt")),
            Case("arrow in a name", "", "mkdir 'evil -> src'; echo x > 'evil -> src/p.txt'", Names("evil -> src/p.txt")),
            Case("newline in a name", "", "mkdir -p $'lib/a\\nsrc'; printf x > $'lib/a\\nsrc/b'", Names("lib/a\nsrc/b")),
            Case("bytes that are not valid UTF-8", "", "printf x > $'lib/\\xff'", Names("lib/\\xff")),
            Case("quote in a name", "", "printf x > 'lib/\"q\"'", Names("lib/\"q\"")),
            Case("dot entry", "", "mkdir -p .github/workflows; echo x > .github/workflows/ci.yml", Names(".github/workflows/ci.yml")),
            Case("through a symlink in scope to a file here", "ln -s ../lib/x.txt src/l; git add -A; git commit -qm l", "echo pwn > src/l", Names("lib/x.txt")),
            Case("through a symlink in scope to a directory outside", "echo v > $OUTSIDE/v.txt; ln -s \"$OUTSIDE\" src/l; git add -A; git commit -qm l", "echo pwn > src/l/v.txt", Names("$OUTSIDE/v.txt")),
            Case("through a symlink in scope to a file outside", "echo v > $OUTSIDE/v.txt; ln -s $OUTSIDE/v.txt src/l; git add -A; git commit -qm l", "echo pwn > src/l", Names("$OUTSIDE/v.txt")),
            Case("new file outside through a symlink", "ln -s \"$OUTSIDE\" src/l", "echo pwn > src/l/new.txt", Names("$OUTSIDE/new.txt")),
            Case("through a symlink made by the worker", "echo v > $OUTSIDE/v.txt", "ln -s $OUTSIDE src/l; echo pwn > src/l/v.txt", Names("$OUTSIDE/v.txt")),
            Case("through a symlink into the git directory", "ln -s ../.git/hooks src/h", "echo x > src/h/pre-push", Names(".git/hooks/pre-push")),
            Case("through a hard link in scope", "ln lib/x.txt src/h", "echo pwn > src/h", Names("lib/x.txt")),
            Case("through a hard link made by the worker", "", "ln lib/x.txt src/h; echo pwn > src/h", Names("lib/x.txt")),
            Case("through a hard link to a file outside", "echo v > $OUTSIDE/v; ln $OUTSIDE/v src/h", "echo pwn > src/h", Names("src/h")),
            Case("through a hard link to a file outside, made by the worker", "echo v > $OUTSIDE/v", "ln $OUTSIDE/v src/h; echo pwn > src/h", Names("src/h")),
            Case("deep directories", "", "d=lib; for i in $(seq 30); do d=$d/$(printf 'n%.0s' $(seq 200)); mkdir $d 2>/dev/null || break; done; p=$(find lib -depth -type d | head -1); echo x > $p/x 2>/dev/null || true", Names("lib")),
        ],
    );
    run_all(
        "",
        &["src/a.txt"],
        &[
            Case("file to directory, file in it", "", "rm src/a.txt; mkdir src/a.txt; echo x > src/a.txt/deep.py", Names("src/a.txt/deep.py")),
            Case("beside the file", "", "echo x > src/c.txt", Names("src/c.txt")),
        ],
    );
    run_all(
        "",
        &["src/*.txt"],
        &[
            Case("glob stops at a slash", "", "mkdir src/d; echo x > src/d/a.txt", Names("src/d/a.txt")),
            Case("glob and another ending", "", "echo x > src/a.rs", Names("src/a.rs")),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn work_directories_below_the_root_keep_to_themselves() {
    let app = "mkdir -p app/lib; echo k > app/other.txt; echo k > app/lib/k; git add -A; git commit -qm app";
    run_all(
        "app",
        &["lib/"],
        &[
            Case("beside the scope", app, "echo evil >> other.txt", Names("app/other.txt")),
            Case("the same name at the root", app, "echo evil >> ../lib/x.txt", Names("lib/x.txt")),
            Case("in scope", app, "echo k >> lib/k", Quiet),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn submodules_are_looked_into() {
    const SUB: &str = "git init -q ../subsrc; (cd ../subsrc; echo s > s.txt; git add -A; git commit -qm s); \
        git submodule --quiet add ../subsrc sub >/dev/null; git commit -qm sub";
    run_all(
        "",
        &["src/"],
        &[
            Case("edit", SUB, "echo evil >> sub/s.txt", Names("sub/s.txt")),
            Case("edit, ignored by config", SUB, "git config submodule.sub.ignore all; echo evil >> sub/s.txt", Names("sub/s.txt")),
            Case("untracked", SUB, "echo evil > sub/n.txt", Names("sub/n.txt")),
            Case("hook", SUB, "printf x > .git/modules/sub/hooks/post-commit", Names(".git/modules/sub/hooks/post-commit")),
            Case("config", SUB, "git -C sub config core.fsmonitor x", Names(".git/modules/sub/config")),
            Case("commit", SUB, "git -C sub commit -q --allow-empty -m e", Names(".git/modules/sub")),
            Case("staged only", SUB, "cd sub; cp s.txt ../../k; echo z >> s.txt; git add s.txt; cp ../../k s.txt", Names("sub/s.txt")),
            Case("branch", SUB, "git -C sub branch b", Names(".git/modules/sub/refs/heads/b")),
            Case("git file elsewhere", SUB, "cp -r .git/modules/sub ../m; echo 'gitdir: ../../m' > sub/.git", Names("sub/.git")),
            Case("gone", SUB, "git submodule --quiet deinit -f sub", Names("sub")),
            Case("gitlink moved", SUB, "git update-index --cacheinfo 160000,$(git rev-parse HEAD),sub", Names("sub")),
            Case("new submodule", "git init -q ../s2; git -C ../s2 commit -q --allow-empty -m s", "git submodule --quiet add ../s2 s2 >/dev/null 2>&1", Names("s2")),
            Case("in the scope of another", SUB, "echo x >> src/a.txt", Quiet),
        ],
    );
    run_all(
        "",
        &["sub/"],
        &[
            Case("edit in scope", SUB, "echo ok >> sub/s.txt; echo n > sub/n; git -C sub add -A", Quiet),
            Case("its git file", SUB, "echo 'gitdir: ../../m' > sub/.git", Names("sub/.git")),
            Case("its hooks", SUB, "echo x > .git/modules/sub/hooks/pre-push", Names(".git/modules/sub/hooks/pre-push")),
        ],
    );
    run_all(
        "sub",
        &["."],
        &[
            Case("as work directory", SUB, "echo ok >> s.txt", Quiet),
            Case("as work directory, commit", SUB, "git commit -q --allow-empty -m e", Names("HEAD")),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn what_is_allowed_or_means_nothing_is_quiet() {
    run_all(
        "",
        &["src/"],
        &[
            Case("nothing", "", "true", Quiet),
            Case("edit", "", "echo x >> src/a.txt", Quiet),
            Case("new, delete, rename", "", "echo x > src/n.txt; git mv src/a.txt src/c.txt; rm src/b.txt", Quiet),
            Case("staged", "", "echo x >> src/a.txt; git add src/a.txt", Quiet),
            Case("directories", "", "mkdir -p src/d/e; echo x > src/d/f; mkfifo src/pipe", Quiet),
            Case("odd names", "", "echo x > src/café.txt; echo x > 'src/a b'; echo x > $'src/a\\nb'", Quiet),
            Case("all of it removed", "", "rm -r src", Quiet),
            Case("chmod", "", "chmod +x src/a.txt", Quiet),
            Case("new repository in scope", "", "git init -q src/new; echo x > src/new/f", Quiet),
            Case("touched", "", "touch lib/x.txt README.md .env", Quiet),
            Case("rewritten with the same bytes", "echo u >> docs/d.txt; echo n > n.md", "for f in lib/x.txt docs/d.txt n.md .env; do cp $f ../k; cat ../k > $f; done", Quiet),
            Case("replaced by the same", "", "cp -p lib/x.txt ../k; mv ../k lib/x.txt", Quiet),
            Case("hard links in scope", "ln src/a.txt src/h", "echo x >> src/h; ln src/b.txt src/i; echo x >> src/i", Quiet),
            Case("replaced beside a hard link outside", "ln src/a.txt $OUTSIDE/a", "echo x > src/n; mv src/n src/a.txt", Quiet),
            Case("there and back", "", "echo x > new; rm new; chmod 700 lib; chmod 755 lib; git checkout -q feature; git checkout -q main", Quiet),
            Case("git status", "touch lib/x.txt", "git status >/dev/null; git diff --stat >/dev/null", Quiet),
            Case("gc", "echo u >> lib/x.txt; git stash -q; git branch b2", "git gc -q --prune=now", Quiet),
            Case("pack-refs", "", "git pack-refs --all --prune", Quiet),
            Case("commit graph", "", "git repack -qad; git commit-graph write; git multi-pack-index write", Quiet),
            Case("fetched nothing new", "git init -q --bare ../r.git; git remote add origin ../r.git; git push -q origin main", "git fetch -q", Quiet),
            Case("reset to where it is", "", "git reset -q", Quiet),
            Case("index format", "", "git update-index --index-version 4; git update-index --split-index", Quiet),
            Case("index format back", "git update-index --split-index; echo x > src/n; git add src/n", "git update-index --no-split-index", Quiet),
            Case("untracked cache", "", "git update-index --force-untracked-cache; git status >/dev/null", Quiet),
            Case("index lock left", "", "touch .git/index.lock", Quiet),
            Case("colours", "git config color.ui always; git config status.short true", "echo x >> src/a.txt", Quiet),
            Case("a fifo that nobody reads", "mkfifo lib/pipe", "echo x >> src/a.txt", Quiet),
            Case("unreadable directory", "mkdir locked; echo s > locked/s; chmod 000 locked", "echo x >> src/a.txt", Quiet),
            Case("CRLF checkout", "printf '*.crlf text eol=crlf\\n' > .gitattributes; printf 'a\\r\\nb\\r\\n' > lib/w.crlf; git add -A; git commit -qm crlf; rm lib/w.crlf; git checkout -q -- lib/w.crlf", "touch lib/w.crlf", Quiet),
            Case("filtered checkout", "git config filter.up.clean 'tr a-z A-Z'; git config filter.up.smudge 'tr A-Z a-z'; echo '*.up filter=up' > .gitattributes; echo hello > lib/f.up; git add -A; git commit -qm f", "touch lib/f.up; cat lib/f.up > ../k; cat ../k > lib/f.up", Quiet),
            Case("branch without commits", "rm -rf .git; git init -q .", "echo x >> src/a.txt", Quiet),
        ],
    );
    run_all("", &["$REPO/src/"], &[Case("absolute", "", "echo x >> src/a.txt", Quiet)]);
    run_all("", &["src/*.txt"], &[Case("glob", "", "echo x >> src/a.txt; echo x > src/n.txt", Quiet)]);
    run_all(
        "",
        &["new/deep/"],
        &[Case("entry not there yet", "", "mkdir -p new/deep; echo x > new/deep/x", Quiet)],
    );
    run_all("", &["new/deep/"], &[Case("entry made empty", "", "mkdir -p new/deep", Quiet)]);
    run_all("", &["."], &[Case("everything", "", "echo x > lib/y; rm -r docs; mkdir e", Quiet)]);
}

#[test]
#[rustfmt::skip]
fn by_products_are_noted() {
    const FETCHED: &str = "mkdir -p build/_deps; git init -q build/_deps/foo; cd build/_deps/foo; echo 1 > f; git add -A; git commit -qm 1";
    run_all(
        "",
        &["src/"],
        &[
            Case("build output", "", "echo o > build/cache.o; echo x >> src/a.txt", Note("build/")),
            Case("new build directory", "", "mkdir -p target/debug; echo o > target/debug/x", Note("target/")),
            Case("deep", "", "mkdir -p docs/target/x; echo o > docs/target/x/y", Note("docs/target/")),
            Case("removed", "", "rm -r build", Note("build/")),
            Case("cache of packages", "", "mkdir -p node_modules/.cache/x; echo o > node_modules/.cache/x/y", Note("node_modules/.cache/")),
            Case("coverage file", "", "echo o > .coverage", Note(".coverage")),
            Case("not ignored", "", "mkdir dist; echo o > dist/x", Names("dist/x")),
            Case("removed with a repository in it", FETCHED, "rm -r build", Note("build/")),
            Case("a repository in it is brought up to date", FETCHED, "cd build/_deps/foo; echo 2 > f; git commit -qam 2; git tag v2; echo x > .git/hooks/pre-push; echo n > n; git add n", Note("build/")),
            Case("a repository in it is fetched anew", FETCHED, "rm -rf build/_deps/foo; git init -q build/_deps/foo; cd build/_deps/foo; echo 3 > f; git add f; git commit -qm 3", Note("build/")),
            Case("a build directory that is a repository", "git init -q build; cd build; git add -A; git commit -qm b", "echo x >> build/out.bin", Names("build/out.bin")),
            Case("a branch of a build directory that is a repository", "git init -q build; cd build; git add -A; git commit -qm b", "git -C build branch x", Names("build/.git/refs/heads/x")),
            Case("a work tree of this repository in it", "git worktree add -q -b wt build/wt", "echo x >> build/wt/lib/x.txt", Names("build/wt/lib/x.txt")),
            Case("a submodule in it", "git init -q ../s; (cd ../s; echo s > f; git add -A; git commit -qm s); git submodule --quiet add -f ../s build/s >/dev/null; git commit -qm sub", "echo x >> build/s/f", Names("build/s/f")),
            Case("a repository that keeps its own in the tree", "mkdir -p build/_deps; git init -q build/_deps/foo; (cd build/_deps/foo; echo 1 > f; git add -A; git commit -qm 1); git add -f build/_deps/foo 2>/dev/null; git commit -qm sub", "git -C build/_deps/foo branch x", Names("build/_deps/foo/.git/refs/heads/x")),
            Case("a repository that is not ignored", "git init -q lib/n; (cd lib/n; echo f > f; git add f; git commit -qm f)", "rm -rf lib/n", Names("lib/n")),
        ],
    );
}
