//! What the sender says about private attributes: the Private Data Element Characteristics Sequence (0008,0300)
//! (PS3.3 C.12.1.1.7, PS3.15 E.3.10). Whether it is believed is decided in `plan`.

use super::action::Action;
use crate::dicom::token::Token;
use crate::dicom::value;
use crate::dicom::walker::Walker;
use dicom_core::Tag;

/// Private Data Element Characteristics Sequence.
pub const CHARACTERISTICS: Tag = Tag(0x0008, 0x0300);
/// Deidentification Action Sequence, inside it.
pub const ACTIONS: Tag = Tag(0x0008, 0x0305);

/// What the sender claims about one private attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It holds nothing that identifies.
    Safe,
    /// It identifies, and this is to be done about it.
    Unsafe(Action),
}

/// One private block, named by group and creator.
#[derive(Debug, Clone, Default)]
struct Block {
    group: Option<u16>,
    creator: String,
    status: String,
    safe: Vec<u16>,
    parts: Vec<Part>,
}

/// One item of the Deidentification Action Sequence.
#[derive(Debug, Clone, Default)]
struct Part {
    elements: Vec<u16>,
    action: String,
}

/// All claims of an instance.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    blocks: Vec<Block>,
}

impl Claims {
    /// Begins an item of the sequence: a block.
    pub fn begin_block(&mut self) {
        self.blocks.push(Block::default());
    }

    /// Begins an item of a sequence inside the block's item.
    pub fn begin_part(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.parts.push(Part::default());
        }
    }

    /// Notes an element of the item begun last; `bytes` in little endian order.
    pub fn see(&mut self, tag: Tag, bytes: &[u8]) {
        let Some(block) = self.blocks.last_mut() else { return };
        let text = || value::ascii(bytes).unwrap_or_default().to_owned();
        match tag {
            Tag(0x0008, 0x0301) => block.group = value::first_us(bytes),
            Tag(0x0008, 0x0302) => block.creator = text(),
            Tag(0x0008, 0x0303) => block.status = text(),
            Tag(0x0008, 0x0304) => block.safe = numbers(bytes),
            Tag(0x0008, 0x0306) => {
                block.parts.iter_mut().last().into_iter().for_each(|part| part.elements = numbers(bytes))
            }
            Tag(0x0008, 0x0307) => {
                block.parts.iter_mut().last().into_iter().for_each(|part| part.action = text())
            }
            _ => {}
        }
    }

    /// Reads the sequence that the walker has just opened.
    pub fn read(&mut self, walker: &mut Walker<'_>) -> Result<(), crate::dicom::Fault> {
        let outside = walker.depth().saturating_sub(1);
        while walker.depth() > outside {
            let inside = walker.depth().saturating_sub(outside);
            match walker.next_token()? {
                Some(Token::Item { .. }) if inside == 1 => self.begin_block(),
                Some(Token::Item { .. }) if inside == 2 => self.begin_part(),
                Some(Token::Element { tag, vr, value, encoding }) => {
                    self.see(tag, &value::little_endian(value, vr, encoding));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The claim about a private attribute: by group, creator and low byte, wherever its block stands. Of contradicting
    /// claims the one that calls it unsafe counts.
    pub fn about(&self, creator: &str, tag: Tag) -> Option<Claim> {
        let low = tag.element() & 0x00FF;
        let mut blocks = self
            .blocks
            .iter()
            .filter(|block| block.group == Some(tag.group()) && block.creator == creator.trim());
        let claims: Vec<Claim> = blocks.by_ref().filter_map(|block| block.about(low)).collect();
        claims.iter().find(|claim| matches!(claim, Claim::Unsafe(_))).or(claims.first()).cloned()
    }
}

impl Block {
    fn about(&self, low: u16) -> Option<Claim> {
        if let Some(part) = self.parts.iter().find(|part| part.elements.contains(&low)) {
            return Some(Claim::Unsafe(action(&part.action)));
        }
        let safe = self.status == "SAFE" || self.status == "MIXED" && self.safe.contains(&low);
        safe.then_some(Claim::Safe)
    }
}

/// Deidentification Action (0008,0307); anything but its defined terms removes.
fn action(code: &str) -> Action {
    match code {
        "D" => Action::Dummy,
        "Z" => Action::Empty,
        "U" => Action::Uid,
        _ => Action::Remove,
    }
}

/// Values of VR US.
fn numbers(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).filter_map(value::first_us).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(status: &str) -> Claims {
        let mut claims = Claims::default();
        claims.begin_block();
        claims.see(Tag(0x0008, 0x0301), &[0x29, 0]);
        claims.see(Tag(0x0008, 0x0302), b"ACME ");
        claims.see(Tag(0x0008, 0x0303), status.as_bytes());
        claims.see(Tag(0x0008, 0x0304), &[0x01, 0, 0x02, 0]);
        claims.begin_part();
        claims.see(Tag(0x0008, 0x0306), &[0x03, 0]);
        claims.see(Tag(0x0008, 0x0307), b"U ");
        claims
    }

    #[test]
    fn a_mixed_block_is_safe_where_listed_and_unsafe_where_an_action_is_given() {
        let claims = claims("MIXED ");
        assert_eq!(claims.about("ACME", Tag(0x0029, 0x1101)), Some(Claim::Safe));
        assert_eq!(claims.about("ACME", Tag(0x0029, 0x1103)), Some(Claim::Unsafe(Action::Uid)));
        assert_eq!(claims.about("ACME", Tag(0x0029, 0x1104)), None);
    }

    #[test]
    fn a_safe_block_is_safe_but_for_what_an_action_names() {
        let claims = claims("SAFE");
        assert_eq!(claims.about("ACME ", Tag(0x0029, 0x10FF)), Some(Claim::Safe));
        assert_eq!(claims.about("ACME", Tag(0x0029, 0x1003)), Some(Claim::Unsafe(Action::Uid)));
    }

    #[test]
    fn a_claim_is_about_its_own_group_and_creator() {
        let claims = claims("SAFE");
        assert_eq!(claims.about("OTHER", Tag(0x0029, 0x1001)), None);
        assert_eq!(claims.about("ACME", Tag(0x0031, 0x1001)), None);
        assert_eq!(self::claims("UNSAFE").about("ACME", Tag(0x0029, 0x1001)), None);
    }
}
