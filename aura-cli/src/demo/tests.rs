use std::process::Command;

use aura_core::{ErrorKind, Plan};

use super::project::{PYTHON, Project, SHELL, Template};

fn templates() -> [(&'static str, &'static Template); 2] {
    [("python", &PYTHON), ("shell", &SHELL)]
}

#[test]
fn the_plans_are_good_and_say_what_the_demo_promises() {
    for (name, template) in templates() {
        let plan = Plan::parse(template.plan, "plan.yaml").expect(name);
        let waves: Vec<usize> = plan.waves.iter().map(|wave| wave.tasks.len()).collect();
        assert_eq!(waves, [3, 3, 1], "{name}");
        assert!(
            plan.added_edges.is_empty(),
            "{name}: the conflict must not be foreseen"
        );
    }
}

#[test]
fn the_repositories_are_clean_and_their_tests_pass() {
    for (name, template) in templates() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = temp.path().join("new");
        let project = Project::of(template, &dir).expect(name);
        assert_eq!(project.commit("main").expect("a commit").len(), 10);
        let status = Command::new("git")
            .args(["status", "--porcelain"])
            .current_dir(&project.repo)
            .output()
            .expect("git");
        assert!(status.stdout.is_empty(), "{name}");
        for gate in project.gates {
            let (_, line) = gate.split_once('=').expect("a name");
            let command = crate::words::split(line).expect("a command");
            let run = Command::new(&command[0])
                .args(&command[1..])
                .current_dir(&project.repo)
                .output();
            // Without Python there is nothing to judge the Python program with, and the demo takes the other one.
            if let Ok(output) = run {
                assert!(output.status.success(), "{name} {gate}: {output:?}");
            }
        }
        let error = Project::of(template, &dir).expect_err("it is not empty any more");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
