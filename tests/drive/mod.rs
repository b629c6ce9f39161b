//! Drives the crate's engine for the tests: a profile, a key, an instance in, an instance out. What came out is judged by
//! `tests/support`, which knows none of this.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

#[cfg(feature = "server")]
pub mod back;
pub mod expect;

use crate::support;
use bytes::Bytes;
use veilgate::deid::engine::Engine;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::{Policy, Profile};
use veilgate::deid::pseudonym::ProjectKey;
use veilgate::deid::receipt::Receipt;
use veilgate::deid::refusal::Refusal;
use veilgate::deid::rewriter::{Options, Rewriter};

/// The presets by name.
pub const PRESETS: [&str; 3] = ["basic", "research", "blank"];

/// The rows of Table E.1-1 as tag and VR, to plant marks in.
pub fn rows() -> Vec<(support::Tag, support::vr::Vr)> {
    support::plant::table_rows().into_iter().map(|row| (row.tag, row.vr)).collect()
}

/// The project key of the tests.
pub fn key() -> ProjectKey {
    ProjectKey::from_bytes([7; 32])
}

/// An engine for a profile, under the tests' key.
pub fn engine(profile: &Profile) -> Engine {
    Engine::new(Plan::new(profile), &key())
}

/// An engine for a preset.
pub fn preset(name: &str) -> Engine {
    engine(&Profile::preset(name).unwrap())
}

/// A preset that lets every doubtful kind of instance pass, to see as many outputs as possible.
pub fn lenient(name: &str) -> Engine {
    engine(&passing(Profile::preset(name).unwrap()))
}

/// The profile with every refusal lifted that a setting can lift.
pub fn passing(profile: Profile) -> Profile {
    Profile {
        burned_in: Policy::Pass,
        recognizable_visual_features: Policy::Pass,
        private_sop_class: Policy::Pass,
        ..profile
    }
}

/// An engine for the text of a profile.
pub fn custom(toml: &str) -> Engine {
    engine(&Profile::parse(toml).unwrap())
}

/// One instance through the rewriter in chunks of `step` bytes; the refusal, and nothing else, when it is refused.
pub fn rewrite(engine: &Engine, input: &[u8], step: usize) -> Result<(Vec<u8>, Receipt), Refusal> {
    rewrite_with(engine, input, step, Options::default())
}

/// The same under other bounds.
pub fn rewrite_with(
    engine: &Engine,
    input: &[u8],
    step: usize,
    options: Options,
) -> Result<(Vec<u8>, Receipt), Refusal> {
    let mut rewriter = Rewriter::new(engine, options);
    let mut out = Vec::new();
    let whole = Bytes::copy_from_slice(input);
    let mut at = 0;
    while at < whole.len() {
        let end = at.saturating_add(step).min(whole.len());
        rewriter.push(whole.slice(at..end), &mut out).map_err(|refused| refused.refusal)?;
        at = end;
    }
    let receipt = rewriter.finish(&mut out).map_err(|refused| refused.refusal)?;
    Ok((out.concat(), receipt))
}

/// One instance through the rewriter at once.
pub fn whole(engine: &Engine, input: &[u8]) -> Result<(Vec<u8>, Receipt), Refusal> {
    rewrite(engine, input, usize::MAX)
}

/// One instance that must pass.
pub fn done(engine: &Engine, input: &[u8]) -> Vec<u8> {
    match whole(engine, input) {
        Ok((output, _)) => output,
        Err(refusal) => panic!("refused: {refusal}"),
    }
}
