//! The characters that logs and terminals show as they are.

/// Returns whether a character is visible and has no effect on the text around it. Not printable are control characters
/// and the characters of Unicode that break lines, change the direction of text, or are invisible: they can make a log line
/// read differently from what it contains.
pub(crate) fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_and_directional_characters_are_not_printable() {
        for c in "\n\u{1b}\u{7f}\u{85}\u{200b}\u{200d}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{feff}\u{e0041}".chars() {
            assert!(!is_printable(c), "{c:?}");
        }
        for c in " aé\u{5d0}漢\u{2010}\u{202f}\u{1f600}\u{fffd}".chars() {
            assert!(is_printable(c), "{c:?}");
        }
    }
}
