// Built in the Rust builder base and run in the one for C++; prints one JSON object.
use std::{env, fs, thread};

fn main() {
    let sum = thread::spawn(|| (1..=8).sum::<u32>()).join().unwrap();
    fs::write("/tmp/Grüße-日本.txt", "ok").unwrap();
    let bundle = fs::read_to_string(env::var("SSL_CERT_FILE").unwrap()).unwrap();
    let authorities = bundle.matches("BEGIN CERTIFICATE").count();
    println!("{{\"sum\": {sum}, \"authorities\": {authorities}}}");
}
