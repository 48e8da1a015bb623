//! What an entry of `files` means, and whether two of them can mean the same file.
//!
//! An entry with `*`, `?` or `{a,b}` is a glob; anything else is a path. Brackets are literal, because
//! routers name files `[id].tsx`. A path covers itself and everything below it; compared with a glob, a path
//! is taken for a directory where it ends with `/` or its last component has no dot.

use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use super::shown;
use crate::error::Problem;

/// Bytes of one path.
const MAX_PATH: usize = 4096;
/// Components of one path; what bounds recursion over the tree of paths.
const MAX_COMPONENTS: usize = 128;
/// Bytes of one glob.
const MAX_GLOB: usize = 512;
/// Alternations of one glob, nested or not.
const MAX_BRACES: usize = 16;

/// The remedy for every path that is not inside the repository.
const RELATIVE: &str = "write it relative to the root of the repository";
/// The repository itself.
const ROOT: &str = "./";

/// One entry of `files` in normal form.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// A file, or a directory with everything in it; the components from the root.
    Path(PathEntry),
    /// Every file that the pattern matches.
    Glob(Box<GlobEntry>),
}

#[derive(Debug, Clone)]
pub(super) struct PathEntry {
    pub(super) parts: Vec<String>,
    /// May hold files that a glob matches.
    directory: bool,
}

#[derive(Debug, Clone)]
pub(super) struct GlobEntry {
    parts: Vec<String>,
    glob: Glob,
    /// Made when first needed: most globs of a large plan meet nothing but their own directory.
    matcher: OnceLock<GlobMatcher>,
}

impl Entry {
    /// Reads an entry that [`normalise`] returned.
    pub(super) fn parse(normal: &str) -> Option<Self> {
        if is_glob(normal) {
            // `src/**` is everything below `src`: a directory, which is far cheaper to compare.
            if let Some(base) = everything_below(normal)
                && !is_glob(base)
            {
                return Some(Self::path(base, true));
            }
            return Some(Self::Glob(Box::new(GlobEntry {
                parts: normal.split('/').map(str::to_owned).collect(),
                glob: compile(normal).ok()?,
                matcher: OnceLock::new(),
            })));
        }
        let name = normal.rsplit('/').next().unwrap_or_default();
        Some(Self::path(normal, !name.contains('.')))
    }

    fn path(text: &str, directory: bool) -> Self {
        Self::Path(PathEntry {
            parts: text
                .split('/')
                .filter(|part| !part.is_empty() && *part != ".")
                .map(str::to_owned)
                .collect(),
            directory,
        })
    }

    /// The directory that certainly holds everything this entry means.
    pub(super) fn widened(&self) -> PathEntry {
        match self {
            Self::Path(path) => path.clone(),
            Self::Glob(glob) => PathEntry {
                parts: glob.base().to_vec(),
                directory: true,
            },
        }
    }

    /// Whether some file may be meant by both; in doubt, yes.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(a), Self::Path(b)) => a.parts.iter().zip(&b.parts).all(|(a, b)| a == b),
            (Self::Glob(glob), Self::Path(path)) | (Self::Path(path), Self::Glob(glob)) => {
                glob.overlaps_path(path)
            }
            (Self::Glob(a), Self::Glob(b)) => a.overlaps_glob(b),
        }
    }
}

/// Whether an entry of `files` means this file, which exists: nothing is in doubt. An entry that is no path means none.
pub(crate) fn covers(entry: &str, file: &str) -> bool {
    let Ok(normal) = normalise(entry) else {
        return false;
    };
    match Entry::parse(&normal) {
        Some(Entry::Path(path)) => {
            let parts: Vec<&str> = file.split('/').collect();
            path.parts.len() <= parts.len() && path.parts.iter().zip(parts).all(|(a, b)| a == b)
        }
        Some(Entry::Glob(glob)) => glob.glob.compile_matcher().is_match(file),
        None => false,
    }
}

impl GlobEntry {
    /// The components in front of the first one with a wildcard; the last component is never part.
    fn base(&self) -> &[String] {
        let literal = self.parts.iter().take_while(|part| !is_wild(part)).count();
        &self.parts[..literal.min(self.parts.len() - 1)]
    }

    fn overlaps_path(&self, path: &PathEntry) -> bool {
        if self.base().starts_with(&path.parts) {
            return true;
        }
        if !path.parts.starts_with(self.base()) {
            return false;
        }
        (path.directory && self.reaches_into(&path.parts))
            || self
                .matcher
                .get_or_init(|| self.glob.compile_matcher())
                .is_match(path.parts.join("/"))
    }

    /// Whether a file below the directory may match.
    fn reaches_into(&self, directory: &[String]) -> bool {
        for (index, part) in directory.iter().enumerate() {
            let Some(pattern) = self.parts.get(index) else {
                return false;
            };
            if is_open(pattern) {
                return true;
            }
            if !compatible(pattern, part) {
                return false;
            }
        }
        self.parts.len() > directory.len()
    }

    fn overlaps_glob(&self, other: &Self) -> bool {
        let tails = match (self.parts.last(), other.parts.last()) {
            (Some(a), Some(b)) => compatible_tails(a, b),
            _ => true,
        };
        if !tails {
            return false;
        }
        for (a, b) in self.parts.iter().zip(&other.parts) {
            if is_open(a) || is_open(b) {
                return true;
            }
            if !compatible(a, b) {
                return false;
            }
        }
        self.parts.len() == other.parts.len()
    }
}

/// The normal form of an entry: relative to the repository's root, `/` between components, no `.`,
/// `..` or empty components, a trailing `/` kept. The repository itself is `./`.
///
/// # Errors
/// The problem, without task and place, where the entry is no path inside the repository.
pub(super) fn normalise(raw: &str) -> Result<String, Box<Problem>> {
    let text = raw.trim();
    refuse_foreign(raw, text)?;
    let glob = is_glob(text);
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                let last = parts.pop().ok_or_else(|| escapes(raw))?;
                if is_wild(last) {
                    return Err(escapes(raw));
                }
            }
            part => parts.push(part),
        }
    }
    if parts.len() > MAX_COMPONENTS {
        return Err(invalid(
            raw,
            &format!("has more than {MAX_COMPONENTS} components"),
        ));
    }
    let mut normal = parts.join("/");
    // What `./` or `..` hid must not turn into another path when the normal form is read again.
    refuse_absolute(raw, &normal)?;
    if normal.trim() != normal {
        return Err(invalid(raw, "begins or ends with a blank"));
    }
    let directory = text.ends_with(['/']) || matches!(text.rsplit('/').next(), Some("." | ".."));
    if normal.is_empty() {
        return Ok(ROOT.to_owned());
    }
    if !glob {
        if directory {
            normal.push('/');
        }
        return Ok(normal);
    }
    if directory {
        normal.push_str("/**");
    }
    compile(&normal).map_err(|why| {
        let text = format!("`{}` is not a valid glob: {why}", shown(raw));
        Problem::error("invalid_glob", text)
    })?;
    Ok(normal)
}

/// What is wrong with an entry; `None` where nothing is.
pub(crate) fn refuse_entry(entry: &str) -> Option<Problem> {
    normalise(entry).err().map(|problem| *problem)
}

fn refuse_foreign(raw: &str, text: &str) -> Result<(), Box<Problem>> {
    if text.is_empty() {
        return Err(invalid(raw, "is empty"));
    }
    if text.len() > MAX_PATH {
        return Err(invalid(raw, &format!("is longer than {MAX_PATH} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(raw, "contains a control character"));
    }
    refuse_absolute(raw, text)?;
    if text.contains('\\') {
        let problem = invalid(raw, "contains a backslash");
        return Err(Box::new(problem.help("separate directories with `/`")));
    }
    Ok(())
}

fn refuse_absolute(raw: &str, text: &str) -> Result<(), Box<Problem>> {
    let drive = matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if text.starts_with(['/', '\\']) || text.starts_with("~/") || text == "~" || drive {
        let text = format!("`{}` is an absolute path", shown(raw));
        let problem = Problem::error("absolute_path", text);
        return Err(Box::new(problem.help(RELATIVE)));
    }
    Ok(())
}

fn escapes(raw: &str) -> Box<Problem> {
    let problem = Problem::error(
        "path_escapes",
        format!("`{}` leads out of the repository", shown(raw)),
    );
    Box::new(problem.help(RELATIVE))
}

fn invalid(raw: &str, why: &str) -> Box<Problem> {
    let text = format!("the path `{}` {why}", shown(raw));
    Box::new(Problem::error("invalid_path", text))
}

fn compile(normal: &str) -> Result<Glob, String> {
    if normal.len() > MAX_GLOB {
        return Err(format!("it is longer than {MAX_GLOB} bytes"));
    }
    if normal.matches('{').count() > MAX_BRACES {
        return Err(format!("it has more than {MAX_BRACES} alternations"));
    }
    let literal_brackets = normal
        .replace('[', "\u{0}")
        .replace(']', "[]]")
        .replace('\u{0}', "[[]");
    GlobBuilder::new(&literal_brackets)
        .literal_separator(true)
        .build()
        .map_err(|error| error.kind().to_string())
}

fn everything_below(glob: &str) -> Option<&str> {
    let glob = glob
        .strip_suffix("/*")
        .filter(|rest| rest.ends_with("**"))
        .unwrap_or(glob);
    match glob.strip_suffix("**") {
        Some("") => Some(""),
        Some(base) => base.strip_suffix('/'),
        None => None,
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?']) || has_alternation(text)
}

fn has_alternation(text: &str) -> bool {
    text.split_once('{')
        .is_some_and(|(_, rest)| rest.contains(',') && rest.contains('}'))
}

fn is_wild(part: &str) -> bool {
    part.contains(['*', '?', '{', '}', ','])
}

/// Whether a component may stand for several, so that comparing one by one ends here.
fn is_open(part: &str) -> bool {
    part == "**" || part.contains(['{', '}', ','])
}

/// Whether one name may match both components, neither of which is open.
fn compatible(a: &str, b: &str) -> bool {
    match (is_wild(a), is_wild(b)) {
        (false, false) => a == b,
        _ => {
            let wild = ['*', '?', '{', '}', ','];
            let head = |part: &str| part.split(wild).next().unwrap_or_default().to_owned();
            let (x, y) = (head(a), head(b));
            (x.starts_with(&y) || y.starts_with(&x)) && compatible_tails(a, b)
        }
    }
}

/// Whether one name may end like both components.
fn compatible_tails(a: &str, b: &str) -> bool {
    let wild = ['*', '?', '{', '}', ','];
    let tail = |part: &str| part.rsplit(wild).next().unwrap_or_default().to_owned();
    let (x, y) = (tail(a), tail(b));
    x.ends_with(&y) || y.ends_with(&x)
}
