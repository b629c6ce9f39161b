//! What each transfer syntax means to us: how its data set is encoded, whether its
//! pixels are encapsulated, how it goes out. Decoding pixels does not live here.

/// How the elements of a data set are encoded (PS3.5 Annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Explicit VR Little Endian (PS3.5 A.2).
    ExplicitLittle,
    /// Implicit VR Little Endian (PS3.5 A.1).
    ImplicitLittle,
    /// Explicit VR Big Endian, retired (PS3.5 2016b A.3).
    ExplicitBig,
}

impl Encoding {
    /// True for the retired big endian encoding.
    pub fn is_big_endian(self) -> bool {
        self == Self::ExplicitBig
    }

    /// True where each element names its VR.
    pub fn is_explicit(self) -> bool {
        self != Self::ImplicitLittle
    }
}

/// A transfer syntax as the gateway sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntax {
    /// Its UID (PS3.6 Table A-1).
    pub uid: &'static str,
    /// How its data set is encoded.
    pub encoding: Encoding,
    /// The whole data set is deflated (PS3.5 A.5).
    pub deflated: bool,
    /// Pixel data comes as fragments (PS3.5 A.4).
    pub encapsulated: bool,
}

/// Explicit VR Little Endian, the syntax of everything native that goes out.
pub const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
/// Implicit VR Little Endian, the default transfer syntax for DICOM; never sent.
pub const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
/// Explicit VR Big Endian, retired; never sent.
pub const EXPLICIT_BE: &str = "1.2.840.10008.1.2.2";
/// Deflated Explicit VR Little Endian; inflated on the way.
pub const DEFLATED_LE: &str = "1.2.840.10008.1.2.1.99";

const fn native(uid: &'static str, encoding: Encoding, deflated: bool) -> TransferSyntax {
    TransferSyntax { uid, encoding, deflated, encapsulated: false }
}

const fn fragments(uid: &'static str) -> TransferSyntax {
    TransferSyntax { uid, encoding: Encoding::ExplicitLittle, deflated: false, encapsulated: true }
}

/// Every transfer syntax taken in. JPIP (pixels elsewhere), SMPTE ST 2110 (live
/// streams) and private syntaxes are absent on purpose: refused with C122H.
pub const SUPPORTED: &[TransferSyntax] = &[
    native(IMPLICIT_LE, Encoding::ImplicitLittle, false),
    native(EXPLICIT_LE, Encoding::ExplicitLittle, false),
    native(DEFLATED_LE, Encoding::ExplicitLittle, true),
    native(EXPLICIT_BE, Encoding::ExplicitBig, false),
    fragments("1.2.840.10008.1.2.1.98"),
    fragments("1.2.840.10008.1.2.4.50"),
    fragments("1.2.840.10008.1.2.4.51"),
    fragments("1.2.840.10008.1.2.4.52"),
    fragments("1.2.840.10008.1.2.4.53"),
    fragments("1.2.840.10008.1.2.4.54"),
    fragments("1.2.840.10008.1.2.4.55"),
    fragments("1.2.840.10008.1.2.4.56"),
    fragments("1.2.840.10008.1.2.4.57"),
    fragments("1.2.840.10008.1.2.4.58"),
    fragments("1.2.840.10008.1.2.4.59"),
    fragments("1.2.840.10008.1.2.4.60"),
    fragments("1.2.840.10008.1.2.4.61"),
    fragments("1.2.840.10008.1.2.4.62"),
    fragments("1.2.840.10008.1.2.4.63"),
    fragments("1.2.840.10008.1.2.4.64"),
    fragments("1.2.840.10008.1.2.4.65"),
    fragments("1.2.840.10008.1.2.4.66"),
    fragments("1.2.840.10008.1.2.4.70"),
    fragments("1.2.840.10008.1.2.4.80"),
    fragments("1.2.840.10008.1.2.4.81"),
    fragments("1.2.840.10008.1.2.4.90"),
    fragments("1.2.840.10008.1.2.4.91"),
    fragments("1.2.840.10008.1.2.4.92"),
    fragments("1.2.840.10008.1.2.4.93"),
    fragments("1.2.840.10008.1.2.4.100"),
    fragments("1.2.840.10008.1.2.4.100.1"),
    fragments("1.2.840.10008.1.2.4.101"),
    fragments("1.2.840.10008.1.2.4.101.1"),
    fragments("1.2.840.10008.1.2.4.102"),
    fragments("1.2.840.10008.1.2.4.102.1"),
    fragments("1.2.840.10008.1.2.4.103"),
    fragments("1.2.840.10008.1.2.4.103.1"),
    fragments("1.2.840.10008.1.2.4.104"),
    fragments("1.2.840.10008.1.2.4.104.1"),
    fragments("1.2.840.10008.1.2.4.105"),
    fragments("1.2.840.10008.1.2.4.105.1"),
    fragments("1.2.840.10008.1.2.4.106"),
    fragments("1.2.840.10008.1.2.4.106.1"),
    fragments("1.2.840.10008.1.2.4.107"),
    fragments("1.2.840.10008.1.2.4.108"),
    fragments("1.2.840.10008.1.2.4.110"),
    fragments("1.2.840.10008.1.2.4.111"),
    fragments("1.2.840.10008.1.2.4.112"),
    fragments("1.2.840.10008.1.2.4.201"),
    fragments("1.2.840.10008.1.2.4.202"),
    fragments("1.2.840.10008.1.2.4.203"),
    fragments("1.2.840.10008.1.2.5"),
    fragments("1.2.840.10008.1.2.8.1"),
];

impl TransferSyntax {
    /// The supported syntax of this UID (padding already removed), if any.
    pub fn of(uid: &str) -> Option<&'static Self> {
        SUPPORTED.iter().find(|syntax| syntax.uid == uid)
    }

    /// The native syntax that fits a data set found in this encoding.
    pub fn native_for(encoding: Encoding) -> &'static str {
        match encoding {
            Encoding::ExplicitLittle => EXPLICIT_LE,
            Encoding::ImplicitLittle => IMPLICIT_LE,
            Encoding::ExplicitBig => EXPLICIT_BE,
        }
    }

    /// The syntax in which an instance of this syntax goes out: encapsulated ones
    /// unchanged, native ones as Explicit VR Little Endian (PS3.18 8.7.3).
    pub fn outgoing(&self) -> &'static str {
        if self.encapsulated { self.uid } else { EXPLICIT_LE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implicit_big_and_deflated_go_out_as_explicit_little() {
        for uid in [IMPLICIT_LE, EXPLICIT_BE, DEFLATED_LE, EXPLICIT_LE] {
            assert_eq!(TransferSyntax::of(uid).map(TransferSyntax::outgoing), Some(EXPLICIT_LE));
        }
    }

    #[test]
    fn compressed_syntaxes_are_kept() {
        let uid = "1.2.840.10008.1.2.4.90";
        assert_eq!(TransferSyntax::of(uid).map(TransferSyntax::outgoing), Some(uid));
    }

    #[test]
    fn jpip_and_private_syntaxes_are_not_supported() {
        assert!(TransferSyntax::of("1.2.840.10008.1.2.4.94").is_none());
        assert!(TransferSyntax::of("1.2.840.113619.5.2").is_none());
    }
}
