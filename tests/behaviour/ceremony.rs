//! What is looked at before a story is completed, and how its commits are called.

use aura_core::{CheckState, CompleteOptions, RunOutcome};
use aura_tests::Script;

use crate::kit::{World, quick, run, story, writes_own_file};

/// Names, states and details.
type Checks<'a> = &'a [(&'a str, CheckState, &'a str)];

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_names_its_checks_and_keeps_to_the_repositorys_messages() {
    use CheckState::{Failed, Passed, Skipped};
    let no_secrets = ("secrets", Skipped, "no gate looks for secrets");
    let plain = "the repository does not use conventional messages";
    let cases: [(&[&str], bool, Checks<'_>, &str); 3] = [
        (
            &["feat: one", "fix(x): two", "chore: three"],
            false,
            &[
                ("clean tree", Passed, ""),
                ("messages", Passed, ""),
                ("check", Passed, ""),
                no_secrets,
            ],
            "feat: Do a",
        ),
        (
            &["One", "fix: two"],
            false,
            &[
                ("clean tree", Passed, ""),
                ("messages", Skipped, plain),
                ("check", Passed, ""),
                no_secrets,
            ],
            "Do a",
        ),
        (
            &[],
            true,
            &[
                ("clean tree", Failed, "uncommitted: notes.txt"),
                ("messages", Skipped, plain),
                ("check", Passed, ""),
                no_secrets,
            ],
            "Do a",
        ),
    ];
    for (history, edited, expected, subject) in cases {
        let world = World::new(&Script::new().otherwise(writes_own_file()));
        for message in history {
            world.repo.write("history.txt", message);
            world.repo.commit(message);
        }
        let aura = world.open([world.gate("check", "true")]).await;
        let story = story(&aura, &["a"], quick()).await;
        assert_eq!(run(&aura, story).await.checks, [], "{history:?}");
        if edited {
            world.repo.write("notes.txt", "mine\n");
        }
        let landing = aura.complete(story, CompleteOptions::default().merge(true));
        let report = landing.await.expect("started").wait().await;
        let report = report.expect("finished");
        assert_eq!(report.outcome, RunOutcome::Completed, "{history:?}");
        let checks = report.checks.iter();
        let found: Vec<_> = checks
            .map(|check| (check.name.as_str(), check.state, check.detail.as_str()))
            .collect();
        assert_eq!(found, expected, "{history:?}");
        let log = world.repo.git(["log", "-1", "--format=%s", "main"]);
        assert_eq!(log.trim(), subject, "{history:?}");
    }
}
