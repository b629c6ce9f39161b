//! Floor 2: pixels as numbers — decoding compressed frames, and making pictures of them. Pure and slow: whoever calls
//! keeps it off the threads that serve. Where frames come from is the origin's.
//!
//! | I want to … | open |
//! |---|---|
//! | decode a frame of a transfer syntax | [`decode`], [`rle`] |

pub mod decode;
pub mod rle;

/// Why a frame cannot be decoded or rendered, in words without values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub &'static str);

/// One frame, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Photometric Interpretation of the samples (PS3.3 C.7.6.3.1.2); decoding may change it.
    pub photometric: String,
    /// Samples little endian, those of a pixel side by side, in cells of Bits Allocated.
    pub data: Vec<u8>,
}
