//! Reads the Image Pixel Description out of JPEG, JPEG-LS and JPEG 2000 code streams
//! (PS3.18 10.5.2; ITU-T T.81, T.87, T.800). Headers only, bounded; no pixel is decoded.

/// What a code stream says about its image (PS3.3 C.7.6.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Rows (0028,0010).
    pub rows: u16,
    /// Columns (0028,0011).
    pub columns: u16,
    /// Samples per Pixel (0028,0002): 1 or 3.
    pub samples: u16,
    /// Bits Stored (0028,0101), 1 to 32.
    pub bits_stored: u16,
    /// Pixel Representation (0028,0103) is 1.
    pub signed: bool,
    /// Photometric Interpretation (0028,0004).
    pub photometric: &'static str,
    /// How it is compressed.
    pub coding: Coding,
}

/// The compression process, as far as it decides the transfer syntax (PS3.5 A.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// JPEG process 1.
    JpegBaseline,
    /// JPEG processes 2 and 4.
    JpegExtended,
    /// JPEG process 10, retired: no instance is made with it, but some hold it under the name of process 1.
    JpegProgressive,
    /// JPEG process 14; selection value 1 has a transfer syntax of its own.
    JpegLossless {
        /// Selection value 1.
        first_order: bool,
    },
    /// JPEG-LS.
    JpegLs {
        /// NEAR is 0.
        lossless: bool,
    },
    /// JPEG 2000 or, with `high_throughput`, its part 15.
    Jpeg2000 {
        /// The reversible wavelet is used.
        reversible: bool,
        /// Part 15 (HTJ2K).
        high_throughput: bool,
    },
}

impl Description {
    /// Bits Allocated (0028,0100) for this depth.
    pub fn bits_allocated(&self) -> u16 {
        match self.bits_stored {
            0..=8 => 8,
            9..=16 => 16,
            _ => 32,
        }
    }
}

impl Coding {
    /// The transfer syntax of exactly this process.
    pub fn transfer_syntax(self) -> &'static str {
        match self {
            Self::JpegBaseline => "1.2.840.10008.1.2.4.50",
            Self::JpegExtended => "1.2.840.10008.1.2.4.51",
            Self::JpegProgressive => "1.2.840.10008.1.2.4.55",
            Self::JpegLossless { first_order: true } => "1.2.840.10008.1.2.4.70",
            Self::JpegLossless { first_order: false } => "1.2.840.10008.1.2.4.57",
            Self::JpegLs { lossless: true } => "1.2.840.10008.1.2.4.80",
            Self::JpegLs { lossless: false } => "1.2.840.10008.1.2.4.81",
            Self::Jpeg2000 { reversible: true, high_throughput: false } => "1.2.840.10008.1.2.4.90",
            Self::Jpeg2000 { reversible: false, high_throughput: false } => "1.2.840.10008.1.2.4.91",
            Self::Jpeg2000 { reversible: true, high_throughput: true } => "1.2.840.10008.1.2.4.201",
            Self::Jpeg2000 { reversible: false, high_throughput: true } => "1.2.840.10008.1.2.4.203",
        }
    }
}

/// Bytes of a code stream that are looked at: headers with colour profile and preview.
pub const HEADER_LIMIT: usize = 1 << 20;

/// The first box of a JP2 file (ITU-T T.800 I.5.1).
pub const JP2_SIGNATURE: &[u8] = b"\0\0\0\x0CjP  \r\n\x87\n";

/// Reads the headers at the start of `bytes`; `None` if they are of another kind,
/// damaged, longer than the bytes, or describe what DICOM cannot hold.
pub fn describe(bytes: &[u8]) -> Option<Description> {
    let bytes = bytes.get(..bytes.len().min(HEADER_LIMIT))?;
    match bytes {
        [0xFF, 0xD8, ..] => jpeg(bytes),
        [0xFF, 0x4F, 0xFF, 0x51, ..] => jpeg_2000(bytes),
        _ => jpeg_2000(bytes.get(boxed_stream(bytes)?.0..)?),
    }
}

/// Where the bare code stream begins in a JP2 file, which DICOM does not hold
/// (PS3.5 A.4.4), and its length in bytes unless it runs to the end; `None` if this is
/// no such file.
pub fn boxed_stream(bytes: &[u8]) -> Option<(usize, Option<u64>)> {
    if !bytes.starts_with(JP2_SIGNATURE) {
        return None;
    }
    let mut at = JP2_SIGNATURE.len();
    loop {
        let (short, kind) = (u32_at(bytes, at)?, bytes.get(at + 4..at + 8)?);
        let (header, size) = match short {
            1 => (16, u64::from(u32_at(bytes, at + 8)?) << 32 | u64::from(u32_at(bytes, at + 12)?)),
            _ => (8, u64::from(short)),
        };
        if kind == b"jp2c" {
            return Some((at + header, size.checked_sub(header as u64)));
        }
        // A box of size 0 runs to the end; one smaller than its header never ends.
        at = at.checked_add(usize::try_from(size).ok().filter(|size| *size >= header)?)?;
    }
}

/// What a frame header (SOF) says.
struct Frame {
    marker: u8,
    precision: u8,
    rows: u16,
    columns: u16,
    ids: Vec<u8>,
    subsampled: bool,
}

fn jpeg(bytes: &[u8]) -> Option<Description> {
    let (mut at, mut frame, mut transform) = (2, None, None);
    loop {
        while bytes.get(at..at + 2)? == [0xFF, 0xFF] {
            at += 1;
        }
        let &[0xFF, marker] = bytes.get(at..at + 2)? else { return None };
        let len = usize::from(u16_at(bytes, at + 2)?);
        let body = bytes.get(at + 4..at + 2 + len)?;
        match marker {
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF | 0xF7 => frame = Some(frame_header(marker, body)?),
            0xEE if body.starts_with(b"Adobe") => transform = body.get(11).copied(),
            0xDA => return jpeg_description(&frame?, transform, body),
            _ => {}
        }
        at += 2 + len;
    }
}

fn frame_header(marker: u8, body: &[u8]) -> Option<Frame> {
    let components = body.get(6..)?.chunks_exact(3).take(usize::from(*body.get(5)?));
    let sampling = |part: &[u8]| part.get(1).copied().unwrap_or_default();
    let samplings: Vec<u8> = components.clone().map(sampling).collect();
    Some(Frame {
        marker,
        precision: *body.first()?,
        rows: u16_at(body, 1)?,
        columns: u16_at(body, 3)?,
        ids: components.filter_map(|part| part.first().copied()).collect(),
        subsampled: samplings.windows(2).any(|pair| pair.first() != pair.last()),
    })
}

/// `scan`: the body of the first scan header, which holds the predictor or NEAR.
fn jpeg_description(frame: &Frame, transform: Option<u8>, scan: &[u8]) -> Option<Description> {
    let parameter = *scan.get(1 + 2 * usize::from(*scan.first()?))?;
    let coding = match frame.marker {
        0xC0 => Coding::JpegBaseline,
        0xC1 => Coding::JpegExtended,
        0xC2 => Coding::JpegProgressive,
        0xC3 => Coding::JpegLossless { first_order: parameter == 1 },
        0xF7 => Coding::JpegLs { lossless: parameter == 0 },
        _ => return None,
    };
    let lossy = matches!(coding, Coding::JpegBaseline | Coding::JpegExtended | Coding::JpegProgressive);
    let photometric = match (frame.ids.as_slice(), transform) {
        ([_], _) => "MONOCHROME2",
        ([b'R', b'G', b'B'], _) | ([_, _, _], Some(0)) => "RGB",
        ([_, _, _], _) if !lossy => "RGB",
        ([_, _, _], _) if frame.subsampled => "YBR_FULL_422",
        ([_, _, _], _) => "YBR_FULL",
        _ => return None,
    };
    let samples = u16::try_from(frame.ids.len()).ok()?;
    let bits_stored = u16::from(frame.precision);
    let (rows, columns) = (frame.rows, frame.columns);
    checked(Description { rows, columns, samples, bits_stored, signed: false, photometric, coding })
}

fn jpeg_2000(bytes: &[u8]) -> Option<Description> {
    let (mut at, mut size, mut high_throughput) = (2, None, false);
    loop {
        let &[0xFF, marker] = bytes.get(at..at + 2)? else { return None };
        let len = usize::from(u16_at(bytes, at + 2)?);
        let body = bytes.get(at + 4..at + 2 + len)?;
        match marker {
            0x51 => size = Some(body),
            0x50 => high_throughput = true,
            0x52 => return jpeg_2000_description(size?, body, high_throughput),
            0x90 => return None,
            _ => {}
        }
        at += 2 + len;
    }
}

/// `size`: the body of SIZ; `style`: that of COD, with transformations.
fn jpeg_2000_description(size: &[u8], style: &[u8], high_throughput: bool) -> Option<Description> {
    let extent = |at: usize| u16::try_from(u32_at(size, at)?.checked_sub(u32_at(size, at + 8)?)?).ok();
    let (samples, depth) = (u16_at(size, 34)?, *size.get(36)?);
    let reversible = *style.get(9)? == 1;
    let photometric = match (samples, *style.get(4)?, reversible) {
        (1, ..) => "MONOCHROME2",
        (3, 0, _) => "RGB",
        (3, _, true) => "YBR_RCT",
        (3, _, false) => "YBR_ICT",
        _ => return None,
    };
    checked(Description {
        rows: extent(6)?,
        columns: extent(2)?,
        samples,
        bits_stored: u16::from(depth & 0x7F) + 1,
        signed: depth & 0x80 != 0,
        photometric,
        coding: Coding::Jpeg2000 { reversible, high_throughput },
    })
}

/// Only what Image Pixel attributes can say (PS3.3 C.7.6.3).
fn checked(found: Description) -> Option<Description> {
    (found.rows > 0 && found.columns > 0 && (1..=32).contains(&found.bits_stored)).then_some(found)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], &len[..], body].concat()
    }

    /// A JPEG of 3 rows and 5 columns whose components have these ids and samplings.
    pub fn jpeg_of(sof: u8, precision: u8, components: &[(u8, u8)], parameter: u8) -> Vec<u8> {
        let count = u8::try_from(components.len()).unwrap();
        let frame = [
            &[precision, 0, 3, 0, 5, count][..],
            &components.iter().flat_map(|(id, hv)| [*id, *hv, 0]).collect::<Vec<_>>(),
        ]
        .concat();
        let scan = [&[count][..], &vec![0; components.len() * 2], &[parameter, 0, 0]].concat();
        let parts = [
            vec![0xFF, 0xD8, 0xFF],
            segment(0xE1, b"Exif\xFF\xD8 a preview"),
            segment(0xC4, &[0; 20]),
            segment(sof, &frame),
            segment(0xDA, &scan),
        ];
        [parts.concat(), vec![1, 2, 3, 0xFF, 0xD9]].concat()
    }

    /// A JPEG 2000 head of 3 rows and 5 columns.
    pub fn j2k_of(components: u16, depth: u8, mct: u8, transformation: u8, cap: bool) -> Vec<u8> {
        let mut siz = vec![0, 0];
        for extent in [105u32, 53, 100, 50, 105, 53, 0, 0] {
            siz.extend(extent.to_be_bytes());
        }
        siz.extend(components.to_be_bytes());
        siz.extend([depth, 1, 1].repeat(usize::from(components)));
        let capability = if cap { segment(0x50, &[0, 2, 0, 0, 0, 0]) } else { Vec::new() };
        [
            vec![0xFF, 0x4F],
            segment(0x51, &siz),
            capability,
            segment(0x52, &[0, 0, 0, 1, mct, 5, 4, 4, 0, transformation]),
        ]
        .concat()
    }

    #[test]
    fn stow_18_jpeg_processes_are_told_apart() {
        let grey = [(1, 0x11)];
        for (sof, parameter, syntax) in [
            (0xC0, 0, "50"),
            (0xC1, 0, "51"),
            (0xC2, 0, "55"),
            (0xC3, 1, "70"),
            (0xC3, 6, "57"),
            (0xF7, 0, "80"),
            (0xF7, 2, "81"),
        ] {
            let found = describe(&jpeg_of(sof, 12, &grey, parameter)).unwrap();
            assert_eq!(found.coding.transfer_syntax(), format!("1.2.840.10008.1.2.4.{syntax}"));
            assert_eq!((found.rows, found.columns, found.samples), (3, 5, 1));
            assert_eq!(
                (found.bits_stored, found.bits_allocated(), found.photometric),
                (12, 16, "MONOCHROME2")
            );
        }
    }

    #[test]
    fn stow_18_the_colour_space_of_a_jpeg_is_found() {
        let photometric =
            |sof, components: &[(u8, u8)]| describe(&jpeg_of(sof, 8, components, 1)).unwrap().photometric;
        assert_eq!(photometric(0xC0, &[(1, 0x22), (2, 0x11), (3, 0x11)]), "YBR_FULL_422");
        assert_eq!(photometric(0xC0, &[(1, 0x11), (2, 0x11), (3, 0x11)]), "YBR_FULL");
        assert_eq!(photometric(0xC0, &[(b'R', 0x11), (b'G', 0x11), (b'B', 0x11)]), "RGB");
        assert_eq!(photometric(0xC3, &[(1, 0x11), (2, 0x11), (3, 0x11)]), "RGB");
    }

    #[test]
    fn stow_18_jpeg_2000_headers_give_extent_depth_and_transformation() {
        let found = describe(&j2k_of(1, 0x8B, 0, 1, false)).unwrap();
        assert_eq!((found.rows, found.columns, found.bits_stored, found.signed), (3, 5, 12, true));
        assert_eq!(found.coding.transfer_syntax(), "1.2.840.10008.1.2.4.90");
        let colour = describe(&j2k_of(3, 7, 1, 0, false)).unwrap();
        assert_eq!(
            (colour.photometric, colour.coding.transfer_syntax()),
            ("YBR_ICT", "1.2.840.10008.1.2.4.91")
        );
        assert_eq!(
            describe(&j2k_of(3, 7, 1, 1, true)).unwrap().coding.transfer_syntax(),
            "1.2.840.10008.1.2.4.201"
        );
    }

    #[test]
    fn the_code_stream_inside_a_jp2_file_is_found() {
        let stream = j2k_of(1, 7, 0, 1, false);
        let file = [&b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x0Cftypjp2 \0\0\0\0jp2c"[..], &stream].concat();
        assert_eq!(boxed_stream(&file), Some((32, None)));
        assert_eq!(describe(&file), describe(&stream));
        assert_eq!(boxed_stream(b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\0ftyp----------"), None);
    }

    #[test]
    fn arithmetic_four_component_and_empty_images_are_not_described() {
        assert_eq!(describe(&jpeg_of(0xC9, 8, &[(1, 0x11)], 0)), None);
        assert_eq!(describe(&jpeg_of(0xC0, 8, &[(1, 0x11); 4], 0)), None);
        let mut empty = jpeg_of(0xC0, 8, &[(1, 0x11)], 0);
        let at = empty.windows(2).position(|pair| pair == [0, 3]).unwrap();
        empty[at + 1] = 0;
        assert_eq!(describe(&empty), None);
    }

    proptest! {
        #[test]
        fn damaged_headers_never_panic(at in 0usize..120, byte: u8, cut in 0usize..150, kind in 0usize..2) {
            let mut stream = [jpeg_of(0xC0, 8, &[(1, 0x22), (2, 0x11), (3, 0x11)], 0), j2k_of(3, 7, 1, 1, true)][kind].clone();
            if let Some(place) = stream.get_mut(at) {
                *place = byte;
            }
            let _ = describe(&stream[..cut.min(stream.len())]);
        }
    }
}
