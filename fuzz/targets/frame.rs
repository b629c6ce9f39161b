//! Any bytes as a compressed frame: no panic, and what is decoded has the shape that was asked for. The first byte chooses
//! the coding, the next two rows and columns; of JPEG of 12 bits four times as many rows, as its seed has them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veilgate::raster::{jpeg_12, jpeg_ls, rle};

fuzz_target!(|data: &[u8]| {
    let &[coding, rows, columns, ref frame @ ..] = data else { return };
    let (width, height) = (usize::from(columns) + 1, usize::from(rows) + 1);
    let samples = usize::from(coding >> 4 & 1) * 2 + 1;
    match coding & 3 {
        0 => {
            let cells = usize::from(coding >> 5 & 1) + 1;
            if let Ok(bytes) = rle::decode(frame, width * height, samples, cells) {
                assert_eq!(bytes.len(), width * height * samples * cells);
            }
        }
        1 => {
            if let Ok(decoded) = jpeg_ls::decode(frame, width, height, samples) {
                assert_eq!(decoded.samples.len(), width * height * samples);
            }
        }
        _ => {
            if let Ok(decoded) = jpeg_12::decode(frame, width, height * 4) {
                assert_eq!(decoded.len(), width * height * 4);
                assert!(decoded.iter().all(|sample| *sample < 1 << 12));
            }
        }
    }
});
