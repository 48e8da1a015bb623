//! Which paths judge the work of agents, in the usual layouts.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::sections::Parts;
use crate::error::{Error, ErrorKind, Result};
use crate::plan;

/// What decides for every story and every later task, which no plan can allow: the configuration of gates and agents, what the
/// gate for secrets lets through.
const AURA: &[&str] = &[".aura/**"];

/// What runs, configures or replaces the judges. Even a new file of this kind is asked about. In lower case, as paths are compared:
/// on many file systems `makefile` and `Makefile` are one file.
const JUDGES: &[&str] = &[
    // Continuous integration.
    ".github/**",
    ".gitlab-ci.{yml,yaml}",
    ".gitlab/**",
    ".circleci/**",
    ".buildkite/**",
    ".woodpecker{.yml,.yaml,/**}",
    ".forgejo/**",
    ".gitea/**",
    ".azure-pipelines/**",
    "{.ci,ci}/**",
    ".{travis,drone,appveyor}.{yml,yaml}",
    "{appveyor,azure-pipelines,bitbucket-pipelines,cloudbuild,buildspec}.{yml,yaml}",
    "**/jenkinsfile*",
    // Builds and gate scripts.
    "**/{makefile,gnumakefile,justfile,.justfile,rakefile}",
    "**/*.mk",
    "**/build.rs",
    "**/{taskfile,taskfile.dist}.{yml,yaml}",
    "**/{gulpfile,gruntfile}.*",
    "**/{noxfile,fabfile,tasks,dodo,runtests}.py",
    "**/directory.build.{props,targets}",
    "**/{cmakelists.txt,cmakepresets.json,meson.build}",
    "**/*.cmake",
    "**/{build,settings}.{gradle,gradle.kts}",
    "**/{gradle.properties,gradlew*}",
    "**/gradle/**",
    "**/{pom.xml,mvnw*}",
    "**/.mvn/**",
    "**/{go.work,build.zig,build.sbt}",
    "**/{build,build.bazel,workspace,workspace.bazel,module.bazel,.bazelrc}",
    // Test runners and what they load by themselves.
    "**/{pytest,.pytest,tox}.ini",
    "**/pytest.toml",
    "**/.coveragerc",
    "**/conftest.py",
    "**/{sitecustomize,usercustomize}.py",
    "**/*.pth",
    "**/{jest,vitest,vite,karma,playwright,cypress,ava,wdio,nightwatch,babel}.{config,conf}.*",
    "**/.{mocharc,taprc,nycrc,c8rc,babelrc}*",
    "**/bunfig.toml",
    "**/phpunit.xml*",
    "**/*.runsettings",
    "**/.rspec",
    "**/.config/nextest.toml",
    "**/.cargo/**",
    "**/{rust-toolchain,rust-toolchain.toml}",
    "**/{clippy,.clippy}.toml",
    // Files that stand in for a module of the test runner.
    "{unittest,pytest,_pytest,doctest,nose,nose2}{.py,/**}",
    "**/node_modules/**",
    // What is loaded on entering the directory, and hooks.
    "**/.envrc",
    "**/{mise,.mise}.toml",
    "**/{.npmrc,.tool-versions,.python-version}",
    "{.githooks,.husky}/**",
    "{.pre-commit-config,lefthook,.lefthook}.{yml,yaml}",
    "{.gitleaks.toml,.gitleaksignore}",
    "**/codeowners",
    // What git shows to the gates, and what stays where they work.
    "**/{.gitattributes,.gitignore}",
    ".gitmodules",
    // Plans.
    "{tasks,plan}.{yml,yaml,json}",
    "**/*.plan.{yml,yaml,json}",
];

/// Tests. New ones are welcome.
const TESTS: &[&str] = &[
    "**/{test,tests,__tests__,spec,specs,testing}/**",
    "**/{test,tests,__tests__,spec,specs}",
    "**/{test_*,test*}.py",
    "**/*_{test,tests,spec}.*",
    "**/*.{test,tests,spec}.*",
    "**/*{test,tests}.{java,kt,kts,scala,groovy,cs,fs,vb,php,swift,m}",
    "**/*.{snap,bats}",
    "**/{testdata,__snapshots__}/**",
];

/// Files of which only some parts judge.
const PARTS: &[(&str, Parts)] = &[
    ("package.json", Parts::NodePackage),
    ("pyproject.toml", Parts::PythonProject),
    ("setup.cfg", Parts::PythonSetup),
    ("cargo.toml", Parts::CargoManifest),
];

/// What is to be said of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guarded {
    /// Anybody may change it.
    Not,
    /// Every change of it is asked about, whatever the plan says.
    Always,
    /// Every change of it is asked about.
    Whole,
    /// It may be new, and not changed or gone.
    Test,
    /// These parts may not change.
    Parts(Parts),
}

/// The rules of one gate.
pub(super) struct Rules<'a> {
    aura: GlobSet,
    judges: GlobSet,
    tests: GlobSet,
    more: &'a [String],
    named: BTreeSet<String>,
}

impl<'a> Rules<'a> {
    /// `more` is what a person adds, `named` the files that the commands of gates name, in lower case.
    pub(super) fn new(more: &'a [String], named: BTreeSet<String>) -> Result<Self> {
        Ok(Self {
            aura: set(AURA)?,
            judges: set(JUDGES)?,
            tests: set(TESTS)?,
            more,
            named,
        })
    }

    pub(super) fn of(&self, path: &str) -> Guarded {
        let lower = path.to_lowercase();
        let name = lower.rsplit('/').next().unwrap_or_default();
        if self.aura.is_match(&lower) {
            return Guarded::Always;
        }
        if self.judges.is_match(&lower) || self.more.iter().any(|entry| plan::covers(entry, path)) {
            return Guarded::Whole;
        }
        if let Some((_, parts)) = PARTS.iter().find(|(file, _)| *file == name) {
            return Guarded::Parts(*parts);
        }
        if self.tests.is_match(&lower) {
            return Guarded::Test;
        }
        if self.named.contains(&lower) {
            return Guarded::Whole;
        }
        Guarded::Not
    }
}

fn set(globs: &[&str]) -> Result<GlobSet> {
    let wrong = |error: globset::Error| {
        Error::new(ErrorKind::Internal, "the protected paths are no globs").with_source(error)
    };
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let glob = GlobBuilder::new(glob).literal_separator(true).build();
        set.add(glob.map_err(wrong)?);
    }
    set.build().map_err(wrong)
}
