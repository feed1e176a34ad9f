//! The index of the lessons' pages.

use crate::report::Lesson;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:17px/1.55 system-ui,sans-serif;max-width:44rem;margin:2.5rem auto;padding:0 1.2rem;\
background:light-dark(#fff,#0e1218);color:light-dark(#18202a,#e8edf3)}\
a{color:light-dark(#0b62c4,#6cb6ff);text-underline-offset:.15em}\
h2 a:not(:hover){text-decoration:none}\
h1{font-size:1.7rem;margin-bottom:.3rem}h2{font-size:1.15rem;margin:0}\
ol{padding:0;list-style:none;counter-reset:lesson}\
li{margin:1.4rem 0;padding-left:3rem;position:relative;counter-increment:lesson}\
li::before{content:counter(lesson);position:absolute;left:0;top:.1rem;width:2rem;height:2rem;\
border-radius:50%;text-align:center;line-height:2rem;font-weight:600;\
background:light-dark(#dceafa,#22344a);color:light-dark(#0b62c4,#6cb6ff)}\
p{margin:.3rem 0}.more{opacity:.85;font-size:.95rem}code{font-size:.95em}";

/// The page that lists `lessons`: name and lesson.
pub(crate) fn index(lessons: &[(String, Lesson)]) -> String {
    let mut list = String::new();
    for (name, lesson) in lessons {
        let (title, summary) = (escaped(&lesson.title), escaped(&lesson.summary));
        let (name, notes) = (escaped(name), lesson.notes.len());
        list += &format!(
            "<li><h2><a href=\"{name}.html\">{title}</a></h2><p>{summary}</p>\
             <p class=\"more\">{notes} steps &middot; <a href=\"{name}.toml\">its scenario</a>\
             </p></li>\n"
        );
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'; base-uri 'none'; form-action 'none'\">\
         <title>kafsim: lessons</title><style>{STYLE}</style></head><body><main>\
         <h1>What happens inside a Kafka cluster</h1>\
         <p>Each lesson is a recorded run of a simulated cluster. It opens in this browser, from \
         this folder, without a network. Step through its notes; where one asks, answer before \
         you look. Everything else on the page is yours to explore: the clock, the logs, every \
         event.</p>\n<ol>\n{list}</ol>\
         <p class=\"more\">A lesson is played in a terminal by <code>kafsim lessons NAME</code>, \
         and its run is made again by <code>kafsim run NAME.toml</code>.</p>\
         </main></body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lesson_says_is_text_in_the_index() {
        let lesson = Lesson { title: "<b> & \"c\"".into(), ..Lesson::default() };
        let page = index(&[("a".to_owned(), lesson)]);
        assert!(page.contains("<a href=\"a.html\">&lt;b&gt; &amp; &quot;c&quot;</a>"), "{page}");
        assert!(!page.contains("<b>"));
    }
}
