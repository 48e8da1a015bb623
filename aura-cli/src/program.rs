//! The command line that starts this same program again: for runs of their own and for the demo's agent.

use std::ffi::OsString;
use std::process::Command;

use aura_core::{Error, ErrorKind, Result};

use crate::words;

/// How this program is started. It may be a library inside of another one, so that its executable says nothing.
#[derive(Debug)]
pub(crate) struct Program {
    words: Vec<OsString>,
}

impl Program {
    /// A program that these words start; no word where nobody knows them.
    pub(crate) const fn new(words: Vec<OsString>) -> Self {
        Self { words }
    }

    /// The program as a process that is yet to be started.
    ///
    /// # Errors
    /// `Process` where nobody knows how to start it.
    pub(crate) fn command(&self) -> Result<Command> {
        let (program, arguments) = self.words.split_first().ok_or_else(unknown)?;
        let mut command = Command::new(program);
        command.args(arguments);
        Ok(command)
    }

    /// The program as a line that a person can copy and that [`words::split`] cuts into words again.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub(crate) fn line(&self) -> Result<String> {
        if self.words.is_empty() {
            return Err(unknown());
        }
        let words: Vec<_> = self
            .words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        Ok(words::join(&words))
    }
}

fn unknown() -> Error {
    Error::new(ErrorKind::Process, "this program cannot find itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_part_of_the_command_and_of_the_line() {
        let words = ["/a dir/python3", "-m", "aura"];
        let program = Program::new(words.map(OsString::from).into());
        let command = program.command().expect("a command");
        assert_eq!(command.get_program(), words[0]);
        assert_eq!(command.get_args().collect::<Vec<_>>(), words[1..]);
        let line = program.line().expect("a line");
        assert_eq!(line, "'/a dir/python3' -m aura");
        assert_eq!(words::split(&line).expect("words"), words);
    }

    #[test]
    fn a_program_that_nobody_knows_is_an_error_only_where_it_is_needed() {
        let program = Program::new(Vec::new());
        assert_eq!(
            program.command().expect_err("no word").kind(),
            ErrorKind::Process
        );
        assert_eq!(
            program.line().expect_err("no word").kind(),
            ErrorKind::Process
        );
    }
}
