//! The settings of how clients reach the gateway and show who they are: TLS, proxies, tokens of an issuer. Reading them is
//! `config/tls.rs` and `config/oidc.rs`.

use crate::config::setting::{Setting, plain};

pub(super) const ACCESS: &[Setting] = &[
    plain(
        "tls.certificate_file",
        "VEILGATE_TLS_CERTIFICATE_FILE",
        "",
        "PEM file of the certificate to serve HTTPS under, followed by those between it and its authority; without it HTTP is served. Files of TLS are looked at every 5 s and at SIGHUP: a change holds for new connections.",
    ),
    plain("tls.key_file", "VEILGATE_TLS_KEY_FILE", "", "PEM file of that certificate's private key."),
    plain(
        "tls.client",
        "VEILGATE_TLS_CLIENT",
        "off",
        "Whether clients show a certificate of their own: off, optional or required. It opens a connection, and stands for no API key.",
    ),
    plain(
        "tls.client_ca_file",
        "VEILGATE_TLS_CLIENT_CA_FILE",
        "",
        "PEM file of the authorities whose certificates clients may show.",
    ),
    plain(
        "proxy.trusted",
        "VEILGATE_PROXY_TRUSTED",
        "",
        "Addresses or networks (10.0.0.0/8) of proxies before the gateway, whose X-Forwarded-For or Forwarded names the client in the log. Nobody else's is read.",
    ),
    plain(
        "oidc.issuer",
        "VEILGATE_OIDC_ISSUER",
        "",
        "URL of an OpenID Connect issuer, as its tokens name it in `iss`: its JWTs are then taken as Bearer tokens beside API keys. https, or http on this machine.",
    ),
    plain("oidc.audience", "VEILGATE_OIDC_AUDIENCE", "", "What a token must name in `aud`; of several, one."),
    plain(
        "oidc.project_claim",
        "VEILGATE_OIDC_PROJECT_CLAIM",
        "veilgate_project",
        "Claim that names the caller's project: its id, or CUSTOMER/PROJECT. A dot leads into an object.",
    ),
    plain(
        "oidc.rights_claim",
        "VEILGATE_OIDC_RIGHTS_CLAIM",
        "veilgate_rights",
        "Claim with the caller's rights, such as reidentify: a list, or words; others are overlooked.",
    ),
    plain(
        "oidc.jwks_url",
        "VEILGATE_OIDC_JWKS_URL",
        "",
        "URL of the issuer's keys; by default the one that ISSUER/.well-known/openid-configuration names.",
    ),
    plain(
        "oidc.ca_file",
        "VEILGATE_OIDC_CA_FILE",
        "",
        "PEM file of certificate authorities to trust for the issuer besides the system's.",
    ),
    plain(
        "oidc.leeway",
        "VEILGATE_OIDC_LEEWAY",
        "60 s",
        "How far the issuer's clock and this one may be apart, 10 m at the most.",
    ),
    plain(
        "oidc.refresh_pause",
        "VEILGATE_OIDC_REFRESH_PAUSE",
        "10 s",
        "Least time between two fetches of the issuer's keys, whatever keys tokens name.",
    ),
];
