//! Where the process listens.

use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;

/// The address where nothing else is said, and how many ports after it are tried when it is taken:
/// several processes on one machine are the rule on a developer's, and a hundred are not.
const HOST: &str = "127.0.0.1";
const PORTS: std::ops::Range<u16> = 7_700..7_800;

/// Where a process is to listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// At [`HOST`], on the first port of [`PORTS`] that is free.
    #[default]
    Somewhere,
    /// Here and nowhere else: `host:port`.
    At(String),
    Off,
}

impl FromStr for Listen {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            bail!("`{text}` is no address: expected HOST:PORT, as 127.0.0.1:7700, or off");
        }
        Ok(Self::At(text.to_owned()))
    }
}

impl Listen {
    /// Listens. `None` where nothing is to, or, unless an address was named, where nothing can.
    pub async fn bind(&self) -> Result<Option<TcpListener>> {
        match self {
            Self::Off => Ok(None),
            Self::At(address) => {
                let listener = TcpListener::bind(address).await;
                let failed = || format!("cannot listen at {address}, as `http` says");
                listener.with_context(failed).map(Some)
            }
            Self::Somewhere => Ok(somewhere().await),
        }
    }
}

async fn somewhere() -> Option<TcpListener> {
    for port in PORTS {
        if let Ok(listener) = TcpListener::bind((HOST, port)).await {
            return Some(listener);
        }
    }
    tracing::warn!(
        "no metrics: {HOST} has no free port from {} to {}; name one with --http",
        PORTS.start,
        PORTS.end - 1
    );
    None
}

/// The address, for the log.
pub fn address(listener: &TcpListener) -> String {
    let address = listener.local_addr();
    address
        .as_ref()
        .map_or_else(|_| "?".to_owned(), SocketAddr::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_port() {
        assert_eq!("off".parse::<Listen>().unwrap(), Listen::Off);
        for good in ["127.0.0.1:0", "[::]:9100", "metrics.internal:80"] {
            assert_eq!(good.parse::<Listen>().unwrap(), Listen::At(good.to_owned()));
        }
        for bad in [
            "",
            "on",
            "7700",
            "localhost:",
            "localhost:99999",
            "http://localhost:1/x",
        ] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_passed_over_unless_it_was_named() {
        let first = Listen::Somewhere.bind().await.unwrap().unwrap();
        let second = Listen::Somewhere.bind().await.unwrap().unwrap();
        assert_ne!(address(&first), address(&second));
        let error = Listen::At(address(&first)).bind().await.unwrap_err();
        assert!(
            format!("{error:#}").contains("cannot listen at 127.0.0.1:77"),
            "{error:#}"
        );
    }
}
