//! From stored values to grey levels (PS3.3 C.11.1, C.11.2; PS3.18 8.3.5.1.4): rescale, window, inversion. Colours are
//! `picture`'s.

/// A VOI LUT function (PS3.3 C.11.2.1.2, C.11.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// LINEAR.
    Linear,
    /// LINEAR_EXACT.
    LinearExact,
    /// SIGMOID.
    Sigmoid,
}

impl Function {
    /// Reads the name of a query parameter or of (0028,1056).
    pub fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "linear" => Self::Linear,
            "linear-exact" | "linear_exact" => Self::LinearExact,
            "sigmoid" => Self::Sigmoid,
            _ => return None,
        })
    }
}

/// A window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Window Center (0028,1050), in output units of the rescale.
    pub center: f64,
    /// Window Width (0028,1051).
    pub width: f64,
    /// The function between.
    pub function: Function,
}

impl Window {
    /// The window that just shows values from `least` to `most`.
    pub fn around(least: f64, most: f64) -> Self {
        let width = (most - least).max(1.0);
        Self { center: f64::midpoint(least, most), width, function: Function::LinearExact }
    }

    /// The grey level of a value, from 0 to 255.
    pub fn level(&self, value: f64) -> u8 {
        let (center, width) = (self.center, self.width);
        let part = match self.function {
            Function::Linear if width <= 1.0 => f64::from(u8::from(value > center - 0.5)),
            Function::Linear => (value - (center - 0.5)) / (width - 1.0) + 0.5,
            Function::LinearExact => (value - center) / width + 0.5,
            Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - center) / width).exp()),
        };
        // Clamped; what is no number becomes 0.
        (part.clamp(0.0, 1.0) * 255.0).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rend_07_each_function_reaches_its_ends_and_its_middle() {
        for (function, width) in
            [(Function::Linear, 401.0), (Function::LinearExact, 400.0), (Function::Sigmoid, 40.0)]
        {
            let window = Window { center: 40.0, width, function };
            assert_eq!((window.level(-1000.0), window.level(3000.0)), (0, 255), "{function:?}");
            assert!((126..=129).contains(&window.level(40.0)), "{function:?}");
        }
        let narrow = Window { center: 10.0, width: 1.0, function: Function::Linear };
        assert_eq!((narrow.level(9.0), narrow.level(10.0)), (0, 255));
        assert_eq!(Window::around(0.0, 0.0).level(f64::NAN), 0);
    }
}
