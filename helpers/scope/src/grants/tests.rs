//! Grants of small trees, as the sandbox will get them.

use std::fs;

use clodex_core::Access::{Read, Write};

use super::*;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// A tree with these files (a slash at the end: an empty directory) and these ignore rules.
    fn with(files: &[&str], ignore: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Self { dir };
        for name in [".git/HEAD", ".git/config", ".git/hooks/", ".git/objects/info/", ".git/refs/"] {
            place.make(name);
        }
        for file in files {
            place.make(file);
        }
        fs::write(place.root().join(".gitignore"), ignore).unwrap();
        place
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn make(&self, name: &str) {
        let path = self.root().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
    }

    fn reach_with(&self, scope: &[&str], named: &[&str], wishes: &Wishes) -> Reach {
        let tree = Tree::discover(&self.root()).unwrap();
        let rules = tree.scope_rules(scope.iter().map(|entry| tree.scope_entry(entry).unwrap()).collect());
        let root = tree.root().as_os_str().as_bytes();
        let by_products = ByProducts::new(named.iter().copied(), b"", root).unwrap();
        grants(&tree, &rules, &by_products, wishes)
    }

    fn reach(&self, scope: &[&str]) -> Reach {
        self.reach_with(scope, &[], &Wishes::default())
    }

    /// The grants, relative to the root.
    fn shown(&self, reach: &Reach) -> Vec<(String, Access)> {
        let root = self.root();
        let short = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
        reach.grants.iter().map(|(path, access)| (short(path), access)).collect()
    }

    fn created(&self, reach: &Reach) -> Vec<String> {
        let root = self.root();
        reach.create.iter().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect()
    }
}

fn rows(rows: &[(&str, Access)]) -> Vec<(String, Access)> {
    rows.iter().map(|(path, access)| ((*path).to_owned(), *access)).collect()
}

#[test]
fn directories_are_granted_and_missing_ones_made_first() {
    let place = Place::with(&["src/a", "lib/b"], "");
    let reach = place.reach(&["src", "gen/deep/"]);
    assert_eq!(place.shown(&reach), rows(&[("gen/deep", Write), ("src", Write)]));
    assert_eq!(place.created(&reach), ["gen", "gen/deep"]);
}

#[test]
fn a_file_is_granted_by_its_directory_and_what_lies_beside_it_stays() {
    let place = Place::with(&["lib/a", "lib/b", "lib/sub/x", "lib/both/x"], "");
    let reach = place.reach(&["lib/a", "lib/new", "lib/both"]);
    assert_eq!(
        place.shown(&reach),
        rows(&[("lib", Write), ("lib/b", Read), ("lib/both", Write), ("lib/sub", Read)])
    );
    assert!(reach.create.is_empty(), "what may become a file is not made as a directory");
}

#[test]
fn a_glob_is_granted_by_its_top_and_what_it_cannot_match_stays() {
    let place = Place::with(&["src/a.rs", "src/a.txt", "src/sub/b.rs", "lib/x"], "");
    assert_eq!(
        place.shown(&place.reach(&["src/*.rs"])),
        rows(&[("src", Write), ("src/a.txt", Read), ("src/sub", Read)])
    );
    place.make("src/sub/c.txt");
    assert_eq!(
        place.shown(&place.reach(&["src/**/*.rs"])),
        rows(&[("src", Write), ("src/a.txt", Read), ("src/sub/c.txt", Read)])
    );
}

#[test]
fn too_many_neighbours_are_left_to_detection_and_noted() {
    let place = Place::with(&["many/z/"], "");
    for number in 0..200 {
        place.make(&format!("many/{number}"));
    }
    let reach = place.reach(&["many/0"]);
    assert_eq!(reach.grants.iter().count(), 1 + 128);
    assert_eq!(reach.grants.access(&place.root().join("many/z")), Read, "directories come first");
    assert!(reach.notes[0].starts_with("72 paths next to"), "{:?}", reach.notes);
}

#[test]
fn a_neighbour_that_looks_like_a_glob_is_left_to_detection() {
    let place = Place::with(&["pages/index", "pages/[slug]", "pages/about"], "");
    let reach = place.reach(&["pages/index"]);
    assert_eq!(place.shown(&reach), rows(&[("pages", Write), ("pages/about", Read)]));
    assert!(reach.notes[0].starts_with("1 paths next to"), "{:?}", reach.notes);
}

#[test]
fn what_looks_like_a_glob_is_granted_by_the_directory_above_it() {
    let files = ["app/[slug]/page.tsx", "app/[slug]/.git/", "app/about/page.tsx", "app/layout.tsx", "lib/x"];
    let place = Place::with(&files, "");
    for entry in ["app/[slug]/", "app/\\[slug\\]/*.tsx", "app/[slug]/new/", "app/[slug]/page.tsx"] {
        let reach = place.reach(&[entry]);
        let access = |path: &str| reach.grants.access(&place.root().join(path));
        assert_eq!([access("app/[slug]/page.tsx"), access("app/new")], [Write; 2], "{entry}");
        assert_eq!(["app/about/page.tsx", "app/layout.tsx", "lib/x"].map(access), [Read; 3], "{entry}");
        assert!(reach.grants.iter().all(|(path, _)| !path.to_str().unwrap().contains('[')), "{entry}");
        assert!(reach.notes.iter().any(|note| note.contains("found, not prevented")), "{:?}", reach.notes);
    }
    assert_eq!(place.reach(&["[all]/"]).grants.access(&place.root().join("lib")), Read);
}

#[test]
fn nothing_is_granted_through_what_became_a_symlink() {
    let place = Place::with(&["real/a", "link/", "file"], "");
    let tree = Tree::discover(&place.root()).unwrap();
    let entries = ["link/", "file", "link/deep/"].map(|entry| tree.scope_entry(entry).unwrap());
    let rules = tree.scope_rules(entries.into());
    fs::remove_dir(place.root().join("link")).unwrap();
    fs::remove_file(place.root().join("file")).unwrap();
    std::os::unix::fs::symlink("real", place.root().join("link")).unwrap();
    std::os::unix::fs::symlink("real/a", place.root().join("file")).unwrap();
    let reach = grants(&tree, &rules, &ByProducts::default(), &Wishes::default());
    assert_eq!(place.shown(&reach), []);
    assert_eq!(reach.notes.len(), 3, "{:?}", reach.notes);
}

#[test]
fn clodexs_own_directory_and_nested_repositories_stay() {
    let place = Place::with(&[".codex-dispatch/x", "src/sub/.git/HEAD", "out/x", "src/a"], "");
    let protect = vec![place.root().join("out")];
    let reach = place.reach_with(&["."], &[], &Wishes { protect, ..Wishes::default() });
    assert_eq!(
        place.shown(&reach),
        rows(&[("", Write), (".codex-dispatch", Read), ("out", Read), ("src/sub/.git", Read)])
    );
}

#[test]
fn build_outputs_are_granted_where_git_ignores_them_and_a_tool_makes_them() {
    let place = Place::with(
        &[
            "Cargo.toml",
            "sub/Cargo.toml",
            "sub/src/a",
            "web/package.json",
            "web/node_modules/x/y",
            "app/dist/x",
        ],
        "target/\ndist\ncoverage\nnode_modules\n.env/\n",
    );
    let reach = place.reach(&["sub/src", "web/src/"]);
    assert_eq!(
        place.shown(&reach),
        rows(&[
            ("app/dist", Write),
            ("sub/src", Write),
            ("target", Write),
            ("web/coverage", Write),
            ("web/dist", Write),
            ("web/node_modules/.cache", Write),
            ("web/node_modules/.vite", Write),
            ("web/node_modules/.vite-temp", Write),
            ("web/node_modules/.vitest", Write),
            ("web/src", Write),
        ])
    );
    let place = Place::with(&["Cargo.toml"], "");
    assert_eq!(place.shown(&place.reach(&[])), [], "what git does not ignore is not a by-product");
}

#[test]
fn named_build_outputs_are_made_where_git_ignores_them() {
    let place = Place::with(&["a"], "gen/\n");
    let reach = place.reach_with(&[], &["gen/", "seen/"], &Wishes::default());
    assert_eq!(place.shown(&reach), rows(&[("gen", Write)]));
    assert_eq!(place.created(&reach), ["gen"]);
}

#[test]
fn whoever_may_commit_may_not_change_how_git_behaves() {
    let place = Place::with(&["src/a"], "");
    let reach = place.reach_with(&["src"], &[], &Wishes { allow_commit: true, ..Wishes::default() });
    assert_eq!(
        place.shown(&reach),
        rows(&[
            (".git", Write),
            (".git/config", Read),
            (".git/hooks", Read),
            (".git/objects/info", Read),
            ("src", Write),
        ])
    );
}

#[test]
fn by_products_alone_are_those_of_where_the_work_is_done() {
    let place = Place::with(&["app/src/a.rs", "app/Cargo.toml", "app/Cargo.lock", "src/b.rs"], "target/\n");
    let wishes = Wishes { by_products_only: true, ..Wishes::default() };
    let reach = place.reach_with(&["app/src/", "src/b.rs"], &[], &wishes);
    assert_eq!(place.shown(&reach), [("app/target".to_owned(), Write)]);
    assert_eq!(reach.create, [place.root().join("app/target")]);
}

#[test]
fn a_lock_that_cargo_would_have_to_make_out_of_scope_is_told() {
    let place = Place::with(&["src/a.rs", "Cargo.toml"], "target/\n");
    let notes = place.reach(&["src/"]).notes;
    assert!(
        matches!(&notes[..], [note] if note.starts_with("`Cargo.lock` is missing and not in scope")),
        "{notes:?}"
    );
    assert!(place.reach(&["src/", "Cargo.lock"]).notes.is_empty());
    place.make("Cargo.lock");
    assert!(place.reach(&["src/"]).notes.is_empty());
}
