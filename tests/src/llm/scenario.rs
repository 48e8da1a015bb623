//! What the first segment of a path asks for.

/// Words that begin a path without a scenario.
const ROOTS: &[&str] = &[
    "v1",
    "v1beta",
    "models",
    "chat",
    "messages",
    "responses",
    "completions",
    "api",
];

/// How a server behaves towards one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scenario {
    /// The whole segment: what its counter belongs to.
    pub(super) name: String,
    /// Files are written by the shell, too.
    pub(super) shell: bool,
    /// Never a tool call.
    pub(super) text: bool,
    /// A shell command after the file.
    pub(super) two: bool,
    /// A shell command that takes long.
    pub(super) long: bool,
    /// Tool calls for ever.
    pub(super) endless: bool,
    /// A pause between the events of an answer.
    pub(super) slow: bool,
    /// The first tool call has broken arguments.
    pub(super) broken_arguments: bool,
    /// Seconds of `Retry-After`.
    pub(super) retry_after: Option<u32>,
    /// Requests without tools are counted, too.
    pub(super) bare: bool,
    /// Errors repeat the key that they came with.
    pub(super) echo: bool,
    /// A plan has a cycle until it is corrected.
    pub(super) bad_plan: bool,
    /// A reviewer is not content.
    pub(super) reject: bool,
    /// Answers have no text.
    pub(super) mute: bool,
    /// Answers are longer than anybody takes.
    pub(super) huge: bool,
    /// A temperature is refused.
    pub(super) no_temperature: bool,
    /// How answers end, where that is not as they should.
    pub(super) ending: Ending,
    faults: Vec<(Fault, Option<u32>)>,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// As it should.
    #[default]
    Done,
    /// At a limit of tokens.
    Cut,
    /// By a filter.
    Refused,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// An error with a status.
    Status(u16),
    /// An error that says that an allowance is used up.
    Quota,
    /// No answer.
    Hang,
    /// Half an answer and silence.
    MidHang,
    /// The connection ends.
    Close,
    /// The connection ends after half an answer.
    MidClose,
}

impl Scenario {
    /// Splits a path into a scenario and the rest; a path without a scenario is an orderly one. `None` for words that mean nothing.
    pub(super) fn of_path(path: &str) -> Option<(Self, &str)> {
        let trimmed = path.strip_prefix('/')?;
        let (first, rest) = match trimmed.find('/') {
            Some(end) => (&trimmed[..end], &trimmed[end..]),
            None => (trimmed, "/"),
        };
        if ROOTS.contains(&first) || first.is_empty() {
            return Some((Self::parse("ok")?, path));
        }
        Some((Self::parse(first)?, rest))
    }

    fn parse(segment: &str) -> Option<Self> {
        let mut scenario = Self {
            name: segment.to_owned(),
            ..Self::default()
        };
        let words = segment.split_once('~').map_or(segment, |(words, _)| words);
        for word in words.split('+') {
            scenario.add(word)?;
        }
        Some(scenario)
    }

    fn add(&mut self, word: &str) -> Option<()> {
        match word {
            "ok" => {}
            "sh" => self.shell = true,
            "text" => self.text = true,
            "two" => self.two = true,
            "long" => self.long = true,
            "loop" => self.endless = true,
            "slow" => self.slow = true,
            "badargs" => self.broken_arguments = true,
            "bare" => self.bare = true,
            "echo" => self.echo = true,
            "badplan" => self.bad_plan = true,
            "reject" => self.reject = true,
            "mute" => self.mute = true,
            "huge" => self.huge = true,
            "notemp" => self.no_temperature = true,
            "cut" => self.ending = Ending::Cut,
            "refuse" => self.ending = Ending::Refused,
            _ => return self.add_number(word),
        }
        Some(())
    }

    fn add_number(&mut self, word: &str) -> Option<()> {
        if let Some(seconds) = word.strip_prefix("ra") {
            self.retry_after = Some(seconds.parse().ok()?);
            return Some(());
        }
        let (kind, first) = match word.rsplit_once('x') {
            Some((kind, number)) => (kind, Some(number.parse().ok()?)),
            None => (word, None),
        };
        let fault = match kind {
            "quota" => Fault::Quota,
            "hang" => Fault::Hang,
            "midhang" => Fault::MidHang,
            "close" => Fault::Close,
            "midclose" => Fault::MidClose,
            _ => {
                let status = kind.strip_prefix('s')?.parse().ok()?;
                Fault::Status(Some(status).filter(|status| (400..600).contains(status))?)
            }
        };
        self.faults.push((fault, first));
        Some(())
    }

    /// What goes wrong with the `count`th request, counted from 1.
    pub(super) fn fault(&self, count: u32) -> Option<Fault> {
        let fits = |first: &Option<u32>| first.is_none_or(|first| count <= first);
        let mut faults = self.faults.iter();
        faults
            .find(|(_, first)| fits(first))
            .map(|(fault, _)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_refused() {
        let (scenario, rest) = Scenario::of_path("/sh+slow+ra7+s429x2~run-17/v1/messages").unwrap();
        assert_eq!(rest, "/v1/messages");
        assert_eq!(scenario.name, "sh+slow+ra7+s429x2~run-17");
        assert!(scenario.shell && scenario.slow && !scenario.two);
        assert_eq!(scenario.retry_after, Some(7));
        assert_eq!(scenario.fault(2), Some(Fault::Status(429)));
        assert_eq!(scenario.fault(3), None);
        for bad in ["oops", "s42", "s200", "s429xx", "hangx", "ra", "ok+", ""] {
            let path = format!("/{bad}/v1");
            let found = Scenario::of_path(&path);
            assert_eq!(found.is_none(), !bad.is_empty(), "{bad}: {found:?}");
        }
    }

    #[test]
    fn a_path_without_a_scenario_is_orderly() {
        let (scenario, rest) = Scenario::of_path("/v1/chat/completions").unwrap();
        assert_eq!(rest, "/v1/chat/completions");
        assert_eq!(scenario.fault(1), None);
        assert_eq!(scenario.name, "ok");
    }

    #[test]
    fn faults_follow_one_another() {
        let (scenario, _) = Scenario::of_path("/closex1+midclosex2/").unwrap();
        let faults: Vec<_> = (1..=3).map(|count| scenario.fault(count)).collect();
        assert_eq!(faults, [Some(Fault::Close), Some(Fault::MidClose), None]);
        let (scenario, _) = Scenario::of_path("/midhang/v1").unwrap();
        assert_eq!(scenario.fault(u32::MAX), Some(Fault::MidHang));
    }
}
