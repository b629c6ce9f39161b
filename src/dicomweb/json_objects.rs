//! Sans-IO reader of a JSON array of objects: chunks in, the bytes of one object after the other out, so that an array of
//! any length takes the memory of its largest object. What an object means is read above.

use bytes::{Bytes, BytesMut};

/// The state machine. After a fault it is over.
#[derive(Debug)]
pub struct Objects {
    most: usize,
    held: BytesMut,
    stage: Stage,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Bytes of `held` that were looked at.
    seen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the opening bracket; a byte order mark may stand here.
    Start,
    /// Before an object, or the closing bracket if none came yet.
    First,
    /// Within an object.
    Object,
    /// Behind an object.
    After,
    /// Behind a comma.
    Next,
    /// Behind the closing bracket.
    End,
}

/// The bytes are no array of objects, end too early, or hold an object that is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no JSON array of objects of bearable size")]
pub struct NotObjects;

impl Objects {
    /// A reader of objects of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            held: BytesMut::new(),
            stage: Stage::Start,
            depth: 0,
            in_string: false,
            escaped: false,
            seen: 0,
        }
    }

    /// Takes the next bytes; objects that they complete are appended to `out`.
    ///
    /// # Errors
    /// They cannot belong to an array of objects.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<Bytes>) -> Result<(), NotObjects> {
        self.held.extend_from_slice(chunk);
        while let Some(byte) = self.held.get(self.seen).copied() {
            self.seen += 1;
            if self.stage == Stage::Object {
                self.within(byte);
                if self.depth == 0 {
                    out.push(self.held.split_to(self.seen).freeze());
                    self.seen = 0;
                    self.stage = Stage::After;
                } else if self.seen > self.most {
                    return Err(NotObjects);
                }
            } else {
                self.between(byte)?;
            }
        }
        Ok(())
    }

    /// The text is over.
    ///
    /// # Errors
    /// It ended too early.
    pub fn finish(self) -> Result<(), NotObjects> {
        if self.stage == Stage::End { Ok(()) } else { Err(NotObjects) }
    }

    /// One byte of an object. Brackets are counted and not told apart: the object's own reader does that.
    fn within(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
    }

    fn between(&mut self, byte: u8) -> Result<(), NotObjects> {
        self.stage = match (self.stage, byte) {
            (stage, b' ' | b'\t' | b'\r' | b'\n') => stage,
            (Stage::Start, 0xEF | 0xBB | 0xBF) => Stage::Start,
            (Stage::Start, b'[') => Stage::First,
            (Stage::First | Stage::After, b']') => Stage::End,
            (Stage::After, b',') => Stage::Next,
            (Stage::First | Stage::Next, b'{') => {
                self.depth = 1;
                // The object begins with this byte.
                let _ = self.held.split_to(self.seen - 1);
                self.seen = 1;
                self.stage = Stage::Object;
                return Ok(());
            }
            _ => return Err(NotObjects),
        };
        let _ = self.held.split_to(self.seen);
        self.seen = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(text: &[u8], step: usize) -> Result<Vec<Bytes>, NotObjects> {
        let (mut objects, mut out) = (Objects::new(1000), Vec::new());
        for chunk in text.chunks(step) {
            objects.push(chunk, &mut out)?;
        }
        objects.finish().map(|()| out)
    }

    #[test]
    fn objects_come_whole_whatever_stands_in_their_strings() {
        let text = "\u{feff} [ {\"a\": \"}]\\\"{\"} ,\n{\"b\":[{}, [1]]},{} ] \n";
        for step in [1, 2, 7, 100] {
            let found = read(text.as_bytes(), step).unwrap();
            assert_eq!(found, ["{\"a\": \"}]\\\"{\"}", "{\"b\":[{}, [1]]}", "{}"], "{step}");
        }
        assert!(read(b"[]", 1).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_array_of_objects_and_every_cut_is_told() {
        for bad in ["", "{}", "[1]", "[{},]", "[{}{}]", "[,{}]", "[{}]x", "[[{}]]", "null", "[{}", "]"] {
            assert_eq!(read(bad.as_bytes(), 3), Err(NotObjects), "{bad}");
        }
        let whole = b"[{\"a\":1},{\"b\":2}]";
        for cut in 0..whole.len() {
            assert_eq!(read(whole.get(..cut).unwrap(), 4), Err(NotObjects), "{cut}");
        }
        let large = format!("[{{\"a\":\"{}\"}}]", "x".repeat(1000));
        assert_eq!(read(large.as_bytes(), 64), Err(NotObjects));
    }

    proptest! {
        #[test]
        fn any_array_of_objects_is_cut_as_a_parser_sees_it(
            texts in proptest::collection::vec("[\\x20-\\x7E\u{e9}]{0,12}", 0..5), step in 1usize..20,
        ) {
            let objects: Vec<Value> = texts.iter().map(|text| json!({"k": [text, {"n": text}], text.as_str(): 1})).collect();
            let text = serde_json::to_vec(&objects).unwrap();
            let found: Vec<Value> = read(&text, step).unwrap().iter().map(|it| serde_json::from_slice(it).unwrap()).collect();
            prop_assert_eq!(found, objects);
        }
    }
}
