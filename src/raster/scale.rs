//! Cuts a picture and fits it into a viewport (PS3.18 8.3.5.1.3). Pure arithmetic.

use super::picture::Picture;

/// A viewport: its size, and which part of the picture it shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Viewport {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Left end of the part, in pixels of the picture.
    pub left: f64,
    /// Upper end.
    pub top: f64,
    /// Width of the part, negative to flip it; `None` for all that is right of `left`.
    pub part_width: Option<f64>,
    /// Height of the part, negative to flip it; `None` for all that is below `top`.
    pub part_height: Option<f64>,
}

/// The part of a picture that a viewport shows, as large as fits into it with its proportions kept.
pub fn fit(picture: &Picture, viewport: &Viewport) -> Picture {
    let across = span(viewport.left, viewport.part_width, picture.width);
    let down = span(viewport.top, viewport.part_height, picture.height);
    let factor = (f64::from(viewport.width) / across.1.abs()).min(f64::from(viewport.height) / down.1.abs());
    let size = |length: f64, most: u32| ((length.abs() * factor).round() as u32).clamp(1, most.max(1));
    let (width, height) = (size(across.1, viewport.width), size(down.1, viewport.height));
    let columns = steps(across, width, picture.width);
    let rows = steps(down, height, picture.height);
    let mut data = Vec::with_capacity(width as usize * height as usize * picture.channels);
    for row in &rows {
        for column in &columns {
            mean(picture, row, column, &mut data);
        }
    }
    Picture { width, height, channels: picture.channels, data }
}

/// Start and signed length of what is shown, within `size`.
fn span(start: f64, length: Option<f64>, size: u32) -> (f64, f64) {
    let size = f64::from(size);
    let start = start.clamp(0.0, size - 1.0);
    let length = length.filter(|length| *length != 0.0).unwrap_or(size - start);
    let kept = length.abs().min(size - start).max(1.0);
    (start, kept.copysign(length))
}

/// For each pixel of the result, the pixels of the picture that it stands for.
fn steps((start, length): (f64, f64), count: u32, size: u32) -> Vec<std::ops::Range<u32>> {
    let step = length.abs() / f64::from(count);
    let one = |index: u32| {
        let from = start + f64::from(index) * step;
        let first = (from as u32).min(size.saturating_sub(1));
        let last = ((from + step).ceil() as u32).clamp(first + 1, size.max(1));
        // Enlarged, a pixel is the nearest one and no mixture.
        if step <= 1.0 { first..first + 1 } else { first..last }
    };
    let indices: Box<dyn Iterator<Item = u32>> =
        if length < 0.0 { Box::new((0..count).rev()) } else { Box::new(0..count) };
    indices.map(one).collect()
}

fn mean(picture: &Picture, rows: &std::ops::Range<u32>, columns: &std::ops::Range<u32>, out: &mut Vec<u8>) {
    let count = (rows.len() * columns.len()).max(1) as u64;
    for channel in 0..picture.channels {
        let mut sum = 0u64;
        for row in rows.clone() {
            let line = row as usize * picture.width as usize;
            for column in columns.clone() {
                let at = (line + column as usize) * picture.channels + channel;
                sum += u64::from(picture.data.get(at).copied().unwrap_or(0));
            }
        }
        out.push(u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture { width: 4, height: 2, channels: 1, data: vec![0, 10, 20, 30, 40, 50, 60, 70] }
    }

    fn whole(width: u32, height: u32) -> Viewport {
        Viewport { width, height, left: 0.0, top: 0.0, part_width: None, part_height: None }
    }

    #[test]
    fn rend_06_proportions_are_kept_and_parts_flipped() {
        let small = fit(&picture(), &whole(2, 2));
        assert_eq!((small.width, small.height, small.data), (2, 1, vec![25, 45]));
        let large = fit(&picture(), &whole(8, 100));
        assert_eq!((large.width, large.height), (8, 4));
        let flipped = fit(&picture(), &Viewport { part_width: Some(-4.0), ..whole(4, 2) });
        assert_eq!(flipped.data, [30, 20, 10, 0, 70, 60, 50, 40]);
        let part =
            Viewport { left: 2.0, top: 1.0, part_width: Some(2.0), part_height: Some(1.0), ..whole(2, 1) };
        assert_eq!(fit(&picture(), &part).data, [60, 70]);
        let beyond = Viewport { left: 99.0, top: 99.0, ..whole(3, 3) };
        assert_eq!(fit(&picture(), &beyond).data.first(), Some(&70));
    }
}
