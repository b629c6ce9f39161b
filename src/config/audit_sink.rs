//! Settings of the audit's second sink. What can be connected with them is told in `sink`.

use super::certificates;
use super::sources::Sources;
use crate::secret::Secret;
use crate::sink::{Identity, Settings, Target};

/// Only where a target is set, and a certificate only with its key.
pub(super) fn settings(from: &mut Sources) -> Option<Settings> {
    let target = from.take("audit.sink", Target::parse);
    let ca = from.take("audit.sink_ca_file", certificates);
    let own = from.take("audit.sink_cert_file", certificates);
    let key = from.take("audit.sink_key_file", certificates);
    let key = key.map(|pem| Secret::new(&String::from_utf8_lossy(&pem)));
    let identity = match (own, key) {
        (Some(certificates), Some(key)) => Some(Identity { certificates, key }),
        (None, None) => None,
        _ => {
            from.wrong("audit.sink_cert_file", "give certificate and key, or none of them".to_owned());
            None
        }
    };
    if !matches!(target, Some(Target::Tls(_))) && (ca.is_some() || identity.is_some()) {
        from.wrong("audit.sink", "certificates are for syslog+tls only".to_owned());
    }
    Some(Settings { target: target?, ca, identity })
}
