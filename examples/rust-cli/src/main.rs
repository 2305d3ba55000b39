//! tally: how often does each value of a log's column occur?

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: tally [--top N] COLUMN < LOG";

struct Wanted {
    column: usize,
    top: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--version"] {
        println!("tally {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let wanted = match parse(&arguments) {
        Ok(wanted) => wanted,
        Err(message) => {
            eprintln!("tally: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match tally(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough: head, for one.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tally: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted { column: 0, top: usize::MAX };
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        if word == "--top" {
            wanted.top = number(rest.next().ok_or("--top needs a number")?)?;
        } else if wanted.column == 0 {
            wanted.column = number(word)?;
        } else {
            return Err(format!("{word}: there is a column already"));
        }
    }
    if wanted.column == 0 {
        return Err("which column?".into());
    }
    Ok(wanted)
}

fn number(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(0) | Err(_) => Err(format!("{word}: not a number from 1 on")),
        Ok(number) => Ok(number),
    }
}

fn tally(wanted: &Wanted) -> io::Result<()> {
    let mut counts = counting::Counts::default();
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        counts.add(counting::field(text.trim_end(), wanted.column).unwrap_or("-"));
        line.clear();
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (value, count) in counts.sorted().into_iter().take(wanted.top) {
        writeln!(out, "{count:>8} {value}")?;
    }
    out.flush()
}
