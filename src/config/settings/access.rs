//! The settings of how clients show who they are: tokens of an issuer. Reading them is `config/oidc.rs`.

use crate::config::setting::{Setting, plain};

pub(super) const ACCESS: &[Setting] = &[
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
