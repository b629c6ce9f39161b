//! The samples of a JPEG-LS scan (ITU-T T.87 A): contexts, prediction, Golomb codes, runs. Headers are `jpeg_ls`'s.

use super::Unfit;
use super::bits::Bits;

const BAD: Unfit = Unfit("a JPEG-LS frame is damaged");

/// Bits of a run's length by run index (T.87 A.2.1).
const RUN_BITS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Contexts of the regular mode; behind them stand the two of interrupted runs.
const REGULAR: usize = 365;

/// Coding parameters; 0 where the default is meant (T.87 C.2.4.1.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct Preset {
    most: i32,
    thresholds: [i32; 3],
    reset: i32,
    near: i32,
    range: i32,
    /// Bits of a mapped error that is written plainly.
    plain: u32,
    limit: u32,
}

impl Preset {
    /// Reads a parameter segment; `None` for mapping tables.
    pub fn read(body: &[u8]) -> Option<Self> {
        let number = |at: usize| body.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes).map(i32::from);
        if body.first() != Some(&1) {
            return None;
        }
        let thresholds = [number(3)?, number(5)?, number(7)?];
        Some(Self { most: number(1)?, thresholds, reset: number(9)?, ..Self::default() })
    }

    /// With defaults in place of zeros, for samples of `bits` bits within `near` (T.87 A.2.1, C.2.4.1.1).
    pub fn complete(mut self, bits: u32, near: i32) -> Option<Self> {
        if self.most == 0 {
            self.most = (1 << bits) - 1;
        }
        let most = self.most;
        let clamp = |value: i32, least: i32| if value > most || value < least { least } else { value };
        let defaults = if most >= 128 {
            let factor = (most.min(4095) + 128) / 256;
            [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
        } else {
            let factor = 256 / (most + 1);
            [2.max(3 / factor + 3 * near), 3.max(7 / factor + 5 * near), 4.max(21 / factor + 7 * near)]
        };
        let mut least = near + 1;
        for (threshold, default) in self.thresholds.iter_mut().zip(defaults) {
            if *threshold == 0 {
                *threshold = clamp(default, least);
            }
            least = *threshold;
        }
        self.reset = if self.reset == 0 { 64 } else { self.reset };
        self.near = near;
        self.range = (most + 2 * near) / (2 * near + 1) + 1;
        self.plain = bits_for(self.range);
        let bits = bits_for(most + 1).max(2);
        self.limit = 2 * (bits + bits.max(8));
        let legal = (1..1 << 16).contains(&most) && near <= 255.min(most / 2) && self.reset >= 3;
        (legal && self.limit > self.plain).then_some(self)
    }
}

/// The least number of bits that hold `count` values.
fn bits_for(count: i32) -> u32 {
    32 - (count - 1).leading_zeros()
}

#[derive(Debug, Clone, Copy)]
struct Context {
    sum: i32,
    bias: i32,
    correction: i32,
    count: i32,
    /// Of interrupted runs: errors below zero.
    negative: i32,
}

/// Samples around the one to be decoded (T.87 A.1).
#[derive(Debug, Clone, Copy)]
struct Around {
    left: i32,
    above: i32,
    above_left: i32,
    above_right: i32,
}

/// One component of a scan: two rows, each with a sample more on both sides.
#[derive(Debug, Clone)]
struct Rows {
    above: Vec<i32>,
    row: Vec<i32>,
    run: usize,
}

/// A scan in flight.
#[derive(Debug)]
pub struct Coder<'a> {
    bits: Bits<'a>,
    preset: Preset,
    width: usize,
    contexts: Vec<Context>,
    rows: Vec<Rows>,
}

impl<'a> Coder<'a> {
    /// A scan of `components` components in rows of `width` samples.
    pub fn new(scan: &'a [u8], preset: Preset, width: usize, components: usize) -> Self {
        let sum = ((preset.range + 32) / 64).max(2);
        let context = Context { sum, bias: 0, correction: 0, count: 1, negative: 0 };
        let rows = Rows { above: vec![0; width + 2], row: vec![0; width + 2], run: 0 };
        let (contexts, rows) = (vec![context; REGULAR + 2], vec![rows; components]);
        Self { bits: Bits::new(scan), preset, width, contexts, rows }
    }

    /// Decodes the next row of each component, one after the other.
    pub fn lines(&mut self) -> Result<(), Unfit> {
        for component in 0..self.rows.len() {
            let mut at = 1;
            while at <= self.width {
                let around = self.around(component, at)?;
                if let Some(context) = self.context(&around) {
                    let value = self.regular(&around, context)?;
                    self.put(component, at, value);
                    at += 1;
                } else {
                    at = self.run(component..component + 1, at)?;
                }
            }
        }
        Ok(())
    }

    /// Decodes the next row, the components of each pixel together.
    pub fn vectors(&mut self) -> Result<(), Unfit> {
        let components = self.rows.len();
        let mut at = 1;
        while at <= self.width {
            let arounds: Vec<Around> =
                (0..components).map(|it| self.around(it, at)).collect::<Result<_, _>>()?;
            if arounds.iter().all(|around| self.context(around).is_none()) {
                at = self.run(0..components, at)?;
                continue;
            }
            for (component, around) in arounds.iter().enumerate() {
                let context = self.context(around).unwrap_or((0, 1));
                let value = self.regular(around, context)?;
                self.put(component, at, value);
            }
            at += 1;
        }
        Ok(())
    }

    /// Gives the rows out and makes room for the next ones.
    pub fn finish_row(&mut self, out: &mut [Vec<u16>]) {
        for (rows, out) in self.rows.iter_mut().zip(out) {
            let samples = rows.row.iter().skip(1).take(self.width);
            out.extend(samples.map(|sample| u16::try_from(*sample).unwrap_or(0)));
            std::mem::swap(&mut rows.above, &mut rows.row);
            // Beyond the ends stand the nearest samples (T.87 A.2.1).
            let first = rows.above.get(1).copied().unwrap_or(0);
            let last = rows.above.get(self.width).copied().unwrap_or(0);
            rows.above.last_mut().into_iter().for_each(|edge| *edge = last);
            rows.row.first_mut().into_iter().for_each(|edge| *edge = first);
        }
    }

    fn around(&self, component: usize, at: usize) -> Result<Around, Unfit> {
        let rows = self.rows.get(component).ok_or(BAD)?;
        let &[above_left, above, above_right] = rows.above.get(at - 1..at + 2).ok_or(BAD)? else {
            return Err(BAD);
        };
        let left = *rows.row.get(at - 1).ok_or(BAD)?;
        Ok(Around { left, above, above_left, above_right })
    }

    fn put(&mut self, component: usize, at: usize, value: i32) {
        let place = self.rows.get_mut(component).and_then(|rows| rows.row.get_mut(at));
        place.into_iter().for_each(|place| *place = value);
    }

    /// The context and its sign; none where a run is (T.87 A.3).
    fn context(&self, around: &Around) -> Option<(usize, i32)> {
        let gradients = [
            around.above_right - around.above,
            around.above - around.above_left,
            around.above_left - around.left,
        ];
        let [first, second, third] = gradients.map(|gradient| self.quantized(gradient));
        let context = 81 * first + 9 * second + third;
        (context != 0).then(|| (context.unsigned_abs() as usize, context.signum()))
    }

    fn quantized(&self, gradient: i32) -> i32 {
        let [first, second, third] = self.preset.thresholds;
        let size = match gradient.abs() {
            size if size <= self.preset.near => 0,
            size if size < first => 1,
            size if size < second => 2,
            size if size < third => 3,
            _ => 4,
        };
        size * gradient.signum()
    }

    /// T.87 A.4 to A.6.
    fn regular(&mut self, around: &Around, (number, sign): (usize, i32)) -> Result<i32, Unfit> {
        let Preset { most, near, reset, limit, .. } = self.preset;
        let (least, greatest) = (around.left.min(around.above), around.left.max(around.above));
        let median = if around.above_left >= greatest {
            least
        } else if around.above_left <= least {
            greatest
        } else {
            around.left + around.above - around.above_left
        };
        let mut context = *self.contexts.get(number).ok_or(BAD)?;
        let predicted = (median + sign * context.correction).clamp(0, most);
        let k = shift(context.count, context.sum)?;
        let mapped = self.golomb(k, limit)?;
        let special = near == 0 && k == 0 && 2 * context.bias <= -context.count;
        let half = (mapped / 2).cast_signed();
        let error = match (mapped % 2 == 1, special) {
            (true, false) | (false, true) => -half - 1,
            (false, false) | (true, true) => half,
        };
        context.update(error, near, reset);
        self.contexts.get_mut(number).into_iter().for_each(|place| *place = context);
        Ok(self.reconstructed(predicted, sign * error))
    }

    fn reconstructed(&self, predicted: i32, error: i32) -> i32 {
        let Preset { most, near, range, .. } = self.preset;
        let step = 2 * near + 1;
        let value = predicted.saturating_add(error.saturating_mul(step));
        let value = if value < -near {
            value.saturating_add(range * step)
        } else if value > most + near {
            value.saturating_sub(range * step)
        } else {
            value
        };
        value.clamp(0, most)
    }

    /// T.87 A.5.3.
    fn golomb(&mut self, k: u32, limit: u32) -> Result<u32, Unfit> {
        let longest = limit.saturating_sub(self.preset.plain + 1);
        let high = self.bits.zeros(longest)?;
        if high < longest {
            Ok(high << k | self.bits.take(k)?)
        } else {
            Ok(self.bits.take(self.preset.plain)? + 1)
        }
    }

    /// A run of the components from `at` on; where it ends (T.87 A.7).
    fn run(&mut self, components: std::ops::Range<usize>, mut at: usize) -> Result<usize, Unfit> {
        let mut index = self.rows.get(components.start).ok_or(BAD)?.run;
        let from = at - 1;
        let bits = |index: usize| RUN_BITS.get(index).copied().unwrap_or(15);
        while self.bits.take(1)? == 1 {
            let block = 1 << bits(index);
            let count = block.min(self.width + 1 - at);
            at += count;
            index = if count == block { (index + 1).min(31) } else { index };
            if at > self.width {
                self.fill(&components, from, at);
                self.remember(&components, index);
                return Ok(at);
            }
        }
        at += self.bits.take(bits(index))? as usize;
        if at > self.width {
            return Err(BAD);
        }
        self.fill(&components, from, at);
        for component in components.clone() {
            let around = self.around(component, at)?;
            let alike = components.len() == 1 && (around.left - around.above).abs() <= self.preset.near;
            let value = self.interrupted(&around, alike, bits(index))?;
            self.put(component, at, value);
        }
        self.remember(&components, index.saturating_sub(1));
        Ok(at + 1)
    }

    fn remember(&mut self, components: &std::ops::Range<usize>, index: usize) {
        let rows = self.rows.get_mut(components.start);
        rows.into_iter().for_each(|rows| rows.run = index);
    }

    /// The value at `from` up to before `to`.
    fn fill(&mut self, components: &std::ops::Range<usize>, from: usize, to: usize) {
        for rows in self.rows.iter_mut().skip(components.start).take(components.len()) {
            let value = rows.row.get(from).copied().unwrap_or(0);
            rows.row.get_mut(from..to).into_iter().for_each(|run| run.fill(value));
        }
    }

    /// The sample that ends a run (T.87 A.7.2).
    fn interrupted(&mut self, around: &Around, alike: bool, run_bits: u32) -> Result<i32, Unfit> {
        let number = REGULAR + usize::from(alike);
        let mut context = *self.contexts.get(number).ok_or(BAD)?;
        let sum = if alike { context.sum + (context.count >> 1) } else { context.sum };
        let k = shift(context.count, sum)?;
        let mapped = self.golomb(k, self.preset.limit.saturating_sub(run_bits + 1))?.cast_signed();
        let doubled = mapped + i32::from(alike);
        let odd = doubled % 2 == 1;
        let size = (doubled + i32::from(odd)) / 2;
        let negative = (k != 0 || 2 * context.negative >= context.count) == odd;
        let error = if negative { -size } else { size };
        context.negative += i32::from(error < 0);
        context.sum += (mapped + 1 - i32::from(alike)) >> 1;
        if context.count == self.preset.reset {
            context.sum >>= 1;
            context.count >>= 1;
            context.negative >>= 1;
        }
        context.count += 1;
        self.contexts.get_mut(number).into_iter().for_each(|place| *place = context);
        let (predicted, sign) = match alike {
            true => (around.left, 1),
            false if around.left > around.above => (around.above, -1),
            false => (around.above, 1),
        };
        Ok(self.reconstructed(predicted, sign * error))
    }
}

impl Context {
    /// T.87 A.6.
    fn update(&mut self, error: i32, near: i32, reset: i32) {
        self.bias = self.bias.saturating_add(error.saturating_mul(2 * near + 1));
        self.sum = self.sum.saturating_add(error.abs());
        if self.count == reset {
            self.sum >>= 1;
            self.bias = if self.bias >= 0 { self.bias >> 1 } else { -((1 - self.bias) >> 1) };
            self.count >>= 1;
        }
        self.count += 1;
        if self.bias <= -self.count {
            self.bias = (self.bias + self.count).max(1 - self.count);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - self.count).min(0);
            self.correction = (self.correction + 1).min(127);
        }
    }
}

/// The Golomb parameter (T.87 A.5.1).
fn shift(count: i32, sum: i32) -> Result<u32, Unfit> {
    (0..24).find(|k| i64::from(count) << k >= i64::from(sum)).ok_or(BAD)
}
