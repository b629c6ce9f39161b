//! What is pushed: synthetic CT instances of a wanted size, as bodies of one POST.

use bytes::Bytes;
use std::sync::Arc;

/// The boundary of all bodies.
pub const BOUNDARY: &str = "veilgate-bench-7f3a";

/// A body that is sent piece by piece and never held whole.
#[derive(Clone)]
pub struct Body {
    /// Media type, to which the boundary is added.
    pub media: &'static str,
    /// What is sent, in order.
    pub pieces: Arc<Vec<Bytes>>,
    /// Bytes of all pieces.
    pub len: u64,
    /// Instances in it.
    pub instances: usize,
}

/// One CT instance: everything before its pixels, and how many pixel bytes follow.
pub fn ct(number: usize, pixels: u32, frames: u32) -> Vec<u8> {
    let mut set = Vec::new();
    text(&mut set, 0x0008, 0x0005, "CS", "ISO_IR 100");
    text(&mut set, 0x0008, 0x0008, "CS", "ORIGINAL\\PRIMARY\\AXIAL");
    text(&mut set, 0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2");
    text(&mut set, 0x0008, 0x0018, "UI", &format!("1.2.826.0.1.3680043.9.1.{number}"));
    text(&mut set, 0x0008, 0x0020, "DA", "20260102");
    text(&mut set, 0x0008, 0x0030, "TM", "101112");
    text(&mut set, 0x0008, 0x0050, "SH", "A123456");
    text(&mut set, 0x0008, 0x0060, "CS", "CT");
    text(&mut set, 0x0008, 0x0070, "LO", "ACME");
    text(&mut set, 0x0008, 0x0080, "LO", "General Hospital");
    text(&mut set, 0x0008, 0x0090, "PN", "Doctor^Refers");
    text(&mut set, 0x0008, 0x103E, "LO", "Thorax 1.0");
    text(&mut set, 0x0010, 0x0010, "PN", "Doe^Jane");
    text(&mut set, 0x0010, 0x0020, "LO", "PID-4711");
    text(&mut set, 0x0010, 0x0030, "DA", "19700102");
    text(&mut set, 0x0010, 0x0040, "CS", "F");
    for element in 0..40u16 {
        text(&mut set, 0x0018, 0x9300 + element, "DS", "1.25");
    }
    text(&mut set, 0x0020, 0x000D, "UI", "1.2.826.0.1.3680043.9.2");
    text(&mut set, 0x0020, 0x000E, "UI", "1.2.826.0.1.3680043.9.3");
    text(&mut set, 0x0020, 0x0013, "IS", &number.to_string());
    element_bytes(&mut set, 0x0028, 0x0002, "US", &1u16.to_le_bytes());
    text(&mut set, 0x0028, 0x0004, "CS", "MONOCHROME2");
    text(&mut set, 0x0028, 0x0008, "IS", &frames.to_string());
    let side = if pixels < 512 * 512 * 2 { 64u16 } else { 512 };
    for (element, value) in
        [(0x0010, side), (0x0011, side), (0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)]
    {
        element_bytes(&mut set, 0x0028, element, "US", &value.to_le_bytes());
    }
    set.extend([0xE0, 0x7F, 0x10, 0x00]);
    set.extend(b"OW\0\0");
    set.extend(pixels.to_le_bytes());
    [meta(number), set].concat()
}

fn meta(number: usize) -> Vec<u8> {
    let mut group = Vec::new();
    text(&mut group, 0x0002, 0x0002, "UI", "1.2.840.10008.5.1.4.1.1.2");
    text(&mut group, 0x0002, 0x0003, "UI", &format!("1.2.826.0.1.3680043.9.1.{number}"));
    text(&mut group, 0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1");
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    element_bytes(&mut file, 0x0002, 0x0000, "UL", &(group.len() as u32).to_le_bytes());
    file.extend(group);
    file
}

fn text(out: &mut Vec<u8>, group: u16, element: u16, vr: &str, value: &str) {
    let mut value = value.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    element_bytes(out, group, element, vr, &value);
}

fn element_bytes(out: &mut Vec<u8>, group: u16, element: u16, vr: &str, value: &[u8]) {
    out.extend(group.to_le_bytes());
    out.extend(element.to_le_bytes());
    out.extend(vr.as_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    out.extend(value);
}

/// Pixels that do not compress and do not repeat within a piece.
pub fn noise(len: usize) -> Bytes {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let next = move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..len.div_ceil(8)).flat_map(next).take(len).collect()
}

/// A multipart body of `count` instances with `pixels` bytes of pixel data each.
pub fn body(count: usize, pixels: u64, frames: u32) -> Body {
    body_from(0, count, pixels, frames)
}

/// The same, numbered from `first`.
pub fn body_from(first: usize, count: usize, pixels: u64, frames: u32) -> Body {
    const PIECE: u64 = 1 << 20;
    let piece = noise(PIECE.min(pixels) as usize);
    let mut pieces = Vec::new();
    for number in first..first + count {
        let head = format!("\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n");
        pieces.push(Bytes::from([head.into_bytes(), ct(number, pixels as u32, frames)].concat()));
        let mut left = pixels;
        while left > 0 {
            let take = left.min(PIECE);
            pieces.push(piece.slice(..take as usize));
            left -= take;
        }
    }
    pieces.push(Bytes::from(format!("\r\n--{BOUNDARY}--\r\n")));
    let len = pieces.iter().map(|piece| piece.len() as u64).sum();
    Body {
        media: "multipart/related; type=\"application/dicom\"",
        pieces: Arc::new(pieces),
        len,
        instances: count,
    }
}

/// Slices of 513 KiB whose 12-bit noise zlib deflates to 39 % at level 6.
pub fn slices(count: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    // The sum of twelve has a deviation of 1.
    let mut sample = move || 1024.0 + 6.0 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0);
    let slice = |number| {
        let pixels = (0..512 * 512).flat_map(|_| (sample().round() as u16).to_le_bytes());
        let mut file = ct(number, 512 << 10, 1);
        file.extend(pixels);
        file
    };
    (0..count).map(slice).collect()
}

/// A form of `count` files, made of the given ones in turn.
pub fn form(count: usize, files: &[Vec<u8>]) -> Body {
    let files: Vec<Bytes> = files.iter().cloned().map(Bytes::from).collect();
    let mut pieces = Vec::new();
    for (number, file) in files.iter().cycle().take(count).enumerate() {
        pieces.push(Bytes::from(format!(
            "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"IM{number}.dcm\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )));
        pieces.push(file.clone());
    }
    pieces.push(Bytes::from(format!("\r\n--{BOUNDARY}--\r\n")));
    let len = pieces.iter().map(|piece| piece.len() as u64).sum();
    Body { media: "multipart/form-data", pieces: Arc::new(pieces), len, instances: count }
}
