//! What a worker can plant where git keeps its own: nothing of it holds the comparison up or goes unnamed.

use crate::table::Want::{Names, Quiet};
use crate::table::{Case, run_all};

#[test]
#[rustfmt::skip]
fn what_cannot_be_read_to_its_end_is_named_at_once() {
    run_all(
        "",
        &["src/"],
        &[
            Case("commondir is a fifo", "", "mkfifo .git/commondir", Names(".git/commondir")),
            Case("commondir without an end", "", "ln -s /dev/zero .git/commondir", Names(".git/commondir")),
            Case("commondir of a new repository in scope", "", "git init -q src/n; mkfifo src/n/.git/commondir", Quiet),
            Case("commondir of a nested repository", "git init -q lib/n", "mkfifo lib/n/.git/commondir", Names("lib/n/.git/commondir")),
            Case("git file without an end", "", "mkdir lib/n; ln -s /dev/zero lib/n/.git", Names("lib/n/.git")),
            Case("huge git file", "", "mkdir lib/n; truncate -s 100G lib/n/.git", Names("lib/n/.git")),
            Case("huge HEAD", "", "truncate -s 100G .git/HEAD", Names("HEAD")),
            Case("huge ref", "", "truncate -s 100G .git/refs/heads/main", Names("refs/heads/main")),
            Case("huge index", "", "truncate -s 100G .git/index", Names(".git/index")),
            Case("huge list of stashes", "", "mkdir -p .git/logs/refs; truncate -s 100G .git/logs/refs/stash", Names("refs/stash")),
        ],
    );
}

/// The file of an object that lies alone.
const LOOSE: &str = "loose() { local o; o=$(git rev-parse $1); echo .git/objects/${o:0:2}/${o:2}; }; ";

fn with_loose(cases: &[Case<'_>]) {
    let scripts: Vec<String> = cases.iter().map(|case| format!("{LOOSE}{}", case.2)).collect();
    let cases = cases.iter().zip(&scripts).map(|(case, script)| Case(case.0, case.1, script, case.3));
    run_all("", &["src/"], &cases.collect::<Vec<_>>());
}

#[test]
#[rustfmt::skip]
fn nothing_in_the_object_store_waits_for_a_reader() {
    with_loose(&[
        Case("alternates", "", "echo x >> src/a.txt; git add src; mkfifo .git/objects/info/alternates", Names(".git/objects/info/alternates")),
        Case("a new object", "", "mkdir -p .git/objects/ab; mkfifo .git/objects/ab/cdef", Names(".git/objects/ab/cdef")),
        Case("the commit of HEAD", "", "f=$(loose HEAD); rm -f $f; mkfifo $f", Names(".git/objects")),
        Case("a blob of HEAD", "", "f=$(loose HEAD:lib/x.txt); rm -f $f; mkfifo $f", Names(".git/objects")),
        Case("an object without an end", "", "f=$(loose HEAD); rm -f $f; ln -s /dev/zero $f", Names(".git/objects")),
        Case("a huge object", "", "f=$(loose HEAD); chmod +w $f; truncate -s 100G $f", Names(".git/objects")),
        Case("indexes of packs", "git gc -q", "for f in .git/objects/pack/*.idx; do rm -f $f; mkfifo $f; done", Names(".git/objects/pack")),
        Case("what git writes anew", "", "mkfifo .git/FETCH_HEAD", Names(".git/FETCH_HEAD")),
    ]);
}

#[test]
#[rustfmt::skip]
fn objects_stay_what_their_names_say() {
    let write = "python3 -c 'import sys,zlib; open(sys.argv[1],\"wb\").write(zlib.compress(b\"blob 6\\0EVIL!\\n\"))'";
    let planted = format!("f=$(loose HEAD:lib/x.txt); chmod +w $f; {write} $f");
    let replaced = format!("f=$(loose HEAD:lib/x.txt); rm -f $f; {write} $f");
    let unpacked = format!("f=$(loose HEAD:lib/x.txt); mkdir -p ${{f%/*}}; {write} $f");
    with_loose(&[
        Case("a blob rewritten", "", &planted, Names(".git/objects")),
        Case("a blob replaced", "", &replaced, Names(".git/objects")),
        Case("a blob beside its pack", "git gc -q", &unpacked, Names(".git/objects")),
        Case("a commit cut off", "", "f=$(loose HEAD); chmod +w $f; truncate -s 20 $f", Names(".git/objects")),
        Case("a pack of zeros", "git gc -q", "for f in .git/objects/pack/*.pack; do chmod +w $f; n=$(stat -c %s $f); head -c $n /dev/zero > $f; done", Names(".git/objects/pack")),
        Case("a byte of a pack", "git gc -q", "for f in .git/objects/pack/*.pack; do chmod +w $f; printf X | dd of=$f bs=1 seek=40 conv=notrunc 2>/dev/null; done", Names(".git/objects/pack")),
        Case("an index of a pack", "git gc -q", "for f in .git/objects/pack/*.idx; do chmod +w $f; printf XXXX | dd of=$f bs=1 seek=1040 conv=notrunc 2>/dev/null; done", Names(".git/objects/pack")),
        Case("a new pack that says something else", "", "echo e > ../e; e=$(git hash-object -w ../e); echo $e | git pack-objects -q .git/objects/pack/pack >/dev/null; f=$(ls .git/objects/pack/*.idx); chmod +w $f; printf XXXX | dd of=$f bs=1 seek=1040 conv=notrunc 2>/dev/null", Names(".git/objects/pack")),
        Case("objects touched", "git gc -q; git hash-object -w README.md src/a.txt; echo n > ../n; git hash-object -w ../n", "touch .git/objects/pack/*; find .git/objects -type f | xargs touch; git hash-object -w ../n", Quiet),
        Case("written the same", "git gc -q", "for f in .git/objects/pack/*.pack; do cp $f ../p; chmod +w $f; cat ../p > $f; done; chmod 444 .git/objects/pack/*", Quiet),
        Case("objects added", "", "echo n > src/n; git add src; git hash-object -w src/b.txt; echo k | git hash-object -w --stdin", Quiet),
    ]);
}

#[test]
#[rustfmt::skip]
fn history_stays_whole_to_its_first_commit() {
    let grown = "for i in 1 2 3; do echo $i >> docs/d.txt; git commit -qam c$i; done";
    let packed = format!("{grown}; git gc -q");
    let graph = format!("{grown}; git commit-graph write --reachable 2>/dev/null");
    let shallow = format!("{grown}; git clone -q --depth 2 file://$PWD ../s; rm -rf .git; mv ../s/.git .git");
    with_loose(&[
        Case("a commit that others follow", grown, "rm -f $(loose HEAD~2)", Names(".git/objects")),
        Case("a tree of an older commit", grown, "rm -f $(loose HEAD~2:docs)", Names(".git/objects")),
        Case("a file of an older commit", grown, "rm -f $(loose HEAD~1:docs/d.txt)", Names(".git/objects")),
        Case("a commit, and a promise", grown, "rm -f $(loose HEAD~2); touch .git/objects/pack/pack-x.promisor", Names(".git/objects")),
        Case("a promise alone", grown, "touch .git/objects/pack/pack-x.promisor", Names(".git/objects/pack/pack-x.promisor")),
        Case("packs", &packed, "rm -f .git/objects/pack/*", Names(".git/objects")),
        Case("a graph that says something else", grown, "git commit-graph write --reachable; chmod +w .git/objects/info/commit-graph; printf XXXX | dd of=.git/objects/info/commit-graph bs=1 seek=1200 conv=notrunc 2>/dev/null", Names(".git/objects/info/commit-graph")),
        Case("a graph changed", &graph, "chmod +w .git/objects/info/commit-graph; echo garbage > .git/objects/info/commit-graph", Names(".git/objects/info/commit-graph")),
        Case("a graph", grown, "git commit-graph write --reachable; git commit-graph write --reachable --split", Quiet),
        Case("gc", grown, "git gc -q --prune=now", Quiet),
        Case("gc again", &packed, "git repack -qadb; git multi-pack-index write; git prune", Quiet),
        Case("gc of what is shallow", &shallow, "git gc -q --prune=now; git commit-graph write --reachable", Quiet),
        Case("fetched", "git clone -q . ../r; cd ../r; for i in 1 2 3; do git commit -q --allow-empty -m $i; done; cd ../repo; git remote add o ../r", "git -c fetch.unpackLimit=1 fetch -q o HEAD; git -c fetch.unpackLimit=100 fetch -q o HEAD", Quiet),
    ]);
}

#[test]
#[rustfmt::skip]
fn packed_refs_that_git_does_not_read_are_named() {
    run_all(
        "",
        &["src/"],
        &[
            Case("garbage", "", "echo garbage > .git/packed-refs", Names(".git/packed-refs")),
            Case("a line more", "git pack-refs --all", "echo garbage >> .git/packed-refs", Names(".git/packed-refs")),
            Case("cut off", "git pack-refs --all", "truncate -s -1 .git/packed-refs", Names(".git/packed-refs")),
            Case("a fifo", "", "mkfifo .git/packed-refs", Names(".git/packed-refs")),
            Case("a directory", "", "mkdir .git/packed-refs", Names(".git/packed-refs")),
            Case("a full directory", "", "mkdir .git/packed-refs; echo x > .git/packed-refs/x", Names(".git/packed-refs")),
            Case("a symlink", "", "ln -s /nowhere .git/packed-refs", Names(".git/packed-refs")),
            Case("without an end", "", "truncate -s 100G .git/packed-refs", Names(".git/packed-refs")),
            Case("a tag's own object", "git tag -am t v2; git pack-refs --all", "git pack-refs --all; git gc -q", Quiet),
            Case("nothing in it", "", ": > .git/packed-refs", Quiet),
        ],
    );
}
