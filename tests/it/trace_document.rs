//! Holds `docs/TRACE.md` to the table of events; `REWRITE=1` writes it anew.

#[test]
fn the_document_says_what_the_table_says() {
    let path = "docs/TRACE.md";
    let wanted = kafsim::trace::document();
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(path, &wanted).expect("docs/ is there");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == wanted, "{path} is old; run REWRITE=1 cargo test --test it trace_document");
}
