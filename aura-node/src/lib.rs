//! The native part of the Node package. Texts and handles cross the border; everything that can be JavaScript is in `lib/`.
//!
//! An error's message is the JSON text of [`embed::error_json`]. Nothing here unwinds into Node: panics of synchronous functions are
//! caught by `catch_unwind`, those of asynchronous ones reject their promise.

#![expect(
    clippy::needless_pass_by_value,
    reason = "what crosses the border is owned"
)]

pub mod engine;
pub mod jobs;
mod keys;

use aura_core::embed;
use napi_derive::napi;

fn fail(error: aura_core::Error) -> napi::Error {
    napi::Error::from_reason(embed::error_json(&error))
}

/// Calls a function that needs no repository; see [`embed::call`].
#[napi(catch_unwind)]
pub fn call(function: String, arguments: String) -> napi::Result<String> {
    let answer = embed::call(&function, &keys::to_snake(&arguments)).map_err(fail)?;
    // A schema's members are the names that it describes.
    Ok(match function.as_str() {
        "plan_schema" => answer,
        _ => keys::to_camel(&answer),
    })
}

/// The `aura` command; see [`aura_cli::main`].
#[napi(catch_unwind)]
pub fn main(arguments: Vec<String>, own: Vec<String>) -> u32 {
    let own = own.into_iter().map(Into::into).collect();
    aura_cli::main(arguments.into_iter().map(Into::into), own).into()
}

/// The names that the library offers, for the test that compares them with the façade.
#[napi(catch_unwind)]
pub fn names(list: String) -> Vec<String> {
    let names = match list.as_str() {
        "methods" => embed::METHODS,
        "functions" => embed::FUNCTIONS,
        "run_methods" => embed::RUN_METHODS,
        "error_kinds" => embed::ERROR_KINDS,
        _ => &[],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}
