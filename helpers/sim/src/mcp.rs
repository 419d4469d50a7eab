//! A Model Context Protocol server on stdio, of the kind that users have in their Codex configuration:
//! it runs outside Codex's sandbox, and it may leave processes behind. Knows nothing of Codex.
//!
//! ```toml
//! [mcp_servers.sim]
//! command = "…/clodex-sim-mcp"
//! args = ["--orphan", "sleep 1000"]        # optional: started at once, in a session of its own
//! default_tools_approval_mode = "approve"
//! ```
//!
//! Three tools: `echo {"text"}` answers with the text, `sh {"cmd"}` runs a shell command and answers with
//! its output, `ask {"params"}` asks the user with these parameters of `elicitation/create` and answers with what
//! was answered, as JSON. In a script: `{"tool": {"namespace": "mcp__sim", "name": "echo", "arguments": {"text": "x"}}}`.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use crate::stand_in::{How, Spawn, shell, spawn};

/// The whole program.
pub fn main(args: &[String]) -> io::Result<()> {
    if let [option, sh] = args
        && option == "--orphan"
    {
        let sh = sh.clone();
        spawn(&Spawn { sh, how: How::Orphan, clear_env: false, holds_stdout: false })?;
    }
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        if let Some(answer) = asked(&request).or_else(|| elicited(&request)).or_else(|| answer(&request)) {
            writeln!(stdout, "{answer}")?;
            stdout.flush()?;
        }
    }
    Ok(())
}

/// The question that a call of `ask` comes to; its id tells which call waits for the answer.
fn asked(request: &Value) -> Option<Value> {
    let params = &request["params"];
    let is_call = request["method"] == "tools/call" && params["name"] == "ask";
    let id = format!("ask-{}", request.get("id")?);
    let asks = &params["arguments"]["params"];
    is_call.then(|| json!({ "jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": asks }))
}

/// What the user has answered is the answer of the call.
fn elicited(response: &Value) -> Option<Value> {
    let call: Value = serde_json::from_str(response.get("id")?.as_str()?.strip_prefix("ask-")?).ok()?;
    let said = response.get("result").or_else(|| response.get("error"))?;
    let content = json!({ "content": [{ "type": "text", "text": said.to_string() }], "isError": false });
    Some(json!({ "jsonrpc": "2.0", "id": call, "result": content }))
}

/// The answer to a request; `None` for a notification.
fn answer(request: &Value) -> Option<Value> {
    let id = request.get("id")?;
    let params = &request["params"];
    let result = match request["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": params["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "clodex-sim", "version": env!("CARGO_PKG_VERSION") },
        }),
        "ping" => json!({}),
        "tools/list" => json!({ "tools": [tool("echo", "text"), tool("sh", "cmd"), ask()] }),
        "tools/call" => call(params),
        other => {
            let error = json!({ "code": -32601, "message": format!("no method {other}") });
            return Some(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
        }
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn tool(name: &str, argument: &str) -> Value {
    json!({ "name": name, "description": name,
            "inputSchema": { "type": "object", "properties": { argument: { "type": "string" } } } })
}

fn ask() -> Value {
    json!({ "name": "ask", "description": "ask",
            "inputSchema": { "type": "object", "properties": { "params": { "type": "object" } } } })
}

fn call(params: &Value) -> Value {
    let argument = |name: &str| params["arguments"][name].as_str().unwrap_or_default().to_owned();
    let (text, failed) = match params["name"].as_str().unwrap_or_default() {
        "echo" => (argument("text"), false),
        "sh" => match shell(&argument("cmd")).output() {
            Ok(output) => (String::from_utf8_lossy(&output.stdout).into_owned(), !output.status.success()),
            Err(e) => (e.to_string(), true),
        },
        other => (format!("no tool {other}"), true),
    };
    json!({ "content": [{ "type": "text", "text": text }], "isError": failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_called_and_unknown_methods_refused() {
        let call = |name, arguments: Value| {
            let params = json!({ "name": name, "arguments": arguments });
            let answer = answer(&json!({ "id": 1, "method": "tools/call", "params": params })).unwrap();
            (answer["result"]["content"][0]["text"].clone(), answer["result"]["isError"].clone())
        };
        assert_eq!(call("echo", json!({ "text": "x" })), (json!("x"), json!(false)));
        assert_eq!(call("sh", json!({ "cmd": "echo y; exit 1" })), (json!("y\n"), json!(true)));
        assert_eq!(answer(&json!({ "id": 1, "method": "x" })).unwrap()["error"]["code"], -32601);
        assert_eq!(answer(&json!({ "method": "notifications/initialized" })), None);
    }

    #[test]
    fn who_asks_answers_its_call_with_what_was_answered() {
        let params = json!({ "name": "ask", "arguments": { "params": { "message": "ok?" } } });
        let asked = asked(&json!({ "id": 7, "method": "tools/call", "params": params })).unwrap();
        assert_eq!(asked["params"], json!({ "message": "ok?" }));
        let answered = elicited(&json!({ "id": asked["id"], "result": { "action": "accept" } })).unwrap();
        assert_eq!(answered["id"], 7);
        assert_eq!(answered["result"]["content"][0]["text"], r#"{"action":"accept"}"#);
        assert_eq!(elicited(&json!({ "id": 7, "method": "tools/list" })), None);
    }
}
