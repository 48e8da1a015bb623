//! The kinds of secrets that are known.

mod gitleaks;
mod guesses;
mod shapes;

use super::exception::Exception;
use super::rule::Rule;

/// Every rule, and what holds for all of them.
pub(super) struct Rules {
    /// Where two find the same text, the earlier one names it.
    pub(super) all: Vec<Rule>,
    /// What is a secret in no file.
    pub(super) never: Exception,
    /// The files that people do not write themselves.
    pub(super) unwritten: Exception,
    /// A text that changes when any of it does.
    pub(super) definition: String,
}

/// A rule of our own, which is asked line by line.
fn own(id: &str, what: &str, keys: &[&str], expression: String, entropy: f64) -> Rule {
    Rule {
        id: id.to_owned(),
        says: format!("this looks like {what}"),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        expression: Some(expression),
        entropy,
        ..Rule::default()
    }
}

/// The rules that are built in: those of `gitleaks`, then the shapes that it does not know, then guesses.
///
/// # Errors
/// Why they cannot be read.
pub(super) fn built_in() -> Result<Rules, String> {
    let gitleaks::Configuration {
        rules,
        never,
        unwritten,
    } = gitleaks::read()?;
    // A guess is the last to name what it has found.
    let (guesses, exact): (Vec<_>, Vec<_>) = rules
        .into_iter()
        .partition(|rule| rule.id == gitleaks::GUESS);
    let own: Vec<Rule> = shapes::rules().chain(guesses::rules()).collect();
    let own_definition = format!("{own:?}");
    let (guessed, shaped): (Vec<_>, Vec<_>) =
        own.into_iter().partition(|rule| rule.guess.is_some());
    let all = [exact, shaped, guesses, guessed];
    Ok(Rules {
        all: all.into_iter().flatten().collect(),
        never,
        unwritten,
        definition: format!("{}\n{own_definition}", gitleaks::TEXT),
    })
}
