//! Columns of text.

/// Rows in columns that are as wide as their widest cell, two spaces apart, no space at the end of
/// a line; every line ends. A row of one cell is a line of its own between the others.
pub fn table(indent: &str, head: &[impl AsRef<str>], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let wide = rows.iter().filter(|row| row.len() > 1 || head.len() == 1);
        let cells = wide.filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(head.get(column).map_or(0, |name| name.as_ref().chars().count()))
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    let mut add = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = indent.to_owned();
        for (cell, width) in cells.zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    add(&mut head.iter().map(AsRef::as_ref));
    for row in rows {
        add(&mut row.iter().map(String::as_str));
    }
    text
}

/// The same in lines of at most `room`, as far as cells can be broken: behind a comma or at a
/// space, and if that does not do, behind a hyphen. Of what is widest, the last is broken first; a
/// cell goes on below in its column.
pub(crate) fn table_within(
    room: usize,
    indent: &str,
    head: &[impl AsRef<str>],
    rows: &[Vec<String>],
) -> String {
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let least = |column: usize, ends: &[char]| {
        let parts = cells(column).flat_map(|cell| parts(cell, ends));
        let widest = parts.map(|part| part.trim_end().chars().count()).max().unwrap_or(0);
        widest.max(head[column].as_ref().chars().count())
    };
    let mut widths: Vec<usize> = (0..head.len()).map(|column| least(column, &[])).collect();
    let mut over = (indent.chars().count() + widths.iter().sum::<usize>() + 2 * (head.len() - 1))
        .saturating_sub(room);
    for ends in [SOFT, HARD] {
        let least: Vec<usize> = (0..head.len()).map(|column| least(column, ends)).collect();
        while over > 0 {
            let can = (0..head.len()).filter(|column| widths[*column] > least[*column]);
            let Some(widest) = can.max_by_key(|column| widths[*column]) else { break };
            widths[widest] -= 1;
            over -= 1;
        }
    }
    let rows: Vec<Vec<String>> = rows.iter().flat_map(|row| broken(row, &widths)).collect();
    table(indent, head, &rows)
}

/// Where a cell is broken: behind these.
const SOFT: &[char] = &[',', ' '];
/// The same, if nothing else does.
const HARD: &[char] = &[',', ' ', '-'];

/// The parts of `cell`, each with that of `ends` at which it may be broken.
fn parts<'a>(cell: &'a str, ends: &'a [char]) -> impl Iterator<Item = &'a str> {
    cell.split_inclusive(ends)
}

/// A row in as many rows as its cells take in columns of `widths`.
fn broken(row: &[String], widths: &[usize]) -> Vec<Vec<String>> {
    let cells: Vec<Vec<String>> =
        row.iter().zip(widths).map(|(cell, width)| lines(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| cells.iter().map(|it| it.get(at).cloned().unwrap_or_default()).collect();
    (0..height).map(line).collect()
}

/// `cell` in lines of at most `width`, as far as it can be broken.
pub(crate) fn lines(cell: &str, width: usize) -> Vec<String> {
    let is_soft = parts(cell, SOFT).all(|part| part.trim_end().chars().count() <= width);
    let mut lines = vec![String::new()];
    for part in parts(cell, if is_soft { SOFT } else { HARD }) {
        let line = lines.last_mut().expect("there is one from the beginning");
        let length = line.chars().count() + part.trim_end().chars().count();
        match line.is_empty() || length <= width {
            true => line.push_str(part),
            false => lines.push(part.to_owned()),
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [["a", "b"], ["longer", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(" ", &["X", "YY"], &rows), " X       YY\n a       b\n longer\n");
        assert_eq!(table("", &["X"], &[]), "X\n");
        let apart = [vec!["a", "b"], vec!["-- between --"], vec!["c", "d"]];
        let apart = apart.map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(table("", &["X", "Y"], &apart), "X  Y\na  b\n-- between --\nc  d\n");
    }

    #[test]
    fn a_table_that_is_too_wide_breaks_its_cells() {
        let told = |room, rows: &[&[&str]]| {
            let rows: Vec<Vec<String>> = rows
                .iter()
                .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
                .collect();
            table_within(room, " ", &["N", "HOSTS", "STATE"], &rows)
        };
        let rows: &[&[&str]] = &[&["1", "b-1,b-2 | b-3,b-4", "to-go"], &["2", "b-1", "up"]];
        assert_eq!(
            told(31, rows),
            " N  HOSTS              STATE\n 1  b-1,b-2 | b-3,b-4  to-go\n 2  b-1                up\n"
        );
        // A list is broken at its commas; what has none stays.
        let narrow = " N  HOSTS      STATE\n 1  b-1,b-2 |  to-go\n    b-3,b-4\n 2  b-1        up\n";
        assert_eq!(told(20, rows), narrow);
        let narrower =
            " N  HOSTS  STATE\n 1  b-1,   to-go\n    b-2 |\n    b-3,\n    b-4\n 2  b-1    up\n";
        assert_eq!(told(16, rows), narrower);
        assert_eq!(told(5, rows), narrower, "no word is cut");
        let long: &[&[&str]] = &[&["1", "b", "pending-shutdown"]];
        assert_eq!(told(22, long), " N  HOSTS  STATE\n 1  b      pending-\n           shutdown\n");
    }
}
