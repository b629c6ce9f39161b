//! A double of an OpenID Connect issuer on loopback: its configuration, its keys, tokens under them or under others.

use crate::support::authority::Authority;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// The audience that the gateway of the tests asks for.
pub const AUDIENCE: &str = "veilgate";

/// What it publishes at the moment.
pub struct State {
    pub keys: Vec<Value>,
    /// Answers 500 while it is not.
    pub is_up: bool,
    /// What its configuration says in place of its own URL and that of its keys.
    pub claims_to_be: Option<String>,
    pub names_keys_at: Option<String>,
    /// White space added to its keys.
    pub padding: usize,
    /// How often its keys were asked for.
    pub fetches: usize,
}

pub struct Issuer {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Issuer {
    pub fn new(keys: &[&Key]) -> Self {
        Self::serving(keys, "http", answer)
    }

    /// Over TLS, under a certificate of this authority.
    pub fn over_tls(keys: &[&Key], authority: &Authority) -> Self {
        let config = authority.server("127.0.0.1", false);
        Self::serving(keys, "https", move |stream, state, url| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            answer(StreamOwned::new(connection, stream), state, url);
        })
    }

    fn serving(
        keys: &[&Key],
        scheme: &str,
        serve: impl Fn(TcpStream, &Mutex<State>, &str) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            keys: keys.iter().map(|key| key.published()).collect(),
            is_up: true,
            claims_to_be: None,
            names_keys_at: None,
            padding: 0,
            fetches: 0,
        }));
        let (shared, own) = (Arc::clone(&state), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, &shared, &own);
            }
        });
        Self { url, state }
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub fn publish(&self, keys: &[&Key]) {
        self.change(|state| state.keys = keys.iter().map(|key| key.published()).collect());
    }

    pub fn fetches(&self) -> usize {
        self.state.lock().unwrap().fetches
    }

    /// What a good token says, for a subject and project.
    pub fn claims(&self, subject: &str, project: &str) -> Value {
        json!({
            "iss": self.url, "aud": AUDIENCE, "sub": subject, "exp": now() + 300, "iat": now(),
            "email": "jane.doe@clinic.example", "veilgate_project": project,
        })
    }

    /// A good token of a key.
    pub fn token(&self, key: &Key, subject: &str, project: &str) -> String {
        key.sign(&self.claims(subject, project))
    }
}

/// One request of whoever got as far as to send one.
fn answer(mut stream: impl Read + Write, state: &Mutex<State>, own: &str) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => head.push(byte[0]),
            _ => return,
        }
    }
    let first = String::from_utf8_lossy(&head).into_owned();
    let mut state = state.lock().unwrap();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path {
        _ if !state.is_up => ("500 Down", String::new()),
        "/.well-known/openid-configuration" => {
            let issuer = state.claims_to_be.clone().unwrap_or_else(|| own.to_owned());
            let keys = state.names_keys_at.clone().unwrap_or_else(|| format!("{own}/keys"));
            ("200 OK", json!({"issuer": issuer, "jwks_uri": keys}).to_string())
        }
        "/keys" => {
            state.fetches += 1;
            ("200 OK", json!({"keys": state.keys}).to_string() + &" ".repeat(state.padding))
        }
        _ => ("404 Not Found", String::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    let _ = stream.flush();
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A key with its id.
pub struct Key {
    pub id: String,
    pair: Pair,
}

impl Key {
    pub fn ed(id: &str) -> Self {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id: id.to_owned(), pair: Pair::Ed(Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap()) }
    }

    pub fn ec(id: &str) -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pair = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pair.as_ref(), &random).unwrap();
        Self { id: id.to_owned(), pair: Pair::Ec(pair) }
    }

    /// From PEM (PKCS #8).
    pub fn rsa(id: &str, pem: &[u8]) -> Self {
        let der = PrivateKeyDer::from_pem_slice(pem).unwrap();
        let pair = RsaKeyPair::from_pkcs8(der.secret_der()).unwrap();
        Self { id: id.to_owned(), pair: Pair::Rsa(Box::new(pair)) }
    }

    /// The public half as it lies in a JWK.
    pub fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Rsa(pair) => pair.public().as_ref().to_vec(),
        }
    }

    pub fn published(&self) -> Value {
        let public = self.public();
        let mut key = match &self.pair {
            Pair::Ed(_) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&public)}),
            Pair::Ec(_) => {
                json!({"kty": "EC", "crv": "P-256", "x": encode(&public[1..33]), "y": encode(&public[33..])})
            }
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": encode(&public.n), "e": encode(&public.e)})
            }
        };
        key["kid"] = json!(self.id);
        key["use"] = json!("sig");
        key
    }

    pub fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Ed(_) => "EdDSA",
            Pair::Ec(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": self.algorithm(), "kid": self.id, "typ": "JWT"}), claims)
    }

    /// A token with this header.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = match &self.pair {
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let way: &dyn ring::signature::RsaEncoding =
                    if header["alg"] == json!("PS256") { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(way, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", encode(signature))
    }
}

/// A token under a shared secret.
pub fn hs256(secret: &[u8], id: &str, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "kid": id});
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", encode(mac.finalize().into_bytes()))
}
