//! The files of a new project, from `cli/templates`, with its name filled in.

use super::Language;

const CASES: &str = include_str!("../../templates/cases.yaml");
const TOPOLOGY: &str = include_str!("../../templates/topology.yaml");
const README: &str = include_str!("../../templates/README.md");

macro_rules! template {
    ($($path:literal from $file:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $file)))),*]
    };
}

/// What stands where `{{…}}` does.
struct Blanks<'a> {
    name: &'a str,
    source: &'a str,
    build: &'a str,
}

impl Blanks<'_> {
    fn fill(&self, text: &str) -> String {
        let text = text.replace("{{build}}", self.build.trim_end());
        text.replace("{{name}}", self.name).replace("{{source}}", self.source)
    }
}

/// Path and text of every file that is the author's own.
pub(super) fn files(language: Language, name: &str) -> Vec<(String, String)> {
    let rust = include_str!("../../templates/rust/build.md");
    let node = include_str!("../../templates/javascript/build.md");
    let (own, source, build): (&[(&str, &str)], _, _) = match language {
        Language::Rust => {
            let files = template![
                "Cargo.toml" from "rust/Cargo.toml.in",
                "src/lib.rs" from "rust/lib.rs",
                ".gitignore" from "rust/gitignore",
            ];
            (files, "src/lib.rs", rust)
        }
        Language::JavaScript => {
            let files = template![
                "package.json" from "javascript/package.json",
                "package-lock.json" from "javascript/package-lock.json",
                "src/function.js" from "javascript/function.js",
                ".gitignore" from "javascript/gitignore",
            ];
            (files, "src/function.js", node)
        }
        Language::TypeScript => {
            let files = template![
                "package.json" from "typescript/package.json",
                "package-lock.json" from "typescript/package-lock.json",
                "tsconfig.json" from "typescript/tsconfig.json",
                "src/function.ts" from "typescript/function.ts",
                ".gitignore" from "javascript/gitignore",
            ];
            (files, "src/function.ts", node)
        }
    };
    let blanks = Blanks { name, source, build };
    let common = [("cases.yaml", CASES), ("topology.yaml", TOPOLOGY), ("README.md", README)];
    own.iter().copied().chain(common).map(|(path, text)| (path.to_owned(), blanks.fill(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_blank_is_left() {
        for language in [Language::Rust, Language::JavaScript, Language::TypeScript] {
            for (path, text) in files(language, "word-split") {
                assert!(!text.contains("{{"), "{path}: {text}");
            }
        }
    }
}
