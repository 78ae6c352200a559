//! From a host's name to a socket.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::wire::line::Socket;

const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;
/// As long as Kafka waits for a silent host: what was sent and is not acknowledged by then is lost.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// One of the servers that a URL names.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// What its certificate must say, and what a password file knows it by.
    pub(crate) host: Option<Host>,
    address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Server {
    /// Those of `config`, in their order.
    pub(crate) fn all(config: &Config) -> Vec<Self> {
        let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
        let ports = config.get_ports();
        let server = |i: usize| Self {
            host: hosts.get(i).cloned(),
            address: addresses.get(i).copied(),
            port: ports.get(i).or(ports.first()).copied().unwrap_or(5432),
        };
        (0..hosts.len().max(addresses.len())).map(server).collect()
    }

    /// Its name, or its address.
    pub(crate) fn name(&self) -> String {
        match (&self.host, self.address) {
            (Some(Host::Tcp(name)), _) => name.clone(),
            (Some(Host::Unix(path)), _) => path.display().to_string(),
            (None, address) => address.map_or_else(String::new, |a| a.to_string()),
        }
    }

    /// Whether what is sent stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let name = self.name();
        let is_loopback = |a: IpAddr| a.is_loopback();
        matches!(self.host, Some(Host::Unix(_)))
            || name == "localhost"
            || self.address.or(name.parse().ok()).is_some_and(is_loopback)
    }

    /// Connects, each address within `patience`.
    pub(crate) async fn dial(&self, patience: Duration) -> Result<Socket> {
        let late = || Error::new(ErrorKind::TimedOut, "nothing answers at this address");
        if let (Some(Host::Unix(folder)), None) = (&self.host, self.address) {
            let path = folder.join(format!(".s.PGSQL.{}", self.port));
            let connected = timeout(patience, unix(&path)).await;
            return connected.unwrap_or_else(|_| Err(late())).map(Socket::Unix);
        }
        let addresses: Vec<SocketAddr> = match self.address {
            Some(address) => vec![(address, self.port).into()],
            None => {
                let found = timeout(patience, lookup_host((self.name(), self.port))).await;
                found.unwrap_or_else(|_| Err(late()))?.collect()
            }
        };
        let mut failed = Error::new(ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match timeout(patience, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return prepared(tcp).map(Socket::Tcp),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = late(),
            }
        }
        Err(failed)
    }
}

async fn unix(path: &Path) -> Result<UnixStream> {
    UnixStream::connect(path).await
}

fn prepared(tcp: TcpStream) -> Result<TcpStream> {
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    let socket = SockRef::from(&tcp);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(tcp)
}
