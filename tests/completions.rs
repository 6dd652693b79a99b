//! The files in `completions/` say what the flags say; `LRUN_BLESS=1` writes them anew.

use std::fs;
use std::path::Path;

use lrun::cli::completions;

#[test]
fn completions_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, file) in [
        ("bash", "lrun.bash"),
        ("zsh", "_lrun"),
        ("fish", "lrun.fish"),
        ("powershell", "_lrun.ps1"),
        ("elvish", "lrun.elv"),
    ] {
        let made = completions::script(Some(shell)).unwrap();
        let path = folder.join(file);
        if std::env::var_os("LRUN_BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &made).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == made,
            "{file} is stale: run the test with LRUN_BLESS=1"
        );
    }
}
