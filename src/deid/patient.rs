//! Who a patient is before pseudonymization, as one text. From it follow the pseudonym and the date shift.

/// A patient. Identifies: never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Patient {
    /// Patient ID and its issuer, decoded; the issuer may be empty.
    Id(String, String),
    /// Without a Patient ID nobody can tell whether two studies belong to one patient, so the study stands for the
    /// patient: its Study Instance UID.
    Study(String),
}

impl Patient {
    /// The patient of these identifiers.
    pub fn of(id: &str, issuer: &str, study: &str) -> Self {
        if id.is_empty() { Self::Study(study.to_owned()) } else { Self::Id(id.to_owned(), issuer.to_owned()) }
    }

    /// One text per patient and issuer, and one patient per text: where an ID or issuer has line ends of its own, their
    /// lengths tell them apart, in bytes.
    pub fn text(&self) -> String {
        match self {
            Self::Id(id, issuer) if id.contains('\n') || issuer.contains('\n') => {
                format!("lines\n{}\n{id}{issuer}", id.len())
            }
            Self::Id(id, issuer) => format!("id\n{id}\n{issuer}"),
            Self::Study(study) => format!("study\n{study}"),
        }
    }

    /// The patient that a text tells of.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('\n')? {
            ("id", rest) => {
                rest.split_once('\n').map(|(id, issuer)| Self::Id(id.to_owned(), issuer.to_owned()))
            }
            ("lines", rest) => {
                let (length, both) = rest.split_once('\n')?;
                let (id, issuer) = both.split_at_checked(length.parse().ok()?)?;
                Some(Self::Id(id.to_owned(), issuer.to_owned()))
            }
            ("study", study) => Some(Self::Study(study.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_is_read_back_from_its_text() {
        for patient in
            [Patient::of("7", "A", "1.2"), Patient::of("7", "", "1.2"), Patient::of("", "A", "1.2")]
        {
            assert!(Patient::parse(&patient.text()) == Some(patient));
        }
        assert!(Patient::parse("7").is_none() && Patient::parse("id\n7").is_none());
    }

    #[test]
    fn line_ends_in_id_and_issuer_do_not_make_one_patient_of_two() {
        let odd =
            [("A\nB", ""), ("A", "B\n"), ("A", "B"), ("A\n", "B"), ("A", "\nB"), ("\nA", "B"), ("1\nA", "B")];
        let patients = odd.map(|(id, issuer)| Patient::of(id, issuer, ""));
        let texts: std::collections::HashSet<String> = patients.iter().map(Patient::text).collect();
        assert_eq!(texts.len(), odd.len());
        for patient in patients {
            assert!(Patient::parse(&patient.text()) == Some(patient));
        }
        assert_eq!(Patient::of("A\tB", "C\r", "").text(), "id\nA\tB\nC\r", "as ever");
        // As it was kept before.
        assert!(Patient::parse("id\nA\nB\n") == Some(Patient::of("A", "B\n", "")));
        for wrong in ["lines\n", "lines\n2", "lines\nx\nAB", "lines\n9\nAB", "lines\n1\nü"] {
            assert!(Patient::parse(wrong).is_none());
        }
    }
}
