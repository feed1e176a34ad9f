//! Holds `docs/MUSEUM.md` to the table of defects and the rows of the museum; `REWRITE=1` writes
//! its table anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the page should panic")]

use std::fmt::Write as _;

use kafsim::types::{Defect, DefectKind};

use crate::museum::{MUSEUM, STORIES};
use crate::scenarios::scenario;

const PAGE: &str = "docs/MUSEUM.md";
const BEGIN: &str = "<!-- table exhibits -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut rows: Vec<_> = MUSEUM
        .iter()
        .chain(STORIES)
        .filter(|row| row.defect.kind() != DefectKind::Mutation)
        .collect();
    // Kafka's numbered ones first, each with its further stories behind it.
    rows.sort_by_key(|row| (row.defect.number() == 0, row.number()));
    let mut text = String::from(
        "\n| no. | what went wrong | source | to see it: `kafsim run scenarios/` | violated |\n\
         |---|---|---|---|---|\n",
    );
    for row in rows {
        let number = row.number();
        let number = if number == 0 { "-".to_owned() } else { number.to_string() };
        let (defect, property) = (row.defect, row.property);
        let path = format!("scenarios/{}.toml", row.scenario);
        let mut command = format!("{}.toml", row.scenario);
        let plan = scenario(&path, &[], &[]).plan;
        let own: Vec<Defect> = plan.defects.iter().collect();
        if own != [defect] {
            write!(command, " --set 'defects=[\"{}\"]'", defect.name()).unwrap();
        }
        for change in row.changes {
            write!(command, " --set {change}").unwrap();
        }
        // A further story tells of something else than the defect's line does.
        let is_further = row.number() != defect.number();
        let title = if is_further { plan.title.as_str() } else { defect.title() };
        let source = defect.source();
        writeln!(text, "| {number} | {title} | {source} | `{command}` | {property} |").unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_page_lists_every_exhibit() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let begin = page.find(BEGIN).unwrap() + BEGIN.len();
    let end = begin + page[begin..].find(END).unwrap();
    let wanted = format!("{}{}{}", &page[..begin], table(), &page[end..]);
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(PAGE, &wanted).unwrap();
        return;
    }
    assert!(page == wanted, "{PAGE} is old; run REWRITE=1 cargo test --test it museum_document");
}
