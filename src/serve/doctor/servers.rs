//! What the server speaks to beside its database: the archive's store, the downstream server, Stripe, a collector of
//! audit entries. Each is opened as the server opens it.

use super::clock::Clocks;
use super::{Finding, PATIENCE};
use crate::archive::{self, Site};
use crate::config::Config;
use crate::downstream::{self, Downstream, Fault, Servers};
use crate::sink::Sink;
use tokio::time::timeout;

const ARCHIVE: &str = "archive";
const DOWNSTREAM: &str = "downstream";
const SINK: &str = "audit sink";

/// Most bytes of an answer about one study.
const MOST: usize = 1 << 20;

/// Does the archive keep what is written? An object is written, read and removed.
pub(super) async fn archive(config: &Config) -> Finding {
    let kept = match &config.archive {
        Site::Folder(folder) if !folder.exists() => {
            return Finding::ok(ARCHIVE, "its folder is made at the first start");
        }
        Site::Memory => {
            let seen = "is in memory: nothing that is stored is kept";
            return Finding::warning(ARCHIVE, seen, "set archive.url, unless this is a trial");
        }
        Site::Folder(_) => "the folder",
        Site::Bucket(_) => "the bucket",
    };
    match timeout(PATIENCE, archive::try_out(&config.archive)).await {
        Ok(Ok(())) => Finding::ok(ARCHIVE, format!("{kept} took, gave back and removed an object")),
        // The text says what to do.
        Ok(Err(unusable)) => Finding::fault(ARCHIVE, unusable.to_string(), remedy(&config.archive)),
        Err(_) => Finding::fault(ARCHIVE, format!("{kept} does not answer in time"), remedy(&config.archive)),
    }
}

fn remedy(site: &Site) -> &'static str {
    match site {
        Site::Bucket(_) => {
            "mend it, and run this again; requests that store are answered with 503 until then"
        }
        _ => "chown the folder to the user of the server, and see that its disk is not full",
    }
}

/// Does the downstream server answer, and take our credentials? It is asked for one study, which is not looked at.
pub(super) async fn downstream(config: &Config, clocks: &mut Clocks) -> Option<Finding> {
    let settings = config.downstream.clone()?;
    // Whoever waits for a doctor has less patience than a store.
    let answer = settings.answer.min(PATIENCE);
    let settings = downstream::Settings { answer, retries: 0, ..settings };
    let asked = async {
        let client =
            Downstream::new(settings, &Servers::default()).map_err(|unusable| unusable.to_string())?;
        Ok::<_, String>(ask(&client, clocks).await)
    };
    let found = match timeout(PATIENCE * 2, asked).await {
        Ok(Ok(Ok(()))) => Finding::ok(DOWNSTREAM, "answers a search, and takes our credentials"),
        Ok(Ok(Err(fault))) => Finding::fault(DOWNSTREAM, fault.to_string(), mend(fault)),
        Ok(Err(unusable)) => Finding::fault(DOWNSTREAM, unusable, "correct that setting"),
        Err(_) => Finding::fault(DOWNSTREAM, Fault::TimedOut.to_string(), mend(Fault::TimedOut)),
    };
    Some(found)
}

async fn ask(client: &Downstream, clocks: &mut Clocks) -> Result<(), Fault> {
    let reply = client.get("studies?limit=1", "application/dicom+json", None).await?;
    if let Some(date) = reply.date {
        clocks.see("the downstream server", date);
    }
    if reply.nothing {
        return Ok(());
    }
    match reply.held(MOST).await {
        Ok(body) if body.trim_ascii_start().starts_with(b"[") => Ok(()),
        // A server that minds no limit answers all the same.
        Err(Fault::TooLarge) => Ok(()),
        Ok(_) => Err(Fault::Nonsense),
        Err(fault) => Err(fault),
    }
}

fn mend(fault: Fault) -> &'static str {
    match fault {
        Fault::Unreachable => {
            "see that it runs, that downstream.url names it, and with https that its certificate is for that name and \
             known to the system or downstream.ca_file"
        }
        Fault::Denied => "check downstream.user and its password, or downstream.token",
        Fault::NotFound | Fault::Unsupported | Fault::Nonsense | Fault::Refused(_) => {
            "downstream.url must be a DICOMweb root, below which /studies can be searched"
        }
        _ => "look at that server, and run this again",
    }
}

/// Does Stripe take our key, and is all set that selling needs?
#[cfg(feature = "billing")]
pub(super) async fn stripe(config: &Config, clocks: &mut Clocks) -> Vec<Finding> {
    use crate::billing::{Plan, Stripe};
    const STRIPE: &str = "stripe";
    let Some(settings) = config.billing.stripe.clone() else { return Vec::new() };
    let mut found = Vec::new();
    if !config.billing.webhook.has_secret() {
        let seen = "there is no webhook secret: payments will not be heard of";
        found.push(Finding::fault(STRIPE, seen, "set billing.webhook_secret to the one of the webhook"));
    }
    if [Plan::Monthly, Plan::Annual].iter().all(|plan| settings.prices.sold(*plan).is_err()) {
        let advice = "set billing.price_monthly or billing.price_annual";
        found.push(Finding::warning(STRIPE, "no price is set: nothing can be bought", advice));
    }
    if let Some(date) = date_at(&settings.base_url).await {
        clocks.see("Stripe", date);
    }
    let tried = match Stripe::new(settings) {
        Ok(stripe) => {
            timeout(PATIENCE, stripe.try_key()).await.unwrap_or(Err(crate::billing::Fault::NoAnswer))
        }
        Err(fault) => Err(fault),
    };
    found.push(match tried {
        Ok(()) => Finding::ok(STRIPE, "takes the API key"),
        Err(fault) => Finding::fault(STRIPE, fault.to_string(), pay(&fault)),
    });
    found
}

#[cfg(feature = "billing")]
fn pay(fault: &crate::billing::Fault) -> &'static str {
    use crate::billing::Blame;
    match fault.blame() {
        Blame::Stripe => {
            "see that this machine reaches Stripe, and run this again; usage is kept and told later"
        }
        _ => "check billing.api_key: of this account, and for a restricted key with its rights",
    }
}

/// What Stripe's front says of the time; it is told no key for that.
#[cfg(feature = "billing")]
async fn date_at(base_url: &str) -> Option<std::time::SystemTime> {
    use crate::downstream::probe::{Ask, Probe};
    let probe = Probe::quick(base_url.trim_end_matches('/'), PATIENCE, None, None).ok()?;
    probe.ask(Ask { path: "/".to_owned(), ..Ask::default() }).await.ok()?.date()
}

/// Can the audit's second sink be set up? Nothing is sent: a collector keeps what it gets.
pub(super) fn sink(config: &Config) -> Option<Finding> {
    Some(match Sink::new(config.sink.clone()?) {
        Ok(_) => Finding::ok(SINK, "is set up; not tried, for it keeps what it is sent"),
        Err(unusable) => Finding::fault(SINK, unusable.to_string(), "correct that setting"),
    })
}
