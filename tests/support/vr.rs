//! Facts of PS3.5 about value representations: which have a four-byte length, which swap in big endian.

/// A value representation as its two letters.
pub type Vr = [u8; 2];

/// Every VR of PS3.5 Table 6.2-1.
pub const ALL: [&Vr; 34] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF",
    b"OL", b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN",
    b"UR", b"US", b"UT", b"UV",
];

/// Whether these two bytes are a VR of the standard.
pub fn known(vr: Vr) -> bool {
    ALL.contains(&&vr)
}

/// Explicit VR with two reserved bytes and a 32-bit length (PS3.5 7.1.2).
pub fn long(vr: Vr) -> bool {
    matches!(
        &vr,
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV"
    )
}

/// Bytes of one number in a value of this VR; 1 for everything that does not depend on byte order (PS3.5 7.3).
pub fn word(vr: Vr) -> usize {
    match &vr {
        b"AT" | b"OW" | b"SS" | b"US" => 2,
        b"FL" | b"OF" | b"OL" | b"SL" | b"UL" => 4,
        b"FD" | b"OD" | b"OV" | b"SV" | b"UV" => 8,
        _ => 1,
    }
}

/// The value in the other byte order; a rest that fills no word stays as it is.
pub fn swap(vr: Vr, value: &[u8]) -> Vec<u8> {
    let mut out = value.to_vec();
    for number in out.chunks_exact_mut(word(vr)) {
        number.reverse();
    }
    out
}

/// What fills a value up to an even length (PS3.5 6.2).
pub fn pad(vr: Vr) -> u8 {
    match &vr {
        b"AE" | b"AS" | b"CS" | b"DA" | b"DS" | b"DT" | b"IS" | b"LO" | b"LT" | b"PN" | b"SH" | b"ST"
        | b"TM" | b"UC" | b"UR" | b"UT" => b' ',
        _ => 0,
    }
}
