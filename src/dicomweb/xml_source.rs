//! XML as a plain stream of opening, text and closing: no DTD, no entities but the five
//! predefined ones, depth bounded. The Native DICOM Model is read in `xml_in`.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// Deepest nesting of elements: 32 levels of items with what belongs around and in them.
const MAX_DEPTH: usize = 70;

/// Most attributes of an element.
const MAX_ATTRIBUTES: usize = 16;

/// Attributes of an element: local name and value, in the order written.
pub(crate) type Attributes = Vec<(String, String)>;

/// What stands next in the document.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An element of this local name opens.
    Open(String, Attributes),
    /// Character data, references resolved; may come in several pieces.
    Text(String),
    /// The innermost open element closes.
    Close,
    /// The document is over.
    End,
}

/// Why the document cannot be read. The parser's own error may quote it and is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum XmlFault {
    NotXml,
    TooDeep,
}

/// The document being read.
pub(crate) struct Source<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
}

impl<'a> Source<'a> {
    /// A source of this text.
    pub fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, depth: 0 }
    }

    /// The next token. Comments, processing instructions and the declaration are skipped.
    pub fn next(&mut self) -> Result<Token, XmlFault> {
        loop {
            return Ok(match self.reader.read_event().map_err(|_| XmlFault::NotXml)? {
                Event::Start(start) => self.open(&start)?,
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Token::Close
                }
                Event::Text(text) => Token::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Token::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => {
                    let name = reference.xml10_content();
                    let resolved = match reference.resolve_char_ref().map_err(|_| XmlFault::NotXml)? {
                        Some(letter) => letter.to_string(),
                        None => predefined(&name).ok_or(XmlFault::NotXml)?.to_owned(),
                    };
                    Token::Text(resolved)
                }
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => continue,
                // A DTD could define entities; Empty is expanded to Start and End.
                Event::DocType(_) | Event::Empty(_) => return Err(XmlFault::NotXml),
                Event::Eof if self.depth > 0 => return Err(XmlFault::NotXml),
                Event::Eof => Token::End,
            });
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Token, XmlFault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(XmlFault::TooDeep);
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| XmlFault::NotXml)?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlFault::NotXml)?;
            attributes.push((local(attribute.key.as_ref()).to_owned(), value.into_owned()));
            if attributes.len() > MAX_ATTRIBUTES {
                return Err(XmlFault::NotXml);
            }
        }
        Ok(Token::Open(local(start.name().as_ref()).to_owned(), attributes))
    }

    /// The text up to the closing of the element just opened, which holds nothing else.
    pub fn text(&mut self) -> Result<String, XmlFault> {
        let mut all = String::new();
        loop {
            match self.next()? {
                Token::Text(text) => all.push_str(&text),
                Token::Close => return Ok(all),
                Token::Open(..) | Token::End => return Err(XmlFault::NotXml),
            }
        }
    }

    /// The next child element, or `None` where the open element closes. Only white space
    /// may stand between.
    pub fn child(&mut self) -> Result<Option<(String, Attributes)>, XmlFault> {
        loop {
            match self.next()? {
                Token::Open(name, attributes) => return Ok(Some((name, attributes))),
                Token::Close | Token::End => return Ok(None),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) => return Err(XmlFault::NotXml),
            }
        }
    }
}

/// A name without its namespace prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn predefined(name: &str) -> Option<&'static str> {
    match name {
        "lt" => Some("<"),
        "gt" => Some(">"),
        "amp" => Some("&"),
        "apos" => Some("'"),
        "quot" => Some("\""),
        _ => None,
    }
}
