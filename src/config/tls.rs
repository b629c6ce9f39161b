//! Settings of TLS for those who connect to the gateway. What the files hold is looked at in `serve`, which reads them
//! again when they change.

use super::sources::Sources;
use super::values;
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;

/// Files of TLS, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whether clients show certificates; `None`: they are not asked.
    pub client: Option<Client>,
}

/// Whose certificates clients show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The authorities.
    pub ca: PathBuf,
    /// A client without certificate is sent away.
    pub required: bool,
}

/// Nothing without a certificate, and a certificate only with its key.
pub(super) fn tls(from: &mut Sources) -> Option<Tls> {
    let path = |from: &Sources, name| Some(from.text(name)).filter(|it| !it.is_empty()).map(PathBuf::from);
    let (certificate, key) = (path(from, "tls.certificate_file"), path(from, "tls.key_file"));
    let ca = path(from, "tls.client_ca_file");
    let words = [("off", None), ("optional", Some(false)), ("required", Some(true))];
    let asked = from.take("tls.client", |text| values::one_of(text, &words));
    let client = match (asked, ca) {
        (Some(required), Some(ca)) => Some(Client { ca, required }),
        (None, None) => None,
        (Some(_), None) => {
            from.wrong("tls.client", "needs tls.client_ca_file".to_owned());
            None
        }
        (None, Some(_)) => {
            from.wrong("tls.client_ca_file", "needs tls.client = optional or required".to_owned());
            None
        }
    };
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Tls { certificate, key, client }),
        (None, None) => {
            if client.is_some() {
                from.wrong("tls.client", "needs tls.certificate_file and tls.key_file".to_owned());
            }
            None
        }
        _ => {
            from.wrong("tls.certificate_file", "give certificate and key, or none of them".to_owned());
            None
        }
    }
}

/// Addresses and networks; an address is a network of one.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |word: &String| {
        let address = || word.parse::<IpAddr>().map(IpNet::from);
        word.parse().or_else(|_| address()).map_err(|_| {
            format!("`{word}` is neither an address nor a network, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8")
        })
    };
    values::words(text).iter().map(network).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Config;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        let name = |name: &str| format!("VEILGATE_{name}");
        let environment = environment.iter().map(|(it, text)| (name(it), (*text).to_owned()));
        Config::from_sources(None, environment, &[]).map_err(|mistakes| mistakes.to_string())
    }

    const PAIR: [(&str, &str); 2] = [("TLS_CERTIFICATE_FILE", "c.pem"), ("TLS_KEY_FILE", "k.pem")];

    #[test]
    fn https_needs_certificate_and_key_and_clients_certificates_an_authority() {
        assert_eq!(load(&[]).unwrap().tls, None);
        let tls = load(&PAIR).unwrap().tls.unwrap();
        assert_eq!((tls.certificate, tls.key, tls.client), ("c.pem".into(), "k.pem".into(), None));
        let ca = ("TLS_CLIENT_CA_FILE", "ca.pem");
        for (word, required) in [("optional", false), ("required", true)] {
            let tls = load(&[&PAIR[..], &[ca, ("TLS_CLIENT", word)]].concat()).unwrap().tls.unwrap();
            assert_eq!(tls.client, Some(Client { ca: "ca.pem".into(), required }));
        }
        let halves: [&[(&str, &str)]; 5] = [
            &PAIR[..1],
            &PAIR[1..],
            &[PAIR[0], PAIR[1], ca],
            &[PAIR[0], PAIR[1], ("TLS_CLIENT", "required")],
            &[ca, ("TLS_CLIENT", "required")],
        ];
        for half in halves {
            let mistakes = load(half).unwrap_err();
            assert!(mistakes.contains("VEILGATE_TLS_") || mistakes.contains("tls."), "{half:?}: {mistakes}");
        }
        assert!(load(&[("TLS_CLIENT", "maybe")]).unwrap_err().contains("maybe"));
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let config = load(&[("PROXY_TRUSTED", "10.0.0.0/8, 192.0.2.1 fd00::/8")]).unwrap();
        let shown: Vec<String> = config.layers.proxies.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]);
        for bad in ["proxy.example", "10.0.0.0/33", "10.0.0.1:80"] {
            assert!(load(&[("PROXY_TRUSTED", bad)]).unwrap_err().contains(bad), "{bad}");
        }
    }
}
