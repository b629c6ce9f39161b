//! Tests of a project's own pseudonyms: what is read, what is refused, and that nothing of a value is told.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn key() -> ProjectKey {
    ProjectKey::from_bytes([7; 32])
}

fn parse(text: &str) -> Result<OwnPseudonyms, Vec<Mistake>> {
    OwnPseudonyms::parse(text.as_bytes(), &key())
}

fn told(text: &[u8]) -> Vec<String> {
    let mistakes = OwnPseudonyms::parse(text, &key()).err().unwrap();
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn rows_are_read_and_name_one_patient_each() {
    let own =
        parse("\u{FEFF}patient_id,issuer,pseudonym\r\n 7 ,, S-001 \r\n\r\n\"Müller, 1\",Hospital,S-002\n");
    let own = own.ok().unwrap();
    let pairs: Vec<(&str, String)> = own.pairs().map(|(name, patient)| (name, patient.text())).collect();
    assert_eq!(pairs, [("S-001", "id\n7\n".to_owned()), ("S-002", "id\nMüller, 1\nHospital".to_owned())]);
    let map = PseudonymMap::new(&own, &key());
    assert_eq!(map.get("id\n7\n"), Some("S-001"));
    assert_eq!(map.get("id\n7\nHospital"), None, "of another issuer it is another patient");
    assert!(parse("patient_id,issuer,pseudonym\n").ok().unwrap().is_empty());
}

#[test]
fn every_mistake_is_told_by_its_line_and_without_a_value() {
    let generated = Pseudonyms::new(&key()).patient_id("id\nown\n");
    let long = "x".repeat(65);
    let table = format!(
        "patient_id,issuer,pseudonym\nDoe,,S-1\nDoe,,S-2\nRoe,,S-1\n,,S-3\nDoe^J,,S^4\na,b\nc,,S-5,d\n\
         e,,Ü\nf,,\n\"g\nh\",,S-6\ni,{long},S-7\nown,,{generated}\nother,,PABCDEFGHJKLMNPQR\nj,,Doe\nk\\,,S-8\nl,,{long}\n"
    );
    let expected = [
        "line 3: the same patient as in line 2",
        "line 4: the same pseudonym as in line 2",
        "line 5: patient_id must be",
        "line 6: pseudonym must be",
        "line 7: a line must have three fields",
        "line 8: a line must have three fields",
        "line 9: pseudonym must be",
        "line 10: pseudonym must be",
        "line 11: patient_id must be",
        "line 13: issuer must be",
        "line 15: pseudonym has the form of a generated one",
        "line 16: pseudonym is the patient_id of line 2",
        "line 17: patient_id must be",
        "line 18: pseudonym must be",
    ];
    let mistakes = told(table.as_bytes());
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
    for (mistake, expected) in mistakes.iter().zip(expected) {
        assert!(mistake.starts_with(expected), "{mistake}");
        for value in ["Doe", "Roe", "S-", "PABC", "Ü", "xxx"] {
            assert!(!mistake.contains(value), "{mistake}");
        }
    }
}

#[test]
fn what_is_no_table_is_told_once() {
    for text in ["", "\n", "7,,S-1\n", "patient_id,pseudonym\n", "pseudonym,issuer,patient_id\n"] {
        let mistakes = told(text.as_bytes());
        assert!(mistakes.len() == 1 && mistakes.concat().contains("first line"), "{mistakes:?}");
    }
    assert_eq!(told(b"patient_id,issuer,pseudonym\n\xFF,,S\n"), ["line 2: not UTF-8"]);
    assert!(told(b"patient_id,issuer,pseudonym\n\n\r\n,,S\n").concat().starts_with("line 4: patient_id"));
    let many: String = (0..300).map(|_| "\n,,").collect();
    assert_eq!(told(format!("patient_id,issuer,pseudonym{many}").as_bytes()).len(), TOLD);
    let most: String = (0..=MOST).map(|row| format!("\n{row},,S{row}")).collect();
    let mistakes = told(format!("patient_id,issuer,pseudonym{most}").as_bytes());
    assert_eq!(mistakes, [format!("line {}: more than {MOST} patients", MOST + 2)]);
}

#[test]
fn a_table_that_was_kept_before_is_read_as_it_was() {
    let old = "patient_id,issuer,pseudonym\n'=1,,@SUM(1+1)*\n=1,'-,<S>\n";
    assert!(parse(old).is_err());
    let own = OwnPseudonyms::parse_kept(old.as_bytes(), &key()).ok().unwrap();
    let pairs: Vec<(&str, String)> = own.pairs().map(|(name, patient)| (name, patient.text())).collect();
    assert_eq!(pairs, [("@SUM(1+1)*", "id\n'=1\n".to_owned()), ("<S>", "id\n=1\n'-".to_owned())]);
    assert_eq!(own.kept(), old);
}

proptest! {
    #[test]
    fn what_is_exported_is_imported_again(
        rows in proptest::collection::hash_map(
            ("[=+@'-]{0,2}[^\\\\\\p{C} ][^\\\\\\p{C}]{0,60}[^\\\\\\p{C} ]", "[^\\\\\\p{C} ]{0,64}"),
            "[0-9A-Za-z][ !#-&(-);:@+-.0-9A-Za-z\\[_{|}~-]{0,60}[0-9A-Za-z]",
            0..40,
        ),
    ) {
        let mut own = OwnPseudonyms::default();
        let mut used = std::collections::HashSet::new();
        let ids: Vec<String> = rows.keys().map(|(id, _)| id.clone()).collect();
        for ((id, issuer), pseudonym) in rows {
            if used.insert(pseudonym.clone()) && !ids.contains(&pseudonym) {
                own.0.push(Row { id, issuer, pseudonym });
            }
        }
        let read = OwnPseudonyms::parse(own.to_csv().as_bytes(), &key());
        prop_assert!(read.is_ok_and(|read| read == own));
        let read = OwnPseudonyms::parse_kept(own.kept().as_bytes(), &key());
        prop_assert!(read.is_ok_and(|read| read == own));
    }
}
