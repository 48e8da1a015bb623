//! Reads the modules of a crate and the paths that their code names. Not a Rust parser: it knows comments, literals, `use` trees
//! and paths that begin with `crate`, `self` or `super`, and that is all it needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Segments of a path, as written.
pub(super) type Names = Vec<String>;

/// One file.
pub(super) struct Module {
    /// Relative to the crate's root.
    pub(super) file: String,
    /// Without the leading `crate`.
    pub(super) path: Names,
    /// Paths that its code names, outside of what is compiled for tests only.
    pub(super) uses: Vec<Names>,
    /// Names that `use` brings into it, and what they stand for.
    imports: Vec<(String, Names)>,
    /// Modules below it that are compiled for tests only.
    tests: Vec<String>,
}

/// The modules of a crate.
pub(super) struct Tree(BTreeMap<Names, Module>);

impl Tree {
    /// Reads every file below `root`, leaves out what is compiled for tests only.
    pub(super) fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        walk(root, root, &mut modules);
        let tests: Vec<Names> = modules
            .values()
            .flat_map(|module: &Module| {
                let below = |name: &String| [&module.path[..], std::slice::from_ref(name)].concat();
                module.tests.iter().map(below)
            })
            .collect();
        modules.retain(|path, _| {
            let is_test = tests.iter().any(|test| path.starts_with(test));
            !is_test && !path.iter().any(|name| name == "tests")
        });
        Self(modules)
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.0.values()
    }

    /// The module that holds what a path names, seen from a module, through any number of re-exports; `None` when it
    /// is not of this crate.
    pub(super) fn resolve(&self, from: &[String], written: &[String]) -> Option<Names> {
        self.follow(from, written, 0)
    }

    fn follow(&self, from: &[String], written: &[String], depth: usize) -> Option<Names> {
        let mut here: Names = match written.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => from.to_vec(),
            first => {
                let child = [from, &[first.to_owned()]].concat();
                return self
                    .0
                    .contains_key(&child)
                    .then(|| self.descend(child, &written[1..], depth));
            }
        };
        let mut rest = &written[usize::from(written[0] != "super")..];
        while let Some(("super", tail)) =
            rest.split_first().map(|(name, tail)| (name.as_str(), tail))
        {
            here.pop();
            rest = tail;
        }
        Some(self.descend(here, rest, depth))
    }

    fn descend(&self, mut here: Names, names: &[String], depth: usize) -> Names {
        for (number, name) in names.iter().enumerate() {
            let child = [&here[..], std::slice::from_ref(name)].concat();
            if self.0.contains_key(&child) {
                here = child;
                continue;
            }
            let import = self
                .0
                .get(&here)
                .and_then(|module| module.imports.iter().find(|(known, _)| known == name));
            if let (Some((_, written)), true) = (import, depth < 8) {
                let full = [&written[..], &names[number + 1..]].concat();
                return self.follow(&here, &full, depth + 1).unwrap_or(here);
            }
            break;
        }
        here
    }
}

fn walk(root: &Path, dir: &Path, modules: &mut BTreeMap<Names, Module>) {
    for entry in fs::read_dir(dir).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(root, &path, modules);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let module = read(root, &path);
            modules.insert(module.path.clone(), module);
        }
    }
}

fn read(root: &Path, file: &Path) -> Module {
    let relative = file.strip_prefix(root).expect("it is below the root");
    let mut path: Names = relative
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if path
        .last()
        .is_some_and(|name| name == "mod" || (name == "lib" && path.len() == 1))
    {
        path.pop();
    }
    let text = fs::read_to_string(file).expect("a source file");
    let (code, tests) = without_tests(&without_text(&text));
    let mut uses = Vec::new();
    let mut imports = Vec::new();
    let code = without_uses(&code, |tree| use_tree(tree, &[], &mut uses, &mut imports));
    for root in ["crate::", "super::", "self::"] {
        for (position, _) in code.match_indices(root) {
            let before = &code[..position];
            if !ends_in_word(before) && !before.ends_with("::") {
                uses.push(simple_path(&code[position..]));
            }
        }
    }
    uses.retain(|names| names.len() > 1);
    Module {
        file: relative.to_string_lossy().replace('\\', "/"),
        path,
        uses,
        imports,
        tests,
    }
}

/// Hands over each `use` tree; what is left is the other code.
fn without_uses(code: &str, mut found: impl FnMut(&str)) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(position) = rest.find("use") {
        let (before, after) = (&rest[..position], &rest[position + 3..]);
        kept.push_str(before);
        let is_use = !ends_in_word(before) && !starts_with_word(after);
        // `use<'a>` captures a lifetime.
        if is_use && !after.trim_start().starts_with('<') {
            let end = after.find(';').unwrap_or(after.len());
            found(&after[..end]);
            rest = &after[end..];
        } else {
            kept.push_str("use");
            rest = after;
        }
    }
    kept.push_str(rest);
    kept
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '#'
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

fn starts_with_word(text: &str) -> bool {
    text.chars().next().is_some_and(is_word)
}

/// The names up to the first thing that is not a path any more.
fn simple_path(code: &str) -> Names {
    let mut names = Names::new();
    for part in code.split("::") {
        let name: String = part.chars().take_while(|c| is_word(*c)).collect();
        let is_whole = name.len() == part.len();
        if !name.is_empty() {
            names.push(name);
        }
        if !is_whole {
            break;
        }
    }
    names
}

/// The paths of a `use` tree, and the names that it brings in.
fn use_tree(
    tree: &str,
    above: &[String],
    uses: &mut Vec<Names>,
    imports: &mut Vec<(String, Names)>,
) {
    let tree = tree.trim();
    if let Some(position) = tree.find('{') {
        let inside = tree[position + 1..]
            .rsplit_once('}')
            .map_or("", |(inside, _)| inside);
        let above = [above, &simple_path(&tree[..position])].concat();
        for branch in split_branches(inside) {
            use_tree(branch, &above, uses, imports);
        }
        return;
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let mut names = [above, &simple_path(path)].concat();
    if names.len() > 1 && names.last().is_some_and(|name| name == "self") {
        names.pop();
    }
    let Some(last) = names.last() else { return };
    if !path.ends_with('*') {
        let name = if alias.is_empty() { last } else { alias.trim() };
        imports.push((name.to_owned(), names.clone()));
    }
    uses.push(names);
}

/// Splits at the commas that are not within further braces.
fn split_branches(text: &str) -> Vec<&str> {
    let mut branches = Vec::new();
    let (mut depth, mut from) = (0, 0);
    for (position, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&text[from..position]);
                from = position + 1;
            }
            _ => {}
        }
    }
    branches.push(&text[from..]);
    branches.retain(|branch| !branch.trim().is_empty());
    branches
}

/// The code without items under `#[cfg(test)]`, and the names of the modules among those that are in files of their own.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut tests = Vec::new();
    let mut rest = code;
    while let Some(position) = rest.find(MARK) {
        kept.push_str(&rest[..position]);
        let item = &rest[position + MARK.len()..];
        let end = item.find([';', '{']).unwrap_or(item.len());
        let head = item[..end].trim();
        if let (Some((_, name)), true) = (head.rsplit_once("mod "), item[end..].starts_with(';')) {
            tests.push(name.trim().to_owned());
        }
        rest = if item[end..].starts_with('{') {
            &item[end + block(&item[end..])..]
        } else {
            item.get(end + 1..).unwrap_or_default()
        };
    }
    kept.push_str(rest);
    (kept, tests)
}

/// The length of the block that the text begins with.
fn block(text: &str) -> usize {
    let mut depth = 0;
    for (position, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return position + 1;
        }
    }
    text.len()
}

/// The code with a blank for each comment and each literal of text.
fn without_text(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let length = text_length(rest, ends_in_word(&code));
        if length > 0 {
            code.push(' ');
            rest = &rest[length..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// The length of the comment or literal that the source begins with; 0 when it begins with neither.
fn text_length(source: &str, after_word: bool) -> usize {
    let to_the_end_of = |end: &str, from: usize| {
        source[from..]
            .find(end)
            .map_or(source.len(), |position| from + position + end.len())
    };
    if source.starts_with("//") {
        return source.find('\n').unwrap_or(source.len());
    }
    if source.starts_with("/*") {
        return comment_length(source);
    }
    if source.starts_with('"') {
        return quoted_length(source, '"');
    }
    if let Some(inside) = source.strip_prefix('\'') {
        let mut inside = inside.chars();
        let is_char = match inside.next() {
            Some('\\') => true,
            _ => inside.next() == Some('\''),
        };
        return if is_char {
            quoted_length(source, '\'')
        } else {
            0
        };
    }
    if source.starts_with('r') && !after_word {
        let hashes = source[1..].chars().take_while(|c| *c == '#').count();
        if source[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return to_the_end_of(&end, hashes + 2);
        }
    }
    0
}

fn quoted_length(source: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, c) in source.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return position + c.len_utf8(),
            _ => {}
        }
    }
    source.len()
}

/// Block comments nest.
fn comment_length(source: &str) -> usize {
    let mut depth = 0;
    let mut position = 0;
    while position < source.len() {
        let rest = &source[position..];
        if rest.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            position += 2;
        } else {
            position += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return position;
        }
    }
    source.len()
}
