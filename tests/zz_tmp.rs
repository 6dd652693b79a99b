use lrun::diagnostic::SourceFile;
use lrun::workflow::*;
#[test]
fn x() {
    let dir = std::env::var("WF").unwrap();
    let text = std::fs::read_to_string(&dir).unwrap();
    let r = read_workflow(SourceFile::new("w.yml", text), &ReadOptions::default());
    for d in &r.diagnostics {
        println!("{d}");
        for h in &d.help {
            println!("   help: {h}");
        }
        for l in &d.labels {
            println!(
                "   label: {:?} {}",
                d.file.as_ref().unwrap().position(l.span.start),
                l.text
            );
        }
    }
    if std::env::var("DBG").is_ok() {
        println!("{:#?}", r.workflow);
    }
}
