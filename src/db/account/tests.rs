//! Tests of customers, projects and keys on a real database.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::db::seal::Keyring;
use crate::db::tests::{founded, fresh, hand};
use crate::db::{Db, now};
use crate::deid::pseudonym::ProjectKey;
use crate::secret::Secret;
use sqlx::Row;

const MASTER: [u8; 32] = [1; 32];

struct Rig {
    db: Db,
    project: String,
    hand: Hand,
    master: MasterKey,
    _folder: tempfile::TempDir,
}

async fn rig() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let master = MasterKey::new(MASTER);
    let hand = hand(&db, &master).await;
    Rig { db, project, hand, master, _folder: folder }
}

impl Rig {
    /// Actions, subjects and reasons of a chain's acts.
    async fn acts(&self, chain: &str) -> Vec<String> {
        let rows = sqlx::query("SELECT body FROM audit_entry WHERE project_id = $1 ORDER BY sequence")
            .bind(chain.to_owned())
            .fetch_all(&self.db.readers)
            .await
            .unwrap();
        let act = |row: &sqlx::any::AnyRow| {
            let body: serde_json::Value = serde_json::from_str(&row.get::<String, _>(0)).unwrap();
            let event = if body["event"].is_object() { &body["event"] } else { &body };
            format!("{} {} {}", event["actor"], event["action"], event["reason"]).replace('"', "")
        };
        rows.iter().map(act).collect()
    }

    async fn owner(&self, key: &Secret) -> Option<KeyOwner> {
        self.db.key_owner(FreshKey::of(key.expose()).sha256).await.unwrap()
    }

    async fn secret(&self, project: &str) -> [u8; 32] {
        *self.db.project_settings(&self.master, project).await.unwrap().secret.expose()
    }
}

#[tokio::test]
async fn the_first_customer_is_made_once_and_its_key_is_known_by_digest() {
    let folder = tempfile::tempdir().unwrap();
    let db = fresh(folder.path()).await;
    let master = MasterKey::new(MASTER);
    let hand = hand(&db, &master).await;
    let secret = ProjectKey::from_bytes([2; 32]);
    let keys = [FreshKey::random().unwrap(), FreshKey::random().unwrap()];
    assert!(!db.is_founded().await.unwrap());
    assert!(db.found(&hand, &master, &secret, &keys[0]).await.unwrap());
    assert!(!db.found(&hand, &master, &secret, &keys[1]).await.unwrap(), "a second founding");
    let owner = db.key_owner(keys[0].sha256).await.unwrap().unwrap();
    assert_eq!(owner.tier, Tier::Enterprise);
    assert_eq!(db.first_project().await.unwrap(), Some(owner.project.clone()));
    assert_eq!(db.project_settings(&master, &owner.project).await.unwrap().secret.expose(), &[2; 32]);
    assert_eq!(db.key_owner(keys[1].sha256).await.unwrap(), None);
    assert_eq!(db.key("first").await.unwrap().prefix.len(), SHOWN);
}

const SHOWN: usize = 8;

#[tokio::test]
async fn customers_have_names_of_their_own_and_their_changes_are_in_the_gateways_chain() {
    let rig = rig().await;
    let (db, hand) = (&rig.db, &rig.hand);
    let made = db.add_customer(hand, "clinic-a", Tier::Free, Quota::OfTier).await.unwrap();
    assert_eq!(
        db.add_customer(hand, "clinic-a", Tier::Pro, Quota::OfTier).await,
        Err(Fault::Exists),
        "a second of the name"
    );
    for bad in ["", "Doe^John", "a b", &made.id] {
        assert_eq!(db.add_customer(hand, bad, Tier::Free, Quota::OfTier).await, Err(Fault::Name), "{bad}");
    }
    let wish = CustomerWish { tier: Some(Tier::Pro), quota: Some(Quota::Own(7)) };
    let changed = db.change_customer(hand, "clinic-a", wish).await.unwrap();
    assert_eq!((changed.tier, changed.quota, &changed.id), (Tier::Pro, Quota::Own(7), &made.id));
    assert_eq!(db.customer(&made.id).await.unwrap(), changed);
    assert_eq!(db.customer("nobody").await, Err(Fault::Missing));
    assert_eq!(db.change_customer(hand, "nobody", wish).await, Err(Fault::Missing));
    assert_eq!(db.customers().await.unwrap().len(), 2);
    let expected = [
        "operator change-customer founding",
        "operator make-project founding",
        "operator make-key founding",
        "operator change-customer made",
        "operator change-tier pro",
        "operator change-customer quota",
    ];
    assert_eq!(rig.acts(chain::GATEWAY).await, expected);
}

#[tokio::test]
async fn projects_of_one_name_are_told_apart_and_have_secrets_of_their_own() {
    let rig = rig().await;
    let (db, hand, master) = (&rig.db, &rig.hand, &rig.master);
    db.add_customer(hand, "b", Tier::Free, Quota::OfTier).await.unwrap();
    let none = ProjectWish::default();
    let second = db.add_project(hand, master, "b", "default", &none).await.unwrap();
    assert_eq!(db.add_project(hand, master, "b", "default", &none).await, Err(Fault::Exists));
    assert_eq!(db.project("default").await, Err(Fault::Ambiguous));
    assert_eq!(db.project("b/default").await.unwrap(), second);
    assert_eq!(db.projects(Some("b")).await.unwrap(), std::slice::from_ref(&second));
    assert_ne!(rig.secret(&second.id).await, rig.secret(&rig.project).await);
    assert_eq!(rig.acts(&second.id).await, ["operator make-project null"]);
}

#[tokio::test]
async fn a_projects_settings_change_together_and_credentials_never_go_to_another_server() {
    let rig = rig().await;
    let (db, hand, master) = (&rig.db, &rig.hand, &rig.master);
    let forward = ProjectWish { destination: Some(Some(Route::Forward)), ..ProjectWish::default() };
    assert_eq!(db.change_project(hand, master, &rig.project, &forward).await, Err(Fault::NoDownstream));
    let veiled = ProjectWish {
        origin: Some(Some(Source::Veil)),
        downstream_url: Some(Some("http://a/dicom-web".to_owned())),
        ..forward.clone()
    };
    assert_eq!(db.change_project(hand, master, &rig.project, &veiled).await, Err(Fault::BehindVeil));
    let login = Login::Basic("user".to_owned(), Secret::new("hunter2-downstream"));
    let own = ProjectWish {
        downstream_url: Some(Some("http://a/dicom-web".to_owned())),
        downstream_login: Some(Some(login.clone())),
        profile: Some(Some(OwnProfile::parse("research").ok().unwrap())),
        ..forward.clone()
    };
    let before = db.project(&rig.project).await.unwrap();
    let changed = db.change_project(hand, master, &rig.project, &own).await.unwrap();
    assert!(changed.downstream_login && changed.changed > before.changed);
    let settings = db.project_settings(master, &rig.project).await.unwrap();
    assert!(settings.downstream_login == Some(login) && settings.profile.is_some());
    assert_eq!(
        rig.acts(&rig.project).await,
        ["operator change-profile null", "operator change-project null"]
    );
    let moved =
        ProjectWish { downstream_url: Some(Some("http://b/dicom-web".to_owned())), ..ProjectWish::default() };
    let moved = db.change_project(hand, master, &rig.project, &moved).await.unwrap();
    assert!(!moved.downstream_login, "the password was meant for the first server");
    assert_eq!(
        db.change_project(hand, &MasterKey::new([9; 32]), &rig.project, &own).await,
        Err(Fault::Sealed),
        "sealed under a key that is not the present one"
    );
    assert_eq!(db.project(&rig.project).await.unwrap(), moved);
}

#[tokio::test]
async fn a_key_is_valid_until_it_expires_or_is_revoked() {
    let rig = rig().await;
    let (db, hand) = (&rig.db, &rig.hand);
    let wish = KeyWish { name: "ct-7".to_owned(), rate: Some(5), ..KeyWish::default() };
    let (key, text) = db.add_key(hand, &rig.project, &wish).await.unwrap();
    assert!(text.expose().starts_with(&key.prefix) && key.prefix.starts_with("vg_"));
    let owner = rig.owner(&text).await.unwrap();
    assert_eq!((owner.key, owner.rate), (key.id.clone(), Some(5)));
    let ended = KeyWish { name: "late".to_owned(), expires: Some(now() - 1), ..KeyWish::default() };
    let (_, late) = db.add_key(hand, &rig.project, &ended).await.unwrap();
    assert_eq!(rig.owner(&late).await, None, "expired");
    assert!(db.revoke_key(hand, "ct-7").await.unwrap().revoked.is_some());
    assert_eq!(rig.owner(&text).await, None, "revoked");
    db.revoke_key(hand, &key.id).await.unwrap();
    assert_eq!(db.revoke_key(hand, "nothing").await, Err(Fault::Missing));
    assert_eq!(db.revoke_key(hand, "").await, Err(Fault::Missing));
    let expected = ["operator make-key null", "operator make-key null", "operator revoke-key null"];
    assert_eq!(rig.acts(&rig.project).await, expected, "the second revocation changes nothing");
    for ended in [&key.id, "late"] {
        let again = db.rotate_key(hand, ended, None, None).await;
        assert_eq!(again.err(), Some(Fault::Ended), "{ended}");
    }
}

#[tokio::test]
async fn a_rotated_key_stands_beside_the_old_one_until_that_ends() {
    let rig = rig().await;
    let (db, hand) = (&rig.db, &rig.hand);
    let rights = Rights::parse(["reidentify"]).unwrap();
    let wish = KeyWish { name: "a".to_owned(), rights: rights.clone(), ..KeyWish::default() };
    let (old, old_text) = db.add_key(hand, &rig.project, &wish).await.unwrap();
    let (new, new_text) = db.rotate_key(hand, "a", None, None).await.unwrap();
    assert_eq!((new.name.as_str(), &new.project), ("a", &old.project));
    for text in [&old_text, &new_text] {
        assert_eq!(rig.owner(text).await.unwrap().rights, rights, "a new key may what the old one may");
    }
    assert_eq!(rig.acts(&rig.project).await.first().unwrap(), "operator make-key reidentify");
    assert_eq!(db.rotate_key(hand, "a", None, None).await.err(), Some(Fault::Ambiguous));
    db.rotate_key(hand, &old.id, None, Some(now() - 1)).await.unwrap();
    assert!(rig.owner(&old_text).await.is_none() && rig.owner(&new_text).await.is_some());
    let last = rig.acts(&rig.project).await.pop();
    assert_eq!(last.as_deref(), Some("operator revoke-key expires"));
}

#[tokio::test]
async fn a_rotated_key_ends_when_the_old_one_would_have_unless_told_otherwise() {
    let rig = rig().await;
    let (db, hand) = (&rig.db, &rig.hand);
    let end = now() + 86_400_000;
    let wish = KeyWish { name: "a".to_owned(), expires: Some(end), ..KeyWish::default() };
    let (old, _) = db.add_key(hand, &rig.project, &wish).await.unwrap();
    let (new, _) = db.rotate_key(hand, &old.id, None, Some(now() + 1000)).await.unwrap();
    assert!(old.expires.is_some() && new.expires == old.expires, "{:?} {:?}", new.expires, old.expires);
    let (later, _) = db.rotate_key(hand, &new.id, Some(end + 1000), None).await.unwrap();
    assert!(later.expires > new.expires, "{:?}", later.expires);
}

#[tokio::test]
async fn another_master_key_opens_all_that_the_old_one_did_and_the_old_one_nothing() {
    let rig = rig().await;
    let (db, hand, old) = (&rig.db, &rig.hand, &rig.master);
    let login = Login::Token(Secret::new("token-for-pacs"));
    let own = ProjectWish {
        downstream_url: Some(Some("http://a/dicom-web".to_owned())),
        downstream_login: Some(Some(login.clone())),
        ..ProjectWish::default()
    };
    let other = db.add_project(hand, old, "default", "other", &own).await.unwrap().id;
    let secrets = [rig.secret(&rig.project).await, rig.secret(&other).await];
    let seed = db.installation(old).await.unwrap().audit_seed;
    let new = MasterKey::new([8; 32]);
    assert_eq!(db.rotate_master_key(hand, &new, old).await, Err(Fault::Sealed), "not the present key");
    assert_eq!(db.rotate_master_key(hand, old, &new).await, Ok(5));
    assert!(db.is_sealed_under(&new).await.unwrap() && !db.is_sealed_under(old).await.unwrap());
    assert_eq!(db.installation(&new).await.unwrap().audit_seed, seed);
    for (project, secret) in [&rig.project, &other].into_iter().zip(secrets) {
        assert_eq!(db.project_settings(&new, project).await.unwrap().secret.expose(), &secret);
        assert_eq!(db.project_settings(old, project).await.err(), Some(Fault::Sealed));
    }
    let settings = db.project_settings(&new, &other).await.unwrap();
    assert_eq!(settings.downstream_login, Some(login));
    assert_eq!(rig.acts(chain::GATEWAY).await.pop().unwrap(), "operator rotate-master-key null");
    let wish = ProjectWish::default();
    assert_eq!(db.add_project(hand, old, "default", "lost", &wish).await, Err(Fault::Sealed));
}

#[tokio::test]
async fn a_running_gateway_finds_the_rotated_master_key() {
    let rig = rig().await;
    let new = MasterKey::new([8; 32]);
    let kept = new.clone();
    let ring = Keyring::new(rig.master.clone(), move || vec![MasterKey::new([7; 32]), kept.clone()]);
    let settings = || ring.with(|master| async { rig.db.project_settings(&{ master }, &rig.project).await });
    settings().await.unwrap();
    rig.db.rotate_master_key(&rig.hand, &rig.master, &new).await.unwrap();
    assert_eq!(settings().await.unwrap().secret.expose(), &[2; 32]);
}

fn in_environment(pairs: &[(&str, &str)]) -> Vec<EnvironmentKey> {
    let key = |(customer, key): &(&str, &str)| EnvironmentKey {
        customer: (*customer).to_owned(),
        key: FreshKey::of(key),
    };
    pairs.iter().map(key).collect()
}

#[tokio::test]
async fn keys_of_the_environment_come_and_go_with_it() {
    let rig = rig().await;
    let follow = async |pairs: &[(&str, &str)]| {
        rig.db.follow_environment(&rig.hand, &rig.master, &in_environment(pairs)).await
    };
    let valid = async |key: &str| rig.db.key_owner(FreshKey::of(key).sha256).await.unwrap();
    follow(&[("acme", "key-1"), ("acme", "key-2"), ("other", "key-3")]).await.unwrap();
    let (one, two) = (valid("key-1").await.unwrap(), valid("key-2").await.unwrap());
    assert_eq!((one.tier, &one.project), (Tier::Free, &two.project));
    assert_ne!(one.customer, valid("key-3").await.unwrap().customer);
    follow(&[("acme", "key-2")]).await.unwrap();
    assert!(valid("key-1").await.is_none() && valid("key-3").await.is_none());
    assert_eq!(valid("key-2").await, Some(two.clone()));
    follow(&[("acme", "key-1"), ("acme", "key-2")]).await.unwrap();
    assert_eq!(valid("key-1").await, Some(one), "it stands there again");
    assert_eq!(follow(&[("other", "key-1")]).await, Err(Fault::Exists), "it is another customer's");
    rig.db.revoke_key(&rig.hand, &two.key).await.unwrap();
    follow(&[("acme", "key-1"), ("acme", "key-2")]).await.unwrap();
    assert_eq!(valid("key-2").await, None, "revoked by an operator");
    assert_eq!(rig.db.customers().await.unwrap().len(), 3);
}

#[test]
fn no_more_than_a_quarter_of_a_key_is_shown() {
    let shown = |key: &str| FreshKey::of(key).prefix;
    assert_eq!((shown("abc").as_str(), shown("abcdefgh").as_str()), ("", "ab"));
    assert_eq!(FreshKey::random().unwrap().prefix.len(), SHOWN);
}

#[test]
fn a_moment_is_a_date_a_time_or_a_time_from_now() {
    assert_eq!(moment("2027-01-31"), Some(1_801_353_600_000));
    assert_eq!(moment("2027-01-31T02:00:00+02:00"), Some(1_801_353_600_000));
    let hour = moment("1h").unwrap() - now();
    assert!((3_590_000..=3_600_000).contains(&hour), "{hour}");
    for bad in ["", "d", "-1d", "1y", "2027-02-30", "9999999999999d", "tomorrow", "ü"] {
        assert_eq!(moment(bad), None, "{bad}");
    }
}
