//! What a repository configures is run only with permission.

use crate::support::{TWO, World};

const FILE: &str = ".aura/agent-config.yaml";

fn configure(world: &World, gate: &str) {
    let agent = world.agent();
    let text = format!(
        "agents:\n  default: {{ command: [sh, -c, \"{}\"] }}\ngates:\n  - {{ name: test, command: [{gate}] }}\n",
        agent.replace('"', "\\\"")
    );
    world.write(FILE, &text);
}

#[test]
fn configured_commands_wait_for_trust() {
    let world = World::new();
    let plan = world.plan(TWO);
    configure(&world, "'true'");
    let said = world.expect(2, &["run", &plan, "--merge"]);
    for part in ["gate test: true", "agent default: sh -c", "aura trust"] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert_eq!(world.stories(), 0);

    let said = world.expect(0, &["trust"]);
    assert!(said.out.contains("gate test: true"), "{}", said.out);
    world.expect(0, &["run", &plan, "--merge"]);
    assert!(world.repo().join("two.txt").is_file());

    configure(&world, "echo, changed");
    let said = world.expect(2, &["run", &plan]);
    assert!(said.err.contains("echo changed"), "{}", said.err);
    configure(&world, "'true'");
    world.expect(0, &["trust", "--revoke"]);
    world.expect(2, &["run", &plan]);
    world.expect(0, &["run", &plan, "--trust", "--dry-run"]);
}

#[test]
fn a_bad_configuration_is_shown_with_its_line() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    world.write(
        FILE,
        "dispatch:\n  maxParalel: 3\nlimits: { cost_usd: 0 }\n",
    );
    let said = world.expect(2, &["run", &plan, "--agent-command", &agent, "--no-gates"]);
    for part in [
        "agent-config.yaml:2:3",
        "2 |   maxParalel: 3\n  |   ^",
        "`maxParallel`",
        ":3:21",
        "2 errors",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert_eq!(world.stories(), 0);
}
