//! The native executable behind an npm wrapper. A wrapper does not pass signals on, so that the agent would go on without it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::preset::Preset;
use crate::program::find;

/// The executable that the wrapper at `path` would start; `None` when it is none, or when there is none to be found.
pub(super) fn behind(preset: &Preset, path: &Path) -> Option<PathBuf> {
    let wrapper = path.canonicalize().ok()?;
    if !is_script(&wrapper) {
        return None;
    }
    let (npm, triple) = (npm_platform()?, triple()?);
    let candidates: Vec<String> = preset
        .native
        .iter()
        .map(|candidate| {
            candidate
                .replace("{npm}", &npm)
                .replace("{triple}", &triple)
        })
        .collect();
    wrapper
        .ancestors()
        .flat_map(|folder| {
            let modules = if folder.ends_with("node_modules") {
                folder.to_owned()
            } else {
                folder.join("node_modules")
            };
            candidates
                .iter()
                .map(move |candidate| modules.join(candidate))
        })
        .find(|candidate| find(&candidate.to_string_lossy(), None).is_some())
}

fn is_script(path: &Path) -> bool {
    let mut begin = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == *b"#!"
}

/// As in the names of npm's packages: `linux-x64`.
fn npm_platform() -> Option<String> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("{system}-{machine}"))
}

fn triple() -> Option<String> {
    let machine = std::env::consts::ARCH;
    let system = match std::env::consts::OS {
        "linux" => "unknown-linux-musl",
        "macos" => "apple-darwin",
        _ => return None,
    };
    Some(format!("{machine}-{system}"))
}
