//! Floor 2: pixels as numbers — decoding compressed frames, and making pictures of them. Pure and slow: whoever calls
//! keeps it off the threads that serve. Where frames come from is the origin's.
//!
//! | I want to … | open |
//! |---|---|
//! | decode a frame of a transfer syntax | [`decode`], [`rle`], [`jpeg_12`], [`jpeg_ls`] |
//! | change what of a head decides how a frame looks | [`look`] |
//! | change how values become grey levels and colours | [`picture`], [`window`], [`lut`] |
//! | fit a picture into a viewport, make a file of it | [`scale`], [`encode`] |
//! | change which colour profile a file has, and its colours with it | [`icc`] |

mod bits;
pub mod decode;
pub mod encode;
pub mod icc;
pub mod jpeg_12;
mod jpeg_12_block;
pub mod jpeg_ls;
mod jpeg_ls_scan;
pub mod look;
pub mod lut;
pub mod picture;
pub mod rle;
pub mod scale;
mod segments;
#[cfg(test)]
mod tests;
pub mod window;
pub mod wish;

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
