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
}
