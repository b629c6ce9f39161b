//! Signatures of tokens (RFC 7518 3.1), checked by ring: RSA of 2048 bits and more, ECDSA on P-256 and P-384, Ed25519. No
//! algorithm with a shared secret is there, so that no public key can be taken for one (RFC 8725 2.1).

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::signature::{Error as Mismatch, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature as ring;

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring check what the library decodes. A second installation changes nothing.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

/// True if the key that checks a signature cannot make one.
pub(super) fn is_asymmetric(algorithm: Algorithm) -> bool {
    algorithm.family() != AlgorithmFamily::Hmac
}

/// The algorithms that a published key is for; none if it is for something else than signatures.
pub(super) fn algorithms(key: &Jwk) -> Vec<Algorithm> {
    let common = &key.common;
    let signs = common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let of_kind: &[Algorithm] = match &key.algorithm {
        AlgorithmParameters::RSA(_) => &RSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => &[],
    };
    let named = |it: &&Algorithm| common.key_algorithm.is_none_or(|only| only == KeyAlgorithm::from(**it));
    if signs && verifies { of_kind.iter().filter(named).copied().collect() } else { Vec::new() }
}

fn signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if key.family() != algorithm.family() || !is_asymmetric(*algorithm) {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(ByRing { algorithm: *algorithm, key: key.clone() }))
}

/// One key for one algorithm.
struct ByRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Mismatch> {
        let checked = match (self.key.kind(), rsa(self.algorithm), plain(self.algorithm)) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, Some(parameters), _) => {
                ring::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (DecodingKeyKind::SecretOrDer(point), _, Some(parameters)) => {
                ring::UnparsedPublicKey::new(parameters, point).verify(message, signature)
            }
            _ => return Err(Mismatch::new()),
        };
        checked.map_err(|_| Mismatch::new())
    }
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static ring::RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&ring::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&ring::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&ring::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&ring::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&ring::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&ring::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn plain(algorithm: Algorithm) -> Option<&'static dyn ring::VerificationAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&ring::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&ring::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&ring::ED25519),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn taken(key: Value) -> Vec<Algorithm> {
        algorithms(&serde_json::from_value(key).unwrap())
    }

    #[test]
    fn a_key_is_for_the_algorithms_of_its_kind_and_only_for_signatures() {
        assert_eq!(taken(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})), RSA);
        assert_eq!(
            taken(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "PS384"})),
            [Algorithm::PS384]
        );
        assert_eq!(taken(json!({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"})), [Algorithm::ES256]);
        assert_eq!(taken(json!({"kty": "EC", "crv": "P-384", "x": "AQ", "y": "AQ"})), [Algorithm::ES384]);
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ", "use": "sig", "key_ops": ["verify"]});
        assert_eq!(taken(ed), [Algorithm::EdDSA]);
        for other in [
            json!({"kty": "oct", "k": "AQAB"}),
            json!({"kty": "oct", "k": "AQAB", "alg": "HS256"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "key_ops": ["encrypt"]}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "HS256"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "RSA-OAEP"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ", "alg": "RS256"}),
            json!({"kty": "EC", "crv": "P-521", "x": "AQ", "y": "AQ"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ"}),
            json!({"kty": "new"}),
        ] {
            assert_eq!(taken(other.clone()), [], "{other}");
        }
    }

    #[test]
    fn a_key_checks_nothing_of_another_kind() {
        let point = DecodingKey::from_ec_der(&[4; 65]);
        for algorithm in [Algorithm::HS256, Algorithm::RS256, Algorithm::EdDSA] {
            assert!(verifier(&algorithm, &point).is_err(), "{algorithm:?}");
        }
        let made = verifier(&Algorithm::ES256, &point).unwrap();
        assert!(made.verify(b"message", &vec![0; 64]).is_err(), "no point of the curve");
        let secret = DecodingKey::from_secret(b"secret").unwrap();
        assert!(verifier(&Algorithm::HS256, &secret).is_err(), "a shared secret");
    }
}
