use kamailio_binrpc::wire::{self, Kind, Nodes};
use kamailio_binrpc::{Arg, Cookie, Members, Value};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Int(i64),
    Double(f64),
    Str(Vec<u8>),
    Bytes(Vec<u8>),
    Struct(Vec<(Option<String>, Self)>),
    Array(Vec<Self>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let bytes = || prop_oneof![2 => short_bytes(), 1 => prop::collection::vec(any::<u8>(), 65_530..65_540)];
    nested(prop_oneof![6 => number(), 1 => bytes().prop_map(Tree::Str), 1 => bytes().prop_map(Tree::Bytes)])
}

/// A tree without raw bytes, which JSON does not have.
#[cfg(feature = "serde")]
pub(crate) fn plain_tree() -> impl Strategy<Value = Tree> {
    nested(prop_oneof![number(), short_bytes().prop_map(Tree::Str)])
}

fn short_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..12), prop::collection::vec(any::<u8>(), 250..260)]
}

fn number() -> impl Strategy<Value = Tree> {
    prop_oneof![
        any::<i64>().prop_map(Tree::Int),
        any::<i32>().prop_map(|int| Tree::Int(int.into())),
        any::<u32>().prop_map(|int| Tree::Int(int.into())),
        (-300_i64..300).prop_map(Tree::Int),
        any::<i32>().prop_map(|milli| Tree::Double(f64::from(milli) / 1000.0)),
        (-9.2e15..9.2e15).prop_map(Tree::Double),
    ]
}

fn nested(leaf: impl Strategy<Value = Tree> + 'static) -> impl Strategy<Value = Tree> {
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec((prop::option::of(".{0,9}"), inner.clone()), 0..6).prop_map(Tree::Struct),
            prop::collection::vec(inner, 0..6).prop_map(Tree::Array),
        ]
    })
}

pub(crate) fn with_args<T>(trees: &[Tree], use_them: impl FnOnce(&[Arg<'_>]) -> T) -> T {
    fn build<'a>(tree: &'a Tree) -> Arg<'a> {
        match tree {
            Tree::Int(int) => Arg::Int(*int),
            Tree::Double(double) => Arg::Double(*double),
            Tree::Str(bytes) => Arg::Str(bytes),
            Tree::Bytes(bytes) => Arg::Bytes(bytes),
            // Leaked until the test ends.
            Tree::Struct(members) => {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| (name.as_deref(), build(value))).collect();
                Arg::Struct(members.leak())
            }
            Tree::Array(values) => Arg::Array(values.iter().map(build).collect::<Vec<_>>().leak()),
        }
    }
    use_them(&trees.iter().map(build).collect::<Vec<_>>())
}

fn same(tree: &Tree, value: Value<'_>) -> bool {
    match (tree, value) {
        (Tree::Int(sent), Value::Int(int)) => match *sent {
            0.. => {
                int.as_u64() == *sent as u64
                    && usize::from(int.size()) == 8 - sent.leading_zeros() as usize / 8
            }
            _ => int.as_i64() == *sent && int.size() == if i32::try_from(*sent).is_ok() { 4 } else { 8 },
        },
        (Tree::Double(sent), Value::Double(double)) => double.milli() == (sent * 1000.0).round() as i64,
        (Tree::Str(sent), Value::Str(bytes)) | (Tree::Bytes(sent), Value::Bytes(bytes)) => sent == bytes,
        (Tree::Struct(sent), Value::Struct(members)) => {
            sent.len() == members.iter().count()
                && sent.iter().zip(members).all(|((name, tree), member)| {
                    name.as_ref().map(String::as_bytes) == member.name && same(tree, member.value)
                })
        }
        (Tree::Array(sent), Value::Array(values)) => all_same(sent, values),
        _ => false,
    }
}

fn all_same(sent: &[Tree], values: Members<'_>) -> bool {
    sent.len() == values.iter().count()
        && sent.iter().zip(values).all(|(tree, member)| member.name.is_none() && same(tree, member.value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn decoding_reverses_encoding(
        records in prop::collection::vec(tree(), 0..5),
        cookie in prop_oneof![any::<u32>(), 0..300_u32],
        kind in prop::sample::select(vec![Kind::Reply, Kind::Fault]),
    ) {
        let mut packet = b"before".to_vec();
        with_args(&records, |args| wire::encode(kind, Cookie(cookie), args, &mut packet)).unwrap();
        let packet = packet.strip_prefix(b"before").unwrap();
        let header = wire::header(packet).unwrap().unwrap();
        prop_assert_eq!((header.kind, header.cookie), (kind, Cookie(cookie)));
        prop_assert_eq!(header.header_len + header.body_len, packet.len());
        let body = &packet[header.header_len..];
        let mut nodes = Nodes::new();
        nodes.decode(body).unwrap();
        prop_assert!(all_same(&records, nodes.members(body)), "{:?}", nodes.members(body));
        let owned = nodes.members(body).into_owned();
        prop_assert!(all_same(&records, owned.as_members()), "{:?}", owned);
        for record in nodes.members(body) {
            let owned = record.value.into_owned();
            prop_assert_eq!(owned.as_value(), record.value);
        }
    }
}
