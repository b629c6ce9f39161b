//! PIX: pixel data (PS3.15 E.3.1, E.3.2, PS3.3 C.7.6.1).

use crate::drive;
use crate::instance::{ct, of_class, with};
use crate::support::build::{bytes, text};
use crate::support::samples::{self, sop};
use crate::support::syntax;
use crate::support::walk::walk;
use veilgate::deid::option::ProfileOption;
use veilgate::deid::refusal::Refusal;

#[test]
fn pix_01_03_06_the_pixel_options_are_not_offered() {
    for option in [ProfileOption::CleanPixelData, ProfileOption::CleanRecognizableVisualFeatures] {
        assert!(!option.available());
    }
}

#[test]
fn pix_02_07_no_output_claims_cleaned_pixels() {
    for name in drive::PRESETS {
        for (sample, bytes) in samples::all() {
            let Ok((output, _)) = drive::whole(&drive::lenient(name), &bytes) else { continue };
            let walked = walk(&output);
            let before = walk(&bytes).text((0x0028, 0x0301));
            assert_eq!(walked.text((0x0028, 0x0301)), before, "{name}, {sample}: the flag is the sender's");
            let claims =
                walked.leaves.iter().filter(|leaf| leaf.tag == (0x0008, 0x0100)).map(|leaf| leaf.bytes());
            assert!(
                claims.into_iter().all(|code| code != b"113101" && code != b"113102"),
                "{name}, {sample}"
            );
        }
    }
}

#[test]
fn pix_08_doubtful_pixels_are_refused_and_the_refusal_names_what_lets_them_pass() {
    let burned = ct(vec![text((0x0028, 0x0301), b"CS", "YES")]);
    let silent_ultrasound = of_class(sop::US, vec![bytes((0x7fe0, 0x0010), b"OW", &[0; 32])]);
    for file in [burned, silent_ultrasound] {
        let refusal = drive::whole(&drive::preset("basic"), &file.write()).map(|_| ()).unwrap_err();
        assert!(matches!(refusal, Refusal::Pixels { .. }), "{refusal}");
        let setting = refusal.setting().unwrap();
        assert!(drive::whole(&drive::custom(setting), &file.write()).is_ok(), "{setting} lets it pass");
    }
    let face = ct(vec![text((0x0028, 0x0302), b"CS", "YES")]);
    assert!(drive::whole(&drive::preset("basic"), &face.write()).is_err());
    let clean = with(samples::ct(syntax::EXPLICIT_LE, 1), vec![text((0x0028, 0x0302), b"CS", "NO")]);
    assert!(drive::whole(&drive::preset("basic"), &clean.write()).is_ok());
}
