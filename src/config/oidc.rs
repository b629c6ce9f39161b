//! Settings of the issuer whose tokens are taken. What tokens are, and when its keys are fetched, is told in `oidc`.

use super::sources::Sources;
use super::{certificates, values};
use crate::downstream::document::is_safe;
use crate::oidc::{Pace, Settings};
use std::time::Duration;

/// Clocks that are farther apart make expiry mean little.
const APART: Duration = Duration::from_secs(600);

/// Only where an issuer is set.
pub(super) fn settings(from: &mut Sources) -> Option<Settings> {
    let issuer = from.take("oidc.issuer", url);
    let audience = from.take("oidc.audience", |text| Ok(values::words(text)));
    let jwks_url = from.take("oidc.jwks_url", url);
    let ca = from.take("oidc.ca_file", certificates);
    let leeway = from.take("oidc.leeway", leeway);
    let pause = from.take("oidc.refresh_pause", values::time);
    let (project_claim, rights_claim) =
        (from.take("oidc.project_claim", claim), from.take("oidc.rights_claim", claim));
    if issuer.is_some() && audience.is_empty() {
        // Else a token for any other service of the issuer would open this one.
        from.wrong("oidc.audience", "oidc.issuer needs an audience".to_owned());
    }
    if issuer.is_none() && (!audience.is_empty() || jwks_url.is_some()) {
        from.wrong("oidc.issuer", "audience and keys are those of an issuer: name it".to_owned());
    }
    let pace = Pace { pause };
    Some(Settings { issuer: issuer?, audience, project_claim, rights_claim, jwks_url, ca, leeway, pace })
}

fn url(text: &str) -> Result<Option<String>, String> {
    match text {
        "" => Ok(None),
        text if is_safe(text) => Ok(Some(text.to_owned())),
        _ => Err("give https://, or http:// on this machine, without credentials".to_owned()),
    }
}

fn claim(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("name a claim".to_owned()) } else { Ok(text.to_owned()) }
}

/// 0 is a time here: no difference.
fn leeway(text: &str) -> Result<Duration, String> {
    let time = if text.trim() == "0" { Duration::ZERO } else { values::time(text)? };
    if time <= APART { Ok(time) } else { Err(format!("`{text}` is more than 10 m")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Config;

    fn load(environment: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let name = |name: &str| format!("VEILGATE_OIDC_{name}");
        let environment = environment.iter().map(|(it, text)| (name(it), (*text).to_owned()));
        let config = Config::from_sources(None, environment, &[]);
        config.map(|config| config.oidc).map_err(|mistakes| mistakes.to_string())
    }

    const ISSUER: (&str, &str) = ("ISSUER", "https://id.example/realms/clinic/");

    #[test]
    fn an_issuer_needs_an_audience_and_keeps_its_slash() {
        assert_eq!(load(&[]), Ok(None));
        let settings = load(&[ISSUER, ("AUDIENCE", "veilgate, dicom"), ("LEEWAY", "0")]).unwrap().unwrap();
        assert_eq!(settings.issuer, ISSUER.1);
        assert_eq!(settings.audience, ["veilgate", "dicom"]);
        assert_eq!((settings.leeway, settings.pace.pause), (Duration::ZERO, Duration::from_secs(10)));
        assert!(load(&[ISSUER]).unwrap_err().contains("oidc.audience"));
        assert!(load(&[("AUDIENCE", "veilgate")]).unwrap_err().contains("oidc.issuer"));
    }

    #[test]
    fn mistakes_name_their_setting() {
        for (name, text) in [
            ("ISSUER", "http://id.example"),
            ("ISSUER", "https://u:p@id.example"),
            ("JWKS_URL", "file:///keys"),
            ("LEEWAY", "11 m"),
            ("REFRESH_PAUSE", "0"),
            ("PROJECT_CLAIM", ""),
        ] {
            let mistakes = load(&[ISSUER, ("AUDIENCE", "a"), (name, text)]).unwrap_err();
            assert!(mistakes.contains(&format!("VEILGATE_OIDC_{name}")), "{name}: {mistakes}");
        }
    }
}
