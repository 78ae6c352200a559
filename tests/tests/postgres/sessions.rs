//! Sessions: one that went bad is not used again, a silent server is noticed, and nobody learns a
//! password who should not.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use gristmill_postgres::commit::lease;
use gristmill_postgres::wire::connection::Database;
use gristmill_postgres::wire::database_error::DatabaseError;
use gristmill_postgres::wire::pool::Pool;
use gristmill_tests::fault_proxy::FaultProxy;

use crate::fixture::{Fixture, WITH_PROVENANCE, computed, request};

/// The error with its causes, as a log has it.
fn text(error: DatabaseError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

/// Services do this when a disk fills, and undo it.
#[tokio::test]
async fn a_session_that_can_only_read_is_used_once() -> Result<()> {
    let fixture = Fixture::new("only_reads", WITH_PROVENANCE).await?;
    let pool = Pool::new(fixture.database.clone(), 1);
    let only_read = |on| {
        let on = format!("alter database only_reads set default_transaction_read_only = {on}");
        fixture.postgres.psql("postgres", &on)
    };
    only_read("on")?;
    let wanted = [request(0, 1, 0, None)];
    for _ in 0..2 {
        let mut lent = pool.get().await?;
        let refused = lease::take(&mut lent, &wanted, "host-a").await;
        let error = text(refused.expect_err("the database can only be read"));
        assert!(error.contains("read-only"), "{error}");
    }
    only_read("off")?;
    let mut lent = pool.get().await?;
    let lease = lease::take(&mut lent, &wanted, "host-a")
        .await?
        .remove(0)
        .lease;
    // A session that is made to only read while it is kept is given up by the first to meet it.
    lent.batch_execute("set default_transaction_read_only = on")
        .await?;
    let refused = lease::take(&mut lent, &wanted, "host-a").await;
    assert!(refused.is_err() && !lent.is_usable());
    drop(lent);
    let batch = computed(0, &[(1, None, false, 1)]);
    let mut lent = pool.get().await?;
    fixture.flush(&mut lent, &lease, 0, &batch).await?;
    Ok(())
}

/// The kernel goes on to answer for a process that is stopped.
#[tokio::test]
async fn a_silent_server_is_noticed_and_waited_for() -> Result<()> {
    let fixture = Fixture::new("silent", WITH_PROVENANCE).await?;
    let proxy = FaultProxy::start(fixture.postgres.port())?;
    let url = format!("postgres://app@127.0.0.1:{}/silent", proxy.port());
    let pool = Pool::new(Database::new(&url, "gristmill/silent")?, 1);
    let mut lent = pool.get().await?;
    let lease = fixture.take(&mut lent, 0).await?.lease;
    assert_eq!(pool.silent_since(), None);
    proxy.freeze(true);
    let frozen = Instant::now();
    let batch = computed(0, &[(1, None, false, 1)]);
    let lost = fixture.flush(&mut lent, &lease, 0, &batch).await;
    assert!(lost.is_err() && frozen.elapsed() < Duration::from_secs(30));
    assert!(pool.silent_since().is_some());
    drop(lent);
    let nobody = pool.get().await.err().map(text);
    assert!(nobody.is_some_and(|error| error.contains("does not answer")));
    proxy.freeze(false);
    let mut lent = pool.get().await?;
    assert_eq!(pool.silent_since(), None);
    let lease = fixture.take(&mut lent, 0).await?.lease;
    fixture.flush(&mut lent, &lease, 0, &batch).await?;
    Ok(())
}

/// A server that greets each client with `greeting`, and what they say to that.
fn impostor(greeting: &'static [u8]) -> Result<(u16, Receiver<Vec<u8>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let (say, heard) = channel();
    thread::spawn(move || {
        let mut said = vec![0; 1 << 10];
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut said);
            let _ = client.write_all(greeting);
            if let Ok(length @ 1..) = client.read(&mut said) {
                let _ = say.send(said[..length].to_vec());
            }
        }
    });
    Ok((port, heard))
}

#[tokio::test]
async fn nobody_who_listens_in_is_told_the_password() -> Result<()> {
    // Asks for the password itself.
    let (port, heard) = impostor(b"R\0\0\0\x08\0\0\0\x03")?;
    let url = format!("postgres://me:secret@127.0.0.1:{port}/d?sslmode=disable");
    let refused = Database::new(&url, "gristmill/secret")?.connect().await;
    let error = text(refused.err().expect("nobody is told"));
    assert!(error.contains("asks for the password itself"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    assert!(heard.try_recv().is_err());
    Ok(())
}

/// A rotated password holds from the next connection on, and no message names it.
#[tokio::test]
async fn passwords_are_read_at_each_connection() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (passwords, url_file) = (folder.path().join("pgpass"), folder.path().join("url"));
    let encoded = passwords.display().to_string().replace('/', "%2F");
    // md5: what is sent says whether a password was there, and not which.
    let (port, heard) = impostor(b"R\0\0\0\x0c\0\0\0\x05salt")?;
    let url = format!("postgres://me@127.0.0.1:{port}/d?sslmode=disable&passfile={encoded}");
    fs::write(&url_file, format!("{url}\n"))?;
    let database = Database::new(&format!("file:{}", url_file.display()), "gristmill/file")?;
    let failed = |error: Option<DatabaseError>| text(error.expect("it is no server"));
    let missing = failed(database.connect().await.err());
    assert!(missing.contains("no such file"), "{missing}");
    fs::write(&passwords, "*:*:*:me:first-secret\n")?;
    fs::set_permissions(&passwords, Permissions::from_mode(0o644))?;
    let open = failed(database.connect().await.err());
    assert!(open.contains("others may read it"), "{open}");
    fs::set_permissions(&passwords, Permissions::from_mode(0o600))?;
    let sent = failed(database.connect().await.err());
    assert!(!sent.contains("password missing"), "{sent}");
    fs::write(&passwords, "*:*:*:you:second-secret\n")?;
    let none = failed(database.connect().await.err());
    assert!(none.contains("password missing"), "{none}");
    assert!(heard.try_recv().is_ok_and(|said| said.starts_with(b"p")));
    for message in [missing, open, sent, none] {
        assert!(
            !message.contains("secret:") && !message.contains("-secret"),
            "{message}"
        );
    }
    Ok(())
}

/// What a pooler in transaction mode that has one backend says to each of its clients.
#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_by_name() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut said = vec![0; 1 << 12];
                let mut answer: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
                while client.read(&mut said).is_ok_and(|length| length > 0) {
                    if client.write_all(answer).is_err() {
                        return;
                    }
                    answer =
                        b"T\0\0\0\x1c\0\x01pid\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0\
                               D\0\0\0\x0c\0\x01\0\0\0\x0242\
                               C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";
                }
            });
        }
    });
    let url = format!("postgres://me@127.0.0.1:{port}/d?sslmode=disable");
    let refused = Database::new(&url, "gristmill/pooled")?.connect().await;
    let error = text(refused.err().expect("two sessions have one backend"));
    assert!(
        error.contains("PgBouncer") && error.contains("session mode"),
        "{error}"
    );
    Ok(())
}

/// Partitions that wait for others' locks do not take all connections from those that need not.
#[tokio::test]
async fn what_waits_for_locks_leaves_a_place_free() -> Result<()> {
    let fixture = Fixture::new("a_place", WITH_PROVENANCE).await?;
    let pool = Pool::new(fixture.database.clone(), 2);
    let _waits = pool.get_to_wait().await?;
    let soon = Duration::from_millis(500);
    assert!(
        tokio::time::timeout(soon, pool.get_to_wait())
            .await
            .is_err()
    );
    let _goes_on = pool.get().await?;
    Ok(())
}
