//! Requests.

use kamailio_binrpc::{Arg, Error};
use serde_json::{Number, Value, json};
use std::io::{self, ErrorKind};

/// Writes a request. Without arguments there are no `params`, because Kamailio counts an empty list as a missing argument.
///
/// # Errors
/// An argument that JSON or module jsonrpcs does not have.
pub(super) fn write(method: &str, args: &[Arg<'_>], id: u32) -> Result<Vec<u8>, Error> {
    let mut request = json!({ "jsonrpc": "2.0", "method": method, "id": id });
    if let (false, Some(members)) = (args.is_empty(), request.as_object_mut()) {
        let params = args.iter().map(param).collect::<Result<_, _>>()?;
        members.insert("params".to_owned(), Value::Array(params));
    }
    Ok(request.to_string().into_bytes())
}

fn param(arg: &Arg<'_>) -> Result<Value, io::Error> {
    let value = match arg {
        Arg::Int(number) => Some(Value::from(*number)),
        Arg::Double(number) => Number::from_f64(*number).map(Value::Number),
        Arg::Str(text) => str::from_utf8(text).ok().map(Value::from),
        Arg::Bytes(_) | Arg::Struct(_) | Arg::Array(_) => None,
    };
    let message = "arguments of a JSON-RPC call must be numbers or strings in UTF-8";
    value.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_their_types() {
        let request = |args: &[Arg<'_>]| {
            write("m", args, 7).map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap())
        };
        assert_eq!(request(&[]).unwrap(), json!({"jsonrpc": "2.0", "method": "m", "id": 7}));
        let args = [Arg::Int(-1), Arg::Double(0.5), "5".into(), "ä\"\n".into()];
        assert_eq!(request(&args).unwrap()["params"], json!([-1, 0.5, "5", "ä\"\n"]));
        for arg in
            [Arg::Double(f64::NAN), Arg::Str(b"\xff"), Arg::Bytes(b"a"), Arg::Struct(&[]), Arg::Array(&[])]
        {
            let error = request(&[arg]).unwrap_err();
            assert!(error.to_string().contains("must be numbers or strings"), "{error}");
        }
    }
}
