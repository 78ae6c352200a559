//! Encryption and authentication on a real server, with certificates made by openssl.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use gristmill_postgres::wire::connection::Database;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::output;

/// Who must show what.
const HBA: &str = "hostssl all certified all cert
host all scrammed all scram-sha-256
local all all trust
host all all all trust
";

fn openssl(folder: &Path, arguments: &str) -> Result<()> {
    let mut openssl = Command::new("openssl");
    output(openssl.args(arguments.split(' ')).current_dir(folder))?;
    Ok(())
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

fn authority(folder: &Path, name: &str) -> Result<()> {
    openssl(
        folder,
        &format!("req -x509 {NEW_KEY} -keyout {name}.key -out {name}.crt -subj /CN={name} -days 2"),
    )
}

/// A certificate of the first authority for `name`.
fn certificate(folder: &Path, name: &str) -> Result<()> {
    openssl(
        folder,
        &format!(
            "req {NEW_KEY} -keyout {name}.key -out {name}.csr -subj /CN={name} -addext \
             subjectAltName=DNS:{name}"
        ),
    )?;
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA ours.crt -CAkey ours.key -CAcreateserial -out {name}.crt \
             -days 2 -copy_extensions copy"
        ),
    )
}

/// A server that offers TLS under the name db.example.
fn server(folder: &Path) -> Result<Postgres> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    authority(folder, "ours")?;
    authority(folder, "theirs")?;
    certificate(folder, "db.example")?;
    certificate(folder, "certified")?;
    fs::write(folder.join("hba.conf"), HBA)?;
    let postgres = Postgres::start()?;
    // A key of root's may be read by the server's group.
    let process = fs::metadata(format!("/proc/{}", postgres.id()?))?;
    let key = folder.join("db.example.key");
    if fs::metadata(&key)?.uid() == 0 {
        chown(&key, None, Some(process.gid()))?;
        fs::set_permissions(&key, Permissions::from_mode(0o640))?;
    }
    let folder = folder.display();
    for setting in [
        format!("ssl_cert_file = '{folder}/db.example.crt'"),
        format!("ssl_key_file = '{folder}/db.example.key'"),
        format!("ssl_ca_file = '{folder}/ours.crt'"),
        format!("hba_file = '{folder}/hba.conf'"),
        "ssl = on".to_owned(),
    ] {
        postgres.psql("postgres", &format!("alter system set {setting}"))?;
    }
    postgres.psql(
        "postgres",
        "create role certified login; create role scrammed login password 'first'",
    )?;
    postgres.stop()?;
    postgres.start_again()?;
    Ok(postgres)
}

/// Whether a connection by the URL is made, and whether it is encrypted; else why not.
async fn connected(url: &str) -> Result<bool, String> {
    let text = |error| format!("{:#}", anyhow::Error::from(error));
    let database = Database::new(url, "gristmill/tls").map_err(text)?;
    let connection = database.connect().await.map_err(text)?;
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let row = connection.query_one(encrypted, &[]).await;
    Ok(row.map_err(|error| error.to_string())?.get(0))
}

#[tokio::test]
async fn modes_certificates_and_passwords_mean_what_libpq_means_by_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let postgres = server(folder.path())?;
    let (port, path) = (postgres.port(), folder.path().display());
    let url =
        |user: &str, query: &str| format!("postgres://{user}@127.0.0.1:{port}/postgres?{query}");
    let named = format!(
        "postgres://app@db.example:{port}/postgres?hostaddr=127.0.0.1&sslmode=verify-full\
         &sslrootcert={path}/ours.crt"
    );
    let ours = format!("sslrootcert={path}/ours.crt");
    let theirs = format!("sslrootcert={path}/theirs.crt");

    assert_eq!(connected(&url("app", "sslmode=disable")).await, Ok(false));
    assert_eq!(connected(&url("app", "")).await, Ok(true));
    assert_eq!(connected(&named).await, Ok(true));
    let other_name = connected(&url("app", &format!("sslmode=verify-full&{ours}"))).await;
    assert!(other_name.is_err_and(|why| why.contains("not valid for name")));
    let any_name = connected(&url("app", &format!("sslmode=verify-ca&{ours}"))).await;
    assert_eq!(any_name, Ok(true));
    for mode in ["verify-ca", "verify-full"] {
        let stranger = connected(&url("app", &format!("sslmode={mode}&{theirs}"))).await;
        assert!(
            stranger.is_err_and(|why| why.contains("UnknownIssuer")),
            "{mode}"
        );
    }
    let public = connected(&url("app", "sslrootcert=system")).await;
    assert!(public.is_err(), "no public authority knows it");

    let nobody = connected(&url("certified", "sslmode=require")).await;
    assert!(nobody.is_err_and(|why| why.contains("certificate")));
    let shown = format!("sslmode=require&sslcert={path}/certified.crt&sslkey={path}/certified.key");
    assert_eq!(connected(&url("certified", &shown)).await, Ok(true));
    let key = folder.path().join("certified.key");
    fs::set_permissions(key, Permissions::from_mode(0o644))?;
    let open = connected(&url("certified", &shown)).await;
    assert!(open.is_err_and(|why| why.contains("others may read it")));

    let bound = "channel_binding=require";
    assert_eq!(connected(&url("scrammed:first", bound)).await, Ok(true));
    let unbound = connected(&url("scrammed:first", &format!("{bound}&sslmode=disable"))).await;
    assert!(unbound.is_err_and(|why| why.contains("channel binding")));
    Ok(())
}

/// The password is changed in Postgres and in the file, and the process goes on.
#[tokio::test]
async fn a_password_is_rotated_without_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let postgres = server(folder.path())?;
    let passwords = folder.path().join("pgpass");
    let write = |password: &str| {
        fs::write(
            &passwords,
            format!("127.0.0.1:*:postgres:scrammed:{password}\n"),
        )?;
        fs::set_permissions(&passwords, Permissions::from_mode(0o600))
    };
    write("first")?;
    let port = postgres.port();
    let path = passwords.to_str().context("a path")?;
    let url = format!("postgres://scrammed@127.0.0.1:{port}/postgres?passfile={path}");
    let database = Database::new(&url, "gristmill/rotated")?;
    database.connect().await?;
    postgres.psql("postgres", "alter role scrammed password 'second'")?;
    let refused = database
        .connect()
        .await
        .err()
        .context("the old one is good")?;
    assert!(format!("{:#}", anyhow::Error::from(refused)).contains("password authentication"));
    write("second")?;
    database.connect().await?;
    Ok(())
}
