//! The durable store: one SQLite file that any tool can open.
//!
//! One thread owns the only connection that writes; what is queued while it commits goes into its next
//! transaction, and everybody is answered after the commit that holds their own write. Readers have connections of their own and
//! never wait for the writer. The right to write to a story is an operating system lock on a file, which ends with its process however
//! that ends, and a number in the story's row that grows with each holder: where the lock lies (some network file
//! systems), the number still refuses the writer that was replaced.

mod lock;
mod problem;
mod reader;
mod schema;
mod store;
mod writer;

#[cfg(test)]
mod tests;

pub use store::SqliteStore;
#[cfg(test)]
pub(super) use tests::open_with_rollback_journal;
