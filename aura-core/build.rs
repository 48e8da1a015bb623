//! Compiles the guard, a program of its own that the library embeds and starts from memory (Linux only).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = "guard/main.rs";

/// Tried in order. Linked statically it starts in two thirds of the time and ignores `LD_PRELOAD` of an agent's environment,
/// but not every system has the static C library.
const LINKING: [&[&str]; 2] = [
    &["-Ctarget-feature=+crt-static", "-Crelocation-model=static"],
    &[],
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=guard");
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    if variable("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let source = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join(SOURCE);
    let mut failures = String::new();
    for linking in LINKING {
        match compile(&source, &out, linking) {
            Ok(()) => return,
            Err(failure) => failures.push_str(&failure),
        }
    }
    panic!("could not compile the guard program {SOURCE}:\n{failures}");
}

fn compile(source: &Path, out: &Path, linking: &[&str]) -> Result<(), String> {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .current_dir(out)
        .arg(source)
        .arg("-o")
        .arg(out.join("aura-guard"))
        .arg("--target")
        .arg(variable("TARGET"))
        .args([
            "--edition=2024",
            "--crate-name=aura_guard",
            "--crate-type=bin",
        ])
        .args(["-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols"])
        .args(linking);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let output = rustc
        .output()
        .map_err(|error| format!("{rustc:?}: {error}\n"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{rustc:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}, which cargo sets, is missing: {error}"))
}
