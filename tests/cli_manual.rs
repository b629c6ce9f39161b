//! Completions and manual pages: shells and `man` take them, and they know every command.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cli;

use cli::Scene;
use std::process::Command;

/// Every command that the program's own help lists.
fn commands(scene: &Scene) -> Vec<String> {
    let help = scene.run(&["--help"]).out;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let named = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<String> = named.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(names.len() >= 14, "{names:?}");
    names
}

#[test]
fn the_completions_of_each_shell_know_every_command() {
    let scene = Scene::new();
    let commands = commands(&scene);
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let run = scene.run(&["completions", shell]);
        assert!(run.status == 0 && run.err.is_empty(), "{shell}");
        for command in &commands {
            assert!(run.out.contains(command), "{shell}: {command}");
        }
        scene.file(shell, run.out.as_bytes());
    }
    let wrong = scene.run(&["completions", "cmd"]);
    assert!(wrong.status == 2 && wrong.err.contains("powershell"), "{wrong:?}");
}

#[test]
fn bash_completes_a_command_and_its_argument() {
    let scene = Scene::new();
    scene.file("completions", scene.run(&["completions", "bash"]).out.as_bytes());
    let complete = |words: &[&str]| {
        let script = format!(
            "source ./completions; COMP_WORDS=({}); COMP_CWORD={}; _veilgate veilgate '{}' ''; echo \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1,
            words.last().unwrap()
        );
        let output = Command::new("bash").args(["-c", &script]).current_dir(scene.path("")).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete(&["veilgate", "doc"]), "doctor");
    assert_eq!(complete(&["veilgate", "health", "--ti"]), "--timeout");
}

#[test]
fn each_command_has_a_page_that_man_shows_without_a_complaint() {
    let scene = Scene::new();
    let run = scene.run(&["man", "--out", "pages"]);
    assert!(run.status == 0 && run.out.is_empty(), "{run:?}");
    let names = scene.names("pages");
    for command in commands(&scene).iter().filter(|it| *it != "help") {
        assert!(names.contains(&format!("veilgate-{command}.1")), "{command} in {names:?}");
    }
    assert!(names.contains(&"veilgate-project-pseudonyms-import.1".to_owned()), "{names:?}");
    let main = scene.run(&["man"]);
    assert_eq!(main.out, scene.text("pages/veilgate.1"), "the same page");
    assert!(main.out.contains(env!("CARGO_PKG_VERSION")));
    let Ok(_) = Command::new("groff").arg("--version").output() else {
        eprintln!("skipped: groff is not installed");
        assert!(std::env::var_os("CI").is_none(), "groff is missing");
        return;
    };
    for name in names {
        let shown = Command::new("groff")
            .args(["-man", "-Tutf8", "-wall"])
            .arg(scene.path("pages").join(&name))
            .output();
        let said = String::from_utf8(shown.unwrap().stderr).unwrap();
        assert!(said.is_empty(), "{name}: {said}");
    }
}
