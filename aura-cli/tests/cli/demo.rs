//! The demo keeps what it promises.

use crate::support::World;

#[test]
fn the_demo_shows_a_retry_a_conflict_and_a_landing() {
    let world = World::new();
    let dir = world.beside("demo");
    let place = dir.display().to_string();
    let said = world.expect(0, &["demo", "--keep", &place]);
    for part in [
        "retry      discount: attempt 1 was sent back: gate `test` is red",
        "attempt 2 was shown this and was accepted",
        "conflict   check-command: others changed the same lines",
        "kept both, and was accepted",
        "landing    main moved from",
        "The demo is complete",
    ] {
        assert!(
            said.out.contains(part),
            "{part}\n{}\n{}",
            said.out,
            said.err
        );
    }
    assert!(said.err.contains("wave 2: guide"), "{}", said.err);
    let said = world.expect(2, &["demo", "--keep", &place]);
    assert!(said.err.contains("is not empty"), "{}", said.err);
}
