//! Tests of the mapping: every problem with its status, reason and who has to act.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::dicomweb::query::QueryFaultKind;

const TABLE: &str = "\
401 right 0124 retry=- NoKey
401 right 0124 retry=- BadKey
401 right 0124 retry=- Token(Invalid)
503 us A700 retry=9 Token(Unchecked { retry_after: 9 })
401 right 0124 retry=- NoAdminKey
401 right 0124 retry=- BadAdminKey
403 right 0124 retry=- NoChoice
400 request 0110 retry=- BadChoice(\"\")
403 right 0124 retry=- NoRight(Reidentify)
409 request 0124 retry=- OnlyRestores
400 request 0110 retry=- Account(Json { line: 1, column: 2 })
409 request 0110 retry=- Account(Exists)
409 request 0110 retry=- Account(Ambiguous)
409 request 0110 retry=- Account(Ended)
403 request 0110 retry=- Account(Destroyed)
422 request 0110 retry=- Account(Member { name: \"\", why: \"\" })
400 request A700 retry=- Names(TooMany { limit: 1 })
405 request 0110 retry=- Names(InUrl)
422 request C000 retry=- Names(Table([]))
429 right A700 retry=3 TooOften { retry_after: 3 }
404 request 0110 retry=- NotFound
404 request 0110 retry=- NoFrame
405 request 0110 retry=- MethodNotAllowed
400 request C000 retry=- BadUid
400 request 0110 retry=- BadFrames
400 request 0110 retry=- BadParameter(\"\")
400 request 0110 retry=- Query(QueryFault { name: \"\", why: BadValue })
400 request 0110 retry=- Hidden(\"\")
403 right 0122 retry=- Withheld(PrivateSopClass)
413 request A700 retry=- TooBroad(1)
406 request 0110 retry=- NoAccept
400 request 0110 retry=- Accept(Mixed)
406 request 0110 retry=- Accept(NotAcceptable([]))
415 request 0110 retry=- MediaType { why: \"\", takes: [] }
400 request C000 retry=- EmptyBody
400 request C000 retry=- Multipart(NoPart)
400 request C000 retry=- CutOff
400 request C000 retry=- Metadata(\"\")
422 request C000 retry=- Form(\"\")
422 request C000 retry=- Archive(\"\")
400 request A700 retry=- TooManyParts { limit: 1 }
422 request 0110 retry=- NothingDone { burned_in: true, files: [] }
408 request A700 retry=- Silent
413 request A700 retry=- BodyTooLarge { limit: 1 }
414 request 0110 retry=- UriTooLong { limit: 1 }
416 request 0110 retry=- RangeBeyond { length: 1 }
406 request 0110 retry=- Undecodable(\"\")
502 downstream A700 retry=- Downstream(Unreachable)
502 downstream A700 retry=- Downstream(CutOff)
502 downstream A700 retry=- Downstream(Nonsense)
502 downstream A700 retry=- Downstream(Denied)
502 downstream A700 retry=- Downstream(Refused(500))
504 downstream A700 retry=- Downstream(TimedOut)
503 downstream A700 retry=7 Downstream(Busy { retry_after: Some(7) })
422 request 0110 retry=- Charge(Field { field: \"\", why: \"\" })
400 request 0110 retry=- Charge(Forged(\"\"))
409 request 0110 retry=- Charge(Subscribed)
409 request 0110 retry=- Charge(NoPurchase)
503 us A700 retry=- Charge(Unset(\"\"))
503 us A700 retry=- Charge(Setup)
503 us A700 retry=5 Charge(Unreachable)
429 right A700 retry=9 QuotaSpent { retry_after: 9 }
503 us A700 retry=5 Overloaded
503 us A700 retry=5 Database
503 us A700 retry=5 Storage
500 us 0110 retry=- Internal(\"\")
";

fn all() -> Vec<Problem> {
    use downstream::Fault;
    let mut all = vec![
        Problem::NoKey,
        Problem::BadKey,
        Problem::Token(Token::Invalid),
        Problem::Token(Token::Unchecked { retry_after: 9 }),
        Problem::NoAdminKey,
        Problem::BadAdminKey,
        Problem::NoChoice,
        Problem::BadChoice(String::new()),
        Problem::NoRight(db::account::Right::Reidentify),
        Problem::OnlyRestores,
        Problem::Account(Account::Json { line: 1, column: 2 }),
        Problem::Account(Account::Exists),
        Problem::Account(Account::Ambiguous),
        Problem::Account(Account::Ended),
        Problem::Account(Account::Destroyed),
        Problem::Account(Account::Member { name: "", why: String::new() }),
        Problem::Names(Names::TooMany { limit: 1 }),
        Problem::Names(Names::InUrl),
        Problem::Names(Names::Table(Vec::new())),
        Problem::TooOften { retry_after: 3 },
        Problem::NotFound,
        Problem::NoFrame,
        Problem::MethodNotAllowed,
        Problem::BadUid,
        Problem::BadFrames,
        Problem::BadParameter(""),
        Problem::Query(QueryFault { name: String::new(), why: QueryFaultKind::BadValue }),
        Problem::Hidden(String::new()),
        Problem::Withheld(Refusal::PrivateSopClass),
        Problem::TooBroad(1),
        Problem::NoAccept,
        Problem::Accept(AcceptError::Mixed),
        Problem::Accept(AcceptError::NotAcceptable(Vec::new())),
        Problem::MediaType { why: "", takes: &[] },
        Problem::EmptyBody,
        Problem::Multipart(PartsError::NoPart),
        Problem::CutOff,
        Problem::Metadata(""),
        Problem::Form(""),
        Problem::Archive(""),
        Problem::TooManyParts { limit: 1 },
        Problem::NothingDone { burned_in: true, files: Vec::new() },
        Problem::Silent,
        Problem::BodyTooLarge { limit: 1 },
        Problem::UriTooLong { limit: 1 },
        Problem::RangeBeyond { length: 1 },
        Problem::Undecodable(""),
    ];
    let faults = [Fault::Unreachable, Fault::CutOff, Fault::Nonsense, Fault::Denied, Fault::Refused(500)];
    all.extend(faults.map(Problem::Downstream));
    all.extend([Fault::TimedOut, Fault::Busy { retry_after: Some(7) }].map(Problem::Downstream));
    let charges = [Charge::Field { field: "", why: "" }, Charge::Forged(""), Charge::Subscribed];
    all.extend(charges.map(Problem::Charge));
    let charges = [Charge::NoPurchase, Charge::Unset(""), Charge::Setup, Charge::Unreachable];
    all.extend(charges.map(Problem::Charge));
    all.extend([
        Problem::QuotaSpent { retry_after: 9 },
        Problem::Overloaded,
        Problem::Database,
        Problem::Storage,
        Problem::Internal(""),
    ]);
    all
}

#[test]
fn every_failure_has_the_status_and_reason_of_the_table() {
    let line = |problem: Problem| {
        let (blame, reason, name) =
            (problem.blame().word(), problem.sentence().reason, format!("{problem:?}"));
        let response = problem.into_response();
        let retry = response.headers().get("retry-after").map_or("-", |value| value.to_str().unwrap());
        format!("{} {blame} {reason:04X} retry={retry} {name}\n", response.status().as_u16())
    };
    assert_eq!(all().into_iter().map(line).collect::<String>(), TABLE);
}

#[test]
fn http_11_a_missing_key_is_answered_with_challenges() {
    let response = Problem::NoKey.into_response();
    assert_eq!(response.headers().get_all(header::WWW_AUTHENTICATE).iter().count(), 2);
}
