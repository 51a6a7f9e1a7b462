use crate::replay::*;
use fake_kamailio::Fake;
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Kind;

#[test]
fn dialogs_are_counted_by_profile_and_state() {
    for (version, all, one) in [("5.6.3", 563.0, 560.0), ("6.2-dev", 895.0, 889.0)] {
        let arguments =
            ["--collector.dialog.profiles", "caller", "--collector.dialog.profiles", "caller:sipp"];
        let page = page(version, "tm.stats", &[], &arguments);
        expect(&page, "kamailio_dialog_profile_dialogs{profile=\"caller\"}", all);
        expect(&page, "kamailio_dialog_profile_dialogs{profile=\"caller\",value=\"sipp\"}", one);
    }
    let page = page("6.2-dev", "dlgs.stats", &[], &[]);
    expect(&page, "kamailio_dlgs_dialogs{state=\"confirmed\"}", 12.0);
    expect(&page, "kamailio_dlgs_dialogs{state=\"terminated\"}", 1022.0);
    expect(&page, "kamailio_dlgs_removed_dialogs_total{state=\"terminated\"}", 160.0);
}

#[test]
fn all_values_of_a_profile_are_counted() {
    let in_profile = |name: &'static str, value: &'static str| [(Some(name), Arg::from(value))];
    let (blue, red, other) =
        (in_profile("carrier", "blue"), in_profile("carrier", "red"), in_profile("callee", "blue"));
    let entry = |members| (None, Arg::Struct(members));
    let profiles = [
        vec![entry(&blue), entry(&other), (None, "calls".into())],
        vec![entry(&blue), entry(&red)],
        vec![entry(&red)],
        vec![entry(&blue)],
    ];
    let dialog = |number: i64, profiles| {
        [
            (Some("h_entry"), Arg::Int(5)),
            (Some("h_id"), Arg::Int(number)),
            (Some("profiles"), Arg::Struct(profiles)),
        ]
    };
    let dialogs: Vec<_> =
        profiles.iter().zip(1..).map(|(profiles, number)| dialog(number, profiles)).collect();
    // The dialog with two values is listed twice.
    let records: Vec<_> = [0, 1, 1, 2, 3].map(|index: usize| Arg::Struct(&dialogs[index])).into();
    let fake = Fake::start();
    fake.answer("dlg.profile_list", Kind::Reply, &body(&records));
    fake.answer("dlg.profile_get_size", Kind::Reply, &body(&[Arg::Int(4)]));
    let profiles = ["carrier:*", "carrier:red", "carrier", "calls:*", "empty:*"];
    let arguments: Vec<_> =
        profiles.iter().flat_map(|profile| ["--collector.dialog.profiles", profile]).collect();
    let page = served(&fake, "dlg.profile_list", &arguments);
    let of = |labels: &str| page.get(&format!("kamailio_dialog_profile_dialogs{{{labels}}}")).copied();
    assert_eq!(of("profile=\"carrier\",value=\"blue\""), Some(3.0));
    assert_eq!(of("profile=\"carrier\",value=\"red\""), Some(2.0));
    assert_eq!(of("profile=\"carrier\""), Some(4.0));
    assert_eq!(of("profile=\"calls\""), Some(1.0));
    assert_eq!(
        page.keys().filter(|series| series.starts_with("kamailio_dialog_profile_dialogs{")).count(),
        4
    );
    let calls = fake.calls();
    let sizes = calls.iter().filter(|call| call.starts_with("dlg.profile_get_size"));
    assert_eq!(sizes.count(), 1, "a value that is listed is not asked for as well: {calls:?}");
}
