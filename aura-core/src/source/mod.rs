//! Where plans come from. So far: plan files and the answers of models, in YAML and JSON, and folders of story files.
//!
//! Text becomes a tree whose every value knows its place, the tree becomes a draft, and
//! [`crate::plan`] judges the draft.

mod json;
mod node;
mod patterns;
mod plan_file;
mod plan_shape;
mod plan_write;
mod stories;
mod yaml;

#[cfg(test)]
mod tests;

pub use plan_write::plan_schema;
