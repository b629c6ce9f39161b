//! The action codes of PS3.15 Table E.1-1a as they stand in the table's cells. What they come to lives in `outcome`.

use std::fmt;

/// A code of the Basic Profile column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Remove.
    X,
    /// Empty, or a dummy.
    Z,
    /// Dummy.
    D,
    /// Replacement UID.
    U,
    /// X, or Z at Type 2.
    XorZ,
    /// X, or D at Type 1.
    XorD,
    /// Z, or D at Type 1.
    ZorD,
    /// X at Type 3, Z at Type 2, D at Type 1.
    XorZorD,
    /// X at Type 3, Z at Type 2; at Type 1 the sequence stays and the UIDs in it are replaced.
    XorZorU,
}

impl Code {
    /// The codes and their spelling in the table.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::X, "X"),
        (Self::Z, "Z"),
        (Self::D, "D"),
        (Self::U, "U"),
        (Self::XorZ, "X/Z"),
        (Self::XorD, "X/D"),
        (Self::ZorD, "Z/D"),
        (Self::XorZorD, "X/Z/D"),
        (Self::XorZorU, "X/Z/U*"),
    ];

    /// Reads a cell of the Basic Profile column.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(code, _)| *code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(code, _)| code == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// A cell of an option column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// The option says nothing about this attribute.
    Blank,
    /// K: keep.
    Keep,
    /// C: clean.
    Clean,
}

impl Cell {
    /// Reads a cell of an option column.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Blank),
            "K" => Some(Self::Keep),
            "C" => Some(Self::Clean),
            _ => None,
        }
    }
}
