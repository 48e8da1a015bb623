//! What kind of code it is, from the names of the files and the manifests. Pure.

use std::collections::BTreeMap;

use crate::model::CodebaseInfo;

/// Directories that are named.
const FOLDERS: usize = 12;

/// A manifest and the kind of project that it makes.
const MANIFESTS: [(&str, &str); 11] = [
    ("Cargo.toml", "rust"),
    ("pyproject.toml", "python"),
    ("setup.py", "python"),
    ("package.json", "node"),
    ("go.mod", "go"),
    ("pom.xml", "java"),
    ("build.gradle", "java"),
    ("build.gradle.kts", "kotlin"),
    ("Gemfile", "ruby"),
    ("composer.json", "php"),
    ("CMakeLists.txt", "c++"),
];

/// What a manifest says, and the test framework that it means; the first that fits counts.
const FRAMEWORKS: [(&str, &str, &str); 14] = [
    ("package.json", "\"vitest\"", "vitest"),
    ("package.json", "\"jest\"", "jest"),
    ("package.json", "\"mocha\"", "mocha"),
    ("package.json", "\"@playwright/test\"", "playwright"),
    ("package.json", "node --test", "node --test"),
    ("pyproject.toml", "pytest", "pytest"),
    ("setup.py", "pytest", "pytest"),
    ("setup.cfg", "pytest", "pytest"),
    ("requirements-dev.txt", "pytest", "pytest"),
    ("Cargo.toml", "", "cargo test"),
    ("go.mod", "", "go test"),
    ("pom.xml", "junit", "junit"),
    ("build.gradle", "junit", "junit"),
    ("Gemfile", "rspec", "rspec"),
];

/// The manifests that are worth reading.
pub(super) fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.matches('/').count() <= 2
        && (FRAMEWORKS.iter().any(|(manifest, ..)| *manifest == name)
            || MANIFESTS.iter().any(|(manifest, _)| *manifest == name)
            || name.ends_with(".csproj"))
}

/// `manifests` are paths with their contents.
pub(super) fn describe(paths: &[String], manifests: &[(String, String)]) -> CodebaseInfo {
    let mut manifests: Vec<&(String, String)> = manifests.iter().collect();
    manifests.sort_by_key(|(path, _)| (path.matches('/').count(), path.clone()));
    let mut info = CodebaseInfo::default();
    for (path, _) in &manifests {
        let name = path.rsplit('/').next().unwrap_or(path);
        let known = MANIFESTS.iter().find(|(manifest, _)| *manifest == name);
        let kind = match known {
            Some((_, kind)) => *kind,
            None if name.ends_with(".csproj") => "dotnet",
            None => continue,
        };
        if !info.project_types.iter().any(|known| known == kind) {
            info.project_types.push(kind.to_owned());
        }
    }
    info.test_framework = framework(&manifests, paths);
    info.layout = layout(paths);
    info.existing_patterns = patterns(paths);
    info
}

fn framework(manifests: &[&(String, String)], paths: &[String]) -> Option<String> {
    let found = manifests.iter().find_map(|(path, content)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.ends_with(".csproj") {
            let known = ["xunit", "nunit", "mstest"];
            let lower = content.to_lowercase();
            return known.into_iter().find(|known| lower.contains(known));
        }
        let fits = |(manifest, word, _): &&(&str, &str, &'static str)| {
            *manifest == name && content.contains(word)
        };
        FRAMEWORKS
            .iter()
            .find(fits)
            .map(|(_, _, framework)| *framework)
    });
    let has = |name: &str| {
        paths
            .iter()
            .any(|path| path.rsplit('/').next() == Some(name))
    };
    found
        .or_else(|| (has("pytest.ini") || has("conftest.py")).then_some("pytest"))
        .or_else(|| {
            paths
                .iter()
                .any(|path| is_unittest(path))
                .then_some("unittest")
        })
        .map(ToOwned::to_owned)
}

fn is_unittest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("test") && name.ends_with(".py")
}

fn layout(paths: &[String]) -> Vec<String> {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        let parts: Vec<&str> = path.split('/').collect();
        let depth = (parts.len() - 1).min(2);
        if depth > 0 {
            *folders.entry(parts[..depth].join("/")).or_default() += 1;
        }
    }
    let mut folders: Vec<(String, usize)> = folders.into_iter().collect();
    folders.sort_by(|(first, one), (second, other)| other.cmp(one).then(first.cmp(second)));
    folders.truncate(FOLDERS);
    folders
        .into_iter()
        .map(|(folder, count)| format!("{folder}/ ({count} files)"))
        .collect()
}

/// Where tests lie, by the names that most of them have.
fn patterns(paths: &[String]) -> Vec<String> {
    let count = |fits: &dyn Fn(&str) -> bool| paths.iter().filter(|path| fits(path)).count();
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let in_folder =
        |path: &str, folder: &str| path.split('/').rev().skip(1).any(|part| part == folder);
    let kinds: [(&str, usize); 5] = [
        (
            "tests lie in `tests/`",
            count(&|path| in_folder(path, "tests")),
        ),
        (
            "tests lie in `test/`",
            count(&|path| in_folder(path, "test")),
        ),
        (
            "tests are called `test_*.py`",
            count(&|path| is_unittest(path)),
        ),
        (
            "tests are called `*.test.*` or `*.spec.*`",
            count(&|path| name(path).contains(".test.") || name(path).contains(".spec.")),
        ),
        (
            "tests are called `*_test.go`",
            count(&|path| path.ends_with("_test.go")),
        ),
    ];
    kinds
        .into_iter()
        .filter(|(_, count)| *count >= 2)
        .map(|(what, count)| format!("{what} ({count} files)"))
        .collect()
}
