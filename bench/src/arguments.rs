//! What the command line asks for.

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use crate::rounds::Pace;

const HELP: &str = "\
cargo run --release -- WHAT [--quick] [--only PEER,PEER]

  list      what can be measured, and with whom
  render    the page, from the newest results
  all       everything, one scenario after the other, and then the page
  NAME      one scenario of the list

  --quick   short rounds, for a look
  --only    these peers; ratios are to the limit and to tokio where they take part";

pub(crate) struct Arguments {
    pub(crate) what: What,
    is_quick: bool,
    only: Option<Vec<String>>,
}

pub(crate) enum What {
    List,
    Render,
    Measure(String),
}

impl Arguments {
    pub(crate) fn of_this_program() -> Result<Self> {
        let mut parser = Parser::from_env();
        let (mut what, mut is_quick, mut only) = (None, false, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("quick") => is_quick = true,
                Arg::Long("only") => {
                    only = Some(parser.value()?.string()?.split(',').map(str::to_owned).collect())
                }
                Arg::Value(value) if what.is_none() => what = Some(value.string()?),
                _ => bail!("{}\n\n{HELP}", argument.unexpected()),
            }
        }
        let what = match what.as_deref() {
            None => bail!("what should be measured?\n\n{HELP}"),
            Some("list") => What::List,
            Some("render") => What::Render,
            Some(name) => What::Measure(name.into()),
        };
        Ok(Self { what, is_quick, only })
    }

    pub(crate) fn wants(&self, peer: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == peer))
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.is_quick { Pace::QUICK } else { Pace::FULL }
    }
}
