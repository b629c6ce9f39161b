//! Any bytes through the rewriter: no panic, the same output or refusal however the bytes are cut, and an output that can
//! be rewritten again. The first byte chooses the profile and the size of the chunks.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use veilgate::deid::engine::Engine;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::{Policy, Profile};
use veilgate::deid::pseudonym::ProjectKey;
use veilgate::deid::refusal::Refusal;
use veilgate::deid::rewriter::{Options, Rewriter};
use veilgate::dicom::instance::Limits;

/// An engine for each preset, everything doubtful let pass.
static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let lenient = |profile: &Profile| Profile {
        burned_in: Policy::Pass,
        recognizable_visual_features: Policy::Pass,
        private_sop_class: Policy::Pass,
        trust_sender_private_claim: true,
        ..profile.clone()
    };
    let key = ProjectKey::from_bytes([7; 32]);
    Profile::presets().iter().map(|profile| Engine::new(Plan::new(&lenient(profile)), &key)).collect()
});

fn rewrite(engine: &Engine, bytes: &Bytes, step: usize) -> Result<Vec<u8>, Refusal> {
    let limits = Limits { head: 1 << 20, depth: 32, inflated: 4 << 20 };
    let mut rewriter = Rewriter::new(engine, Options { limits, ..Options::default() });
    let mut out = Vec::new();
    for at in (0..bytes.len()).step_by(step) {
        let chunk = bytes.slice(at..bytes.len().min(at + step));
        rewriter.push(chunk, &mut out).map_err(|refused| refused.refusal)?;
    }
    rewriter.finish(&mut out).map_err(|refused| refused.refusal)?;
    Ok(out.concat())
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let Some(engine) = ENGINES.get(usize::from(*choice) % 3) else { return };
    let bytes = Bytes::copy_from_slice(rest);
    let whole = rewrite(engine, &bytes, bytes.len().max(1));
    let pieces = rewrite(engine, &bytes, usize::from(*choice) / 3 + 1);
    assert!(whole == pieces, "pieces end otherwise: {:?} and {:?}", whole.err(), pieces.err());
    if let Ok(output) = whole {
        let again = rewrite(engine, &output.into(), usize::MAX);
        assert!(again.is_ok(), "an output is refused: {:?}", again.err());
    }
});
