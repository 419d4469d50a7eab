//! Which file a flow is read from: one that is named, one of the user's, one that clodex brings along, or one of the
//! project's. A project adds flows; it does not put its own in the place of those that people know.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use clodex_os::Failure;

use crate::problem::Origin;
use crate::reference::is_name;

/// The flows that clodex brings along: name and text.
const BUILT_IN: [(&str, &str); 3] = [
    ("debate", include_str!("../../../config/flows/debate.yaml")),
    ("parallel", include_str!("../../../config/flows/parallel.yaml")),
    ("split", include_str!("../../../config/flows/split.yaml")),
];

/// Schemas that they name.
const BUILT_IN_SCHEMAS: [(&str, &str); 1] =
    [("debate.schema.json", include_str!("../../../config/flows/debate.schema.json"))];

/// No flow is longer.
const MAX_BYTES: u64 = 256 << 10;

/// Whether clodex brings along a flow of this name.
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// A flow's text and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How errors call it.
    pub origin: Origin,
    /// The text.
    pub text: String,
    /// Whose it is.
    pub owner: Owner,
    /// Where it really lies, and schemas that it names; none = they are built in.
    dir: Option<PathBuf>,
}

/// Whose a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It comes along, or somebody put it where they wanted it.
    User,
    /// It came with a repository.
    Project,
}

/// Where flows are looked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    user: Option<PathBuf>,
    project: Option<PathBuf>,
}

impl Library {
    /// The places of the user and of the project around a directory.
    pub fn around(workdir: &Path) -> Self {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
        Self {
            user: config.map(|config| config.join("clodex/flows")),
            project: clodex_os::project_root(workdir).map(|root| root.join(".clodex/flows")),
        }
    }

    /// The flow that a word means: a path, where it has a slash or a dot, which no name has, else a name.
    pub fn find(&self, word: impl AsRef<OsStr>) -> Result<Source, Failure> {
        let word = word.as_ref();
        let shown = word.display();
        let is_path = word.as_bytes().iter().any(|byte| b"/.".contains(byte));
        if is_path {
            return self
                .read(Path::new(word))?
                .ok_or_else(|| Failure::usage(format!("cannot find flow `{shown}`\nhint: check the path")));
        }
        let Some(word) = word.to_str().filter(|word| is_name(word)) else {
            return Err(Failure::usage(format!("`{shown}` names no flow\nhint: {}", self.hint())));
        };
        let in_dir = |dir: &Option<PathBuf>| {
            dir.as_ref().map_or(Ok(None), |dir| self.read(&dir.join(format!("{word}.yaml"))))
        };
        if let Some(own) = in_dir(&self.user)? {
            return Ok(own);
        }
        if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == word) {
            let origin = Origin::BuiltIn(word.to_owned());
            return Ok(Source { origin, text: (*text).to_owned(), owner: Owner::User, dir: None });
        }
        in_dir(&self.project)?
            .ok_or_else(|| Failure::usage(format!("cannot find flow `{word}`\nhint: {}", self.hint())))
    }

    /// None = there is no such file.
    fn read(&self, path: &Path) -> Result<Option<Source>, Failure> {
        let file = path.display().to_string();
        let failed =
            |why: String| Failure::usage(format!("cannot read flow `{file}`: {why}\nhint: check the file"));
        let Some(text) = read(path).map_err(failed)? else { return Ok(None) };
        let real = path.canonicalize().map_err(|error| failed(error.to_string()))?;
        let projects = self.project.as_ref().and_then(|dir| dir.canonicalize().ok());
        let is_projects = |path: &Path| projects.as_ref().is_some_and(|dir| path.starts_with(dir));
        let is_found_there =
            path.parent().and_then(|dir| dir.canonicalize().ok()).is_some_and(|dir| is_projects(&dir));
        let owner = if is_found_there || is_projects(&real) { Owner::Project } else { Owner::User };
        Ok(Some(Source { origin: Origin::File(file), text, owner, dir: real.parent().map(Path::to_owned) }))
    }

    fn hint(&self) -> String {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        for dir in [&self.user, &self.project].into_iter().flatten() {
            let entries = fs::read_dir(dir).into_iter().flatten();
            let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.extend(files.filter_map(|file| file.strip_suffix(".yaml").map(str::to_owned)));
        }
        names.sort();
        names.dedup();
        format!("the flows are {}; others are named by their path", names.join(", "))
    }
}

impl Source {
    /// The text of a schema that the flow names: what it says is sent to the model, so it lies beside the flow or below.
    pub fn schema(&self, name: &str) -> Result<String, String> {
        let missing = || "there is no such file".to_owned();
        let text = match &self.dir {
            None => {
                BUILT_IN_SCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
            }
            Some(dir) => {
                let is_plain = Path::new(name).components().all(|part| match part {
                    Component::Normal(part) => !part.as_bytes().starts_with(b"."),
                    Component::CurDir => true,
                    Component::ParentDir | Component::RootDir | Component::Prefix(_) => false,
                });
                let real = if is_plain {
                    dir.join(name).canonicalize().map_err(|_| missing())?
                } else {
                    PathBuf::new()
                };
                if !real.starts_with(dir) {
                    return Err(
                        "a schema must be beside its flow or below it, under a name without a leading `.`"
                            .to_owned(),
                    );
                }
                read(&real)?
            }
        };
        let text = text.ok_or_else(missing)?;
        serde_json::from_str::<serde_json::Value>(&text).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

/// None = there is no such file.
fn read(path: &Path) -> Result<Option<String>, String> {
    let bytes = match fs::metadata(path) {
        Ok(found) if found.len() > MAX_BYTES => return Err(format!("it is longer than {MAX_BYTES} bytes")),
        Ok(found) if !found.is_file() => return Err("it is not a file".to_owned()),
        Ok(_) => fs::read(path).map_err(|error| error.to_string())?,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
    };
    String::from_utf8(bytes).map(Some).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_flows_are_sound_and_so_are_their_schemas() {
        let library = Library { user: None, project: None };
        for (name, _) in BUILT_IN {
            let source = library.find(name).unwrap();
            let flow = source.read().unwrap().flow;
            assert_eq!(flow.name, name);
            source.lint(Path::new("/")).unwrap();
        }
    }

    #[test]
    fn the_users_own_comes_before_what_is_built_in_and_the_projects_after() {
        let folder = tempfile::tempdir().unwrap();
        let (user, project) = (folder.path().join("user"), folder.path().join("project"));
        for (dir, name) in [(&user, "split"), (&project, "split"), (&project, "debate"), (&project, "mine")] {
            fs::create_dir_all(dir).unwrap();
            fs::write(dir.join(format!("{name}.yaml")), format!("name: {name}\n")).unwrap();
        }
        let library = Library { user: Some(user.clone()), project: Some(project.clone()) };
        let file = |word: &str| library.find(word).map(|source| source.origin.to_string());
        assert_eq!(file("split").unwrap(), user.join("split.yaml").display().to_string());
        assert_eq!(file("debate").unwrap(), "debate (built in)");
        let mine = project.join("mine.yaml").display().to_string();
        assert_eq!((file("mine").unwrap(), file(&mine).unwrap()), (mine.clone(), mine));
        let told = library.find("other").unwrap_err();
        assert!(told.message().contains("hint: the flows are debate, mine, parallel, split;"), "{told:?}");
        assert!(library.find("./none.yaml").is_err() && library.find("A B").is_err());
    }
}
