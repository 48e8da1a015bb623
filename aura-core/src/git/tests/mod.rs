//! Behaviour on real repositories.

mod added;
mod kit;
mod landings;
mod life;
mod merges;
mod patches;
mod raced;
mod repairs;
mod seals;
mod user;
mod workspaces;
