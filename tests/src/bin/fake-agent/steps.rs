//! What each step does.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use aura_tests::{Step, Stream};

use crate::{Agent, Failure};

/// Exit status of a step that never ends and did.
const PATIENCE_IS_OVER: u8 = 93;

impl Agent {
    /// Performs the steps; the exit status.
    pub(crate) fn perform(&self, steps: &[Step]) -> Result<u8, Failure> {
        for (number, step) in steps.iter().enumerate() {
            let step = self.filled(step);
            let place = format!("task `{}`, step {}", self.task, number + 1);
            match self.one(&step) {
                Ok(None) => {}
                Ok(Some(code)) => return Ok(code),
                Err(failure) => {
                    let why = format!("{place}: {}", failure.why);
                    return Err(Failure { why, ..failure });
                }
            }
        }
        Ok(0)
    }

    /// The step with what `{task}` and so on stand for.
    fn filled(&self, step: &Step) -> Step {
        fn fill(value: &mut serde_json::Value, names: &[(&str, String)]) {
            match value {
                serde_json::Value::String(text) => {
                    for (name, meaning) in names {
                        *text = text.replace(name, meaning);
                    }
                }
                serde_json::Value::Array(values) => {
                    values.iter_mut().for_each(|value| fill(value, names));
                }
                serde_json::Value::Object(values) => {
                    values.values_mut().for_each(|value| fill(value, names));
                }
                _ => {}
            }
        }
        let names = [
            ("{task}", self.task.clone()),
            ("{attempt}", self.attempt.to_string()),
            ("{start}", self.start.to_string()),
            ("{marker}", self.marker.clone()),
        ];
        let mut value = serde_json::to_value(step).unwrap_or_default();
        fill(&mut value, &names);
        serde_json::from_value(value).unwrap_or_else(|_| step.clone())
    }

    fn one(&self, step: &Step) -> Result<Option<u8>, Failure> {
        match step {
            Step::Write { .. }
            | Step::Append { .. }
            | Step::Replace { .. }
            | Step::Delete(_)
            | Step::Rename { .. }
            | Step::Link { .. }
            | Step::Executable { .. } => change(step).map_err(|error| {
                let step = serde_json::to_string(step).unwrap_or_default();
                Failure::step(format!("{step}: {error}"))
            })?,
            Step::Git(args) => git(args)?,
            Step::TryGit(args) => {
                let _ = git(args);
            }
            Step::Print {
                text,
                hex,
                times,
                to,
            } => print(&bytes(text, hex)?, *times, *to)?,
            Step::Flood { bytes, line, to } => flood(*bytes, *line, *to)?,
            Step::ExpectPromptContains(_)
            | Step::ExpectPromptLacks(_)
            | Step::ExpectFile { .. }
            | Step::ExpectNoFile(_)
            | Step::ExpectEnv(_) => self.expect(step)?,
            Step::Exit(code) => return Ok(Some(u8::try_from(*code & 0xff).unwrap_or(u8::MAX))),
            Step::Barrier(_)
            | Step::Meet { .. }
            | Step::Spawn { .. }
            | Step::KillSelf
            | Step::Hang { .. } => return self.one_of_processes(step),
        }
        Ok(None)
    }

    fn expect(&self, step: &Step) -> Result<(), Failure> {
        let problem = match step {
            Step::ExpectPromptContains(text) if !self.prompt.contains(text) => {
                format!("the prompt lacks `{text}`: {}", self.prompt)
            }
            Step::ExpectPromptLacks(text) if self.prompt.contains(text) => {
                format!("the prompt has `{text}`: {}", self.prompt)
            }
            Step::ExpectFile { path, text } => match fs::read(path) {
                Ok(found) if found == text.as_bytes() => return Ok(()),
                Ok(found) => format!("{path} is `{}`", String::from_utf8_lossy(&found)),
                Err(error) => format!("{path}: {error}"),
            },
            Step::ExpectNoFile(path) if fs::symlink_metadata(path).is_ok() => {
                format!("{path} exists")
            }
            Step::ExpectEnv(wanted) => {
                let wrong = wanted
                    .iter()
                    .find(|(name, value)| std::env::var(name).as_ref() != Ok(*value));
                match wrong {
                    Some((name, _)) => format!("{name} is {:?}", std::env::var(name)),
                    None => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        Err(Failure::expectation(problem))
    }

    #[cfg(unix)]
    fn one_of_processes(&self, step: &Step) -> Result<Option<u8>, Failure> {
        use crate::helper;
        let who = format!("{} {}", self.task, self.attempt);
        let failed = |error: io::Error| Failure::step(format!("{step:?}: {error}"));
        match step {
            Step::Barrier(name) => aura_tests::arrive(&self.state, name, &who).map_err(failed)?,
            Step::Meet { name, count } => {
                aura_tests::meet(&self.state, name, &who, *count).map_err(failed)?;
            }
            Step::Spawn {
                shape,
                nonce,
                holds_output,
            } => helper::spawn(&self.state, *shape, nonce, *holds_output).map_err(failed)?,
            Step::KillSelf => {
                let own = rustix::process::getpid();
                rustix::process::kill_process(own, rustix::process::Signal::KILL)
                    .map_err(|error| failed(error.into()))?;
            }
            Step::Hang { ignores_term: true } => return Err(failed(helper::hang_deaf())),
            _ => {
                helper::sit();
                return Ok(Some(PATIENCE_IS_OVER));
            }
        }
        Ok(None)
    }

    #[cfg(not(unix))]
    fn one_of_processes(&self, step: &Step) -> Result<Option<u8>, Failure> {
        Err(Failure::step(format!(
            "{step:?} is not available on this system"
        )))
    }
}

fn bytes(text: &str, hex: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = text.as_bytes().to_vec();
    for pair in hex.as_bytes().chunks(2) {
        let byte = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.ok_or_else(|| Failure::step(format!("`{hex}` is not hexadecimal")))?);
    }
    Ok(bytes)
}

fn change(step: &Step) -> io::Result<()> {
    match step {
        Step::Write { path, text, hex } => {
            let bytes = bytes(text, hex).map_err(|failure| io::Error::other(failure.why))?;
            if let Some(parent) = Path::new(path).parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, bytes)
        }
        Step::Append { path, text } => fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .write_all(text.as_bytes()),
        Step::Replace { path, from, to } => {
            let text = fs::read_to_string(path)?;
            match text.matches(from.as_str()).count() {
                1 => fs::write(path, text.replacen(from.as_str(), to, 1)),
                times => Err(io::Error::other(format!("it says that {times} times"))),
            }
        }
        Step::Delete(path) if fs::symlink_metadata(path)?.is_dir() => fs::remove_dir_all(path),
        Step::Delete(path) => fs::remove_file(path),
        Step::Rename { from, to } => fs::rename(from, to),
        #[cfg(unix)]
        Step::Link { path, target } => std::os::unix::fs::symlink(target, path),
        #[cfg(unix)]
        Step::Executable { path, yes } => {
            use std::os::unix::fs::PermissionsExt;
            let mode = if *yes { 0o755 } else { 0o644 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn git(args: &[String]) -> Result<(), Failure> {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Agent",
            "-c",
            "user.email=agent@example.com",
        ])
        .args(args)
        .output()
        .map_err(|error| Failure::step(format!("git: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::step(format!(
        "git {}: {}: {}",
        args.join(" "),
        output.status,
        said.trim()
    )))
}

/// Writes to a stream as long as somebody reads it.
fn put(bytes: &[u8], to: Stream) -> Result<bool, Failure> {
    let result = match to {
        Stream::Stdout => io::stdout()
            .write_all(bytes)
            .and_then(|()| io::stdout().flush()),
        Stream::Stderr => io::stderr().write_all(bytes),
    };
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::step(format!("output: {error}"))),
    }
}

fn print(bytes: &[u8], times: u64, to: Stream) -> Result<(), Failure> {
    for _ in 0..times {
        if !put(bytes, to)? {
            break;
        }
    }
    Ok(())
}

fn flood(total: u64, line: u64, to: Stream) -> Result<(), Failure> {
    const CHUNK: usize = 64 * 1024;
    let mut position = 0_u64;
    let mut left = total;
    let mut chunk = vec![b'x'; CHUNK];
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        if line > 0 {
            for byte in &mut chunk[..size] {
                position += 1;
                *byte = if position.is_multiple_of(line) {
                    b'\n'
                } else {
                    b'x'
                };
            }
        }
        if !put(&chunk[..size], to)? {
            break;
        }
        left -= size as u64;
    }
    Ok(())
}
