//! What the real app-server has: threads that nobody talks in, models, profiles, MCP servers, an account.

use clodex_codex::app_server::Client;
use clodex_codex::app_server::call::{
    ArchiveThread, ListMcpServers, ListModels, ListProfiles, ListThreads, NameThread, ReadAccount,
    ReadThread, ReloadMcpServers, ThreadSettings,
};
use clodex_sim::CodexHome;
use clodex_tests::{LIMIT, binaries, eventually};

use super::drive::soon;
use super::talk::{Server, Talk, reading};
use crate::stage::Stage;

#[test]
fn a_thread_is_named_found_by_its_directory_read_and_put_away() {
    let Some(stage) = Stage::real() else { return };
    let server = Server::start(&stage.sandbox, "ws://127.0.0.1:0", &[]);
    let mut talk = Talk::start(&server, &stage.sandbox);
    talk.say("what a day");
    talk.end();
    let Talk { mut client, thread } = talk;
    client.call(&NameThread { thread_id: &thread, name: "a fine day" }, soon()).unwrap();
    let read = client.call(&ReadThread { thread_id: &thread, include_turns: false }, soon()).unwrap().thread;
    assert_eq!((&read.id, read.name.as_deref()), (&thread, Some("a fine day")));
    let here = stage.sandbox.repo().display().to_string();
    assert_eq!(found(&mut client, &here), [(Some("a fine day".to_owned()), "what a day".to_owned())]);
    assert_eq!(found(&mut client, "/"), []);
    client.call(&ArchiveThread { thread_id: &thread }, soon()).unwrap();
    assert_eq!(found(&mut client, &here), []);
}

/// Names and first words of the threads of this directory.
fn found(client: &mut Client<()>, cwd: &str) -> Vec<(Option<String>, String)> {
    let list = ListThreads { cwd: Some(cwd), ..ListThreads::default() };
    let page = client.call(&list, soon()).unwrap();
    page.data.into_iter().map(|thread| (thread.name, thread.preview)).collect()
}

#[test]
fn models_profiles_the_account_and_new_mcp_servers_are_told() {
    let Some(stage) = Stage::real() else { return };
    let server = Server::start(&stage.sandbox, "ws://127.0.0.1:0", &[]);
    let Talk { mut client, thread } = Talk::start(&server, &stage.sandbox);
    let models = client.call(&ListModels {}, soon()).unwrap().data;
    assert_eq!(models.iter().filter(|model| model.is_default).count(), 1, "{models:?}");
    let ThreadSettings { cwd, .. } = reading(&stage.sandbox);
    let profiles = client.call(&ListProfiles { cwd: cwd.unwrap() }, soon()).unwrap().data;
    assert!(profiles.iter().any(|profile| profile.id == ":workspace"), "{profiles:?}");
    let account = client.call(&ReadAccount {}, soon()).unwrap();
    assert!(account.account.is_none() && !account.requires_openai_auth, "{account:?}");
    assert_eq!(mcp_servers(&mut client, &thread), [""; 0]);
    let section = format!("[mcp_servers.sim]\ncommand = {:?}", binaries().join("clodex-sim-mcp"));
    stage.sandbox.codex_home_is(&CodexHome::new(stage.model.port()).sections(&section));
    client.call(&ReloadMcpServers {}, soon()).unwrap();
    eventually(LIMIT, || (mcp_servers(&mut client, &thread) == ["sim"]).then_some(()));
}

fn mcp_servers(client: &mut Client<()>, thread_id: &str) -> Vec<String> {
    let page = client.call(&ListMcpServers { thread_id }, soon()).unwrap();
    page.data.into_iter().map(|server| server.name).collect()
}
