//! The files of the web console, compressed inside the binary.
//!
//! `console/build` makes them in `console/dist` before this crate is compiled; where nothing was made, there is one page
//! that says how. Who serves them, and to whom, is the server's to say.

use std::io::{self, Read as _};

/// A file of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    path: &'static str,
    content_type: &'static str,
    digest: &'static str,
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// All files.
pub fn files() -> &'static [File] {
    FILES
}

/// The file that is served under a path; `/` is the page itself.
pub fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    /// Where it is served.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Its content type.
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// Hexadecimal digest of its content: it changes with any bit of it.
    pub fn digest(&self) -> &'static str {
        self.digest
    }

    /// Whether a file of this path never changes, because the path has a digest of the content in it.
    pub fn is_immutable(&self) -> bool {
        self.path.starts_with("/assets/")
    }

    /// Its content, compressed.
    pub fn gzip(&self) -> &'static [u8] {
        self.gzip
    }

    /// Its content.
    ///
    /// # Errors
    /// Never for a file of this build.
    pub fn content(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(self.gzip).read_to_end(&mut content)?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_and_every_file_opens() {
        let page = file("/").unwrap();
        assert!(page.content_type().starts_with("text/html"));
        assert!(!page.is_immutable());
        for file in files() {
            let content = file.content().unwrap();
            assert!(!content.is_empty(), "{}", file.path());
            assert_eq!(file.digest().len(), 32, "{}", file.path());
        }
    }

    /// The page's policy lets no script and no style stand in it.
    #[test]
    fn the_page_has_no_script_and_no_style_of_its_own() {
        let page = String::from_utf8(file("/").unwrap().content().unwrap()).unwrap();
        for script in page.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').unwrap();
            assert!(tag.contains("src="), "a script without a file: {tag}");
            assert!(rest.trim_start().starts_with("</script>"));
        }
        assert!(!page.contains("<style"));
        assert!(!page.contains(" style="));
        assert!(!page.contains("://"), "nothing comes from elsewhere");
    }
}
