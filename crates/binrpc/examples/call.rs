//! Calls one method and prints the reply: `call URI METHOD [ARGUMENT]...`
//!
//! An argument is a string, unless it begins with `i:` (an int) or `d:` (a double); `s:` marks a string.

use kamailio_binrpc::{Arg, Client, Members, Target, Value};
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, method, arguments @ ..] = &arguments[..] else {
        eprintln!("usage: call URI METHOD [ARGUMENT]...");
        return ExitCode::from(2);
    };
    match call(target, method, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn call(target: &str, method: &str, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let target: Target = target.parse()?;
    let arguments = arguments.iter().map(|text| argument(text)).collect::<Result<Vec<_>, _>>()?;
    let mut client = Client::connect(&target, Instant::now() + Duration::from_secs(5))?;
    print(client.call(method, &arguments)?.records()?, 0);
    Ok(())
}

fn argument(text: &str) -> Result<Arg<'_>, Box<dyn Error>> {
    Ok(match text.split_once(':') {
        Some(("i", int)) => Arg::Int(int.parse()?),
        Some(("d", double)) => Arg::Double(double.parse()?),
        Some(("s", text)) => text.into(),
        _ => text.into(),
    })
}

fn print(members: Members<'_>, depth: usize) {
    for member in members {
        let indent = "  ".repeat(depth);
        let name = member.name.map(|name| format!("{}: ", String::from_utf8_lossy(name))).unwrap_or_default();
        match member.value {
            Value::Int(int) => println!("{indent}{name}{}", int.as_i64()),
            Value::Double(double) => match double.as_f64() {
                Some(number) => println!("{indent}{name}{number:.3}"),
                None => println!("{indent}{name}no value"),
            },
            Value::Str(bytes) | Value::Bytes(bytes) => {
                println!("{indent}{name}{}", String::from_utf8_lossy(bytes));
            }
            Value::Struct(inner) | Value::Array(inner) => {
                println!("{indent}{name}{{");
                print(inner, depth + 1);
                println!("{indent}}}");
            }
        }
    }
}
