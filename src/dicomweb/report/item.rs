//! A report as a list of its content items in the order in which they are read, each with how deep it stands: a list can be
//! written, and dropped, without recursion. Where the items come from is `read`'s, how they look each form's.

/// A report that was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Concept Name of the root.
    pub title: String,
    /// Completion Flag (0040,A491).
    pub completion: String,
    /// Verification Flag (0040,A493).
    pub verification: String,
    /// All content items below the root; each stands at most one deeper than the one before it.
    pub items: Vec<Item>,
}

/// One content item (PS3.3 C.17.3).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// 1 below the root.
    pub depth: usize,
    /// Value Type (0040,A040); empty if it only refers to another item.
    pub kind: String,
    /// Relationship Type (0040,A010).
    pub relation: String,
    /// What its value is of: the meaning of its Concept Name.
    pub name: String,
    /// What it says; of most kinds one value.
    pub values: Vec<Value>,
    /// What kind of coordinates it has, and how many numbers they are.
    pub shape: String,
    pub numbers: usize,
}

/// A value for people to read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    pub text: String,
    /// The meaning of its Measurement Units Code.
    pub unit: String,
}

impl Report {
    /// Never empty.
    pub fn title(&self) -> &str {
        if self.title.is_empty() { "Report" } else { &self.title }
    }

    /// What is said about the whole: names and values, those that are there.
    pub fn flags(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let flags = [("Completion", &*self.completion), ("Verification", &*self.verification)];
        flags.into_iter().filter(|(_, value)| !value.is_empty())
    }
}

impl Item {
    pub fn is_container(&self) -> bool {
        self.kind == "CONTAINER"
    }

    /// Coordinates are counted: nobody reads them.
    pub fn coordinates(&self) -> Option<String> {
        let count = match self.numbers {
            0 if self.shape.is_empty() => return None,
            1 => "1 number".to_owned(),
            count => format!("{count} numbers"),
        };
        Some(if self.shape.is_empty() { count } else { format!("{}, {count}", self.shape) })
    }

    /// All that it says, on one line as far as its texts are.
    pub fn said(&self) -> String {
        let with_unit = |value: &Value| match value.unit.as_str() {
            "" => value.text.clone(),
            unit => format!("{} {unit}", value.text),
        };
        let values = self.values.iter().map(with_unit).chain(self.coordinates());
        values.collect::<Vec<_>>().join(", ")
    }
}
