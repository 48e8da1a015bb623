//! Where each task stands in the plan.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Ix;
use crate::model::TaskId;

/// Positions by id. Every event about a task is looked up here.
pub(super) type Index = HashMap<TaskId, Ix, BuildHasherDefault<Fnv>>;

/// The FNV-1a hash: fast for short ids. That it can be flooded does not matter, since a plan's author floods no one else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
