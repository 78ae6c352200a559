//! A TCP proxy that breaks a connection at a chosen moment.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// What happens to the exchange that an armed proxy waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request never arrives, and both ends see the connection close.
    CutRequest,
    /// The request arrives and is answered; the answer is lost, and both ends see the connection
    /// close.
    CutAnswer,
}

/// Forwards connections to one port of this machine until it is armed. Ends with the process.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    /// Strikes at the next request that contains these bytes.
    armed: Option<(Vec<u8>, Fault)>,
    struck: usize,
    frozen: bool,
}

impl FaultProxy {
    /// A proxy of `127.0.0.1:server_port` that forwards everything.
    pub fn start(server_port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let plan = Arc::<Mutex<Plan>>::default();
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) {
                    let _ = forward(client, server, &shared);
                }
            }
        });
        Ok(Self { port, plan })
    }

    /// Where clients connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Strikes once, at the next piece of a request that contains `needle`; an empty needle is in
    /// every one.
    pub fn arm(&self, needle: &[u8], fault: Fault) {
        self.plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .armed = Some((needle.to_vec(), fault));
    }

    /// Holds back whatever either side says, as a server that is stopped by a signal does, or lets
    /// it go again.
    pub fn freeze(&self, frozen: bool) {
        self.plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .frozen = frozen;
    }

    /// How often it struck.
    pub fn struck(&self) -> usize {
        self.plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .struck
    }
}

fn forward(client: TcpStream, server: TcpStream, plan: &Arc<Mutex<Plan>>) -> Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let lose_answer = Arc::new(Mutex::new(false));
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_server, to_server) = (server.try_clone()?, server);
    let (plan, losing) = (Arc::clone(plan), Arc::clone(&lose_answer));
    thread::spawn(move || requests(from_client, to_server, &plan, &losing));
    thread::spawn(move || answers(from_server, to_client, &lose_answer));
    Ok(())
}

fn requests(
    mut client: TcpStream,
    mut server: TcpStream,
    plan: &Mutex<Plan>,
    lose_answer: &Mutex<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = client.read(&mut buffer).unwrap_or(0);
        if length == 0 {
            return close(&client, &server);
        }
        while plan.lock().unwrap_or_else(PoisonError::into_inner).frozen {
            thread::sleep(Duration::from_millis(20));
        }
        match strike(plan, &buffer[..length]) {
            Some(Fault::CutRequest) => return close(&client, &server),
            Some(Fault::CutAnswer) => {
                *lose_answer.lock().unwrap_or_else(PoisonError::into_inner) = true
            }
            None => {}
        }
        if server.write_all(&buffer[..length]).is_err() {
            return close(&client, &server);
        }
    }
}

fn answers(mut server: TcpStream, mut client: TcpStream, lose_answer: &Mutex<bool>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = server.read(&mut buffer).unwrap_or(0);
        let lost = *lose_answer.lock().unwrap_or_else(PoisonError::into_inner);
        if length == 0 || lost || client.write_all(&buffer[..length]).is_err() {
            return close(&client, &server);
        }
    }
}

fn strike(plan: &Mutex<Plan>, request: &[u8]) -> Option<Fault> {
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    let (needle, fault) = plan.armed.as_ref()?;
    let found = needle.is_empty() || request.windows(needle.len()).any(|w| w == &needle[..]);
    let fault = found.then_some(*fault)?;
    plan.armed = None;
    plan.struck += 1;
    Some(fault)
}

fn close(client: &TcpStream, server: &TcpStream) {
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
