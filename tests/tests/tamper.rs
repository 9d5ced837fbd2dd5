//! The two verifiers agree.

#[test]
fn two_verifiers_agree_on_every_rule() {
    let wrong = tests::trial::judge_all(&tests::rules::trials());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
