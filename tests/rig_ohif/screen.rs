//! Pictures as pixels, and whether they show what they should.

use std::collections::BTreeSet;

/// A picture of three bytes a pixel.
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

/// Brightness of the body and the four inserts of `make-dicom.py`'s picture, by their place in parts of the picture's side.
const PHANTOM: [(f64, f64, i32); 6] = [
    (0.02, 0.02, 0),
    (0.5, 0.3, 120),
    (0.35, 0.4, 20),
    (0.65, 0.4, 180),
    (0.35, 0.62, 220),
    (0.65, 0.62, 255),
];

impl Picture {
    /// Of a PNG with transparency, as a canvas gives it.
    pub fn png(file: &[u8]) -> Picture {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
        let pixels = bytes.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Picture { width: info.width as usize, height: info.height as usize, pixels }
    }

    /// Of a JPEG in colours.
    pub fn jpeg(file: &[u8]) -> Picture {
        let mut decoder = jpeg_decoder::Decoder::new(file);
        let bytes = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        assert_eq!(info.pixel_format, jpeg_decoder::PixelFormat::RGB24);
        let pixels = bytes.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Picture { width: info.width.into(), height: info.height.into(), pixels }
    }

    /// How many pixels are so.
    pub fn count(&self, of: impl Fn([u8; 3]) -> bool) -> usize {
        self.pixels.iter().filter(|pixel| of(**pixel)).count()
    }

    /// The part between these columns and lines.
    pub fn part(&self, columns: std::ops::Range<usize>, lines: std::ops::Range<usize>) -> Picture {
        let (width, height) = (columns.len(), lines.len());
        let line = |at: usize| self.pixels[at * self.width..][columns.clone()].iter().copied();
        Picture { width, height, pixels: lines.flat_map(line).collect() }
    }

    /// How many different colours there are.
    pub fn levels(&self) -> usize {
        self.pixels.iter().collect::<BTreeSet<_>>().len()
    }

    /// Of the same size and nowhere far apart: what decoders may differ by in rounding.
    pub fn like(&self, other: &Picture) -> bool {
        let near =
            |(one, two): (&[u8; 3], &[u8; 3])| one.iter().zip(two).all(|(one, two)| one.abs_diff(*two) <= 2);
        self.pixels.len() == other.pixels.len() && self.pixels.iter().zip(&other.pixels).all(near)
    }

    /// A body with four inserts, each as bright as it was made, drawn as large as fits and in the middle.
    pub fn shows_phantom(&self, name: &str) {
        let side = self.width.min(self.height) as f64;
        let (left, top) = ((self.width as f64 - side) / 2.0, (self.height as f64 - side) / 2.0);
        for (x, y, expected) in PHANTOM {
            let at = (top + y * side) as usize * self.width + (left + x * side) as usize;
            let near = self.pixels[at].iter().all(|part| (i32::from(*part) - expected).abs() <= 12);
            assert!(near, "{name}: {:?} where brightness {expected} belongs", self.pixels[at]);
        }
    }
}
