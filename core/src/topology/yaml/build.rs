//! From events to the tree. Owns the bounds against hostile documents, anchors and merge keys.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::scalar::Scalar;
use super::syntax::syntax;
use super::tree::{Entry, Node, Value, path_of_field, path_of_item};
use crate::topology::problem::{Position, Problem};

/// Longest document, bytes. An object in Kubernetes cannot be larger than 1.5 MiB.
const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most fields of one mapping.
const MAX_FIELDS: usize = 4096;
/// Nodes and bytes after aliases are expanded: what a few lines of anchors can make of themselves.
const MAX_EXPANDED: usize = 16 << 20;

/// Reads the one document of `text`.
pub(crate) fn parse(source: &str, text: &[u8]) -> Result<Node, Vec<Problem>> {
    let fail = |at, what: String, why: &str, help: &str| vec![problem(source, at, "", what, why, help)];
    if text.len() > MAX_BYTES {
        let what = format!("the file has {} bytes", text.len());
        return Err(fail(None, what, "a topology may have 4 MiB", "check that this is the right file"));
    }
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let before = text.get(..error.valid_up_to()).unwrap_or_default();
            let at = position_after(&String::from_utf8_lossy(before));
            let what = format!("the file is not UTF-8 at byte {}", error.valid_up_to());
            return Err(fail(Some(at), what, "YAML and JSON are UTF-8 text", "save the file in UTF-8"));
        }
    };
    let mut builder = Builder::new(source);
    for event in Parser::new_from_str(text) {
        let done = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(Box::new(syntax(source, &error))),
        };
        if let Err(problem) = done {
            builder.problems.push(*problem);
            return Err(builder.problems);
        }
    }
    match builder.root {
        Some(root) if builder.problems.is_empty() => Ok(root),
        Some(_) => Err(builder.problems),
        None => {
            let why = "a topology is one YAML or JSON document";
            Err(fail(None, "the file is empty".to_owned(), why, EXAMPLE))
        }
    }
}

const EXAMPLE: &str = "start with `apiVersion: invoker.io/v1alpha1` and `kind: InvokerDeployment`";

fn problem(source: &str, at: Option<Position>, path: &str, what: String, why: &str, help: &str) -> Problem {
    let (path, why, help) = (path.to_owned(), why.to_owned(), help.to_owned());
    Problem { source: source.to_owned(), at, path, what, why, help }
}

fn position_after(text: &str) -> Position {
    let line = text.matches('\n').count() as u32 + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    Position { line, column }
}

fn position(span: Span) -> Position {
    Position { line: span.start.line() as u32, column: span.start.col() as u32 + 1 }
}

/// A list or a mapping that is still open.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<(String, Position)>,
}

struct Builder<'a> {
    source: &'a str,
    open: Vec<Open>,
    root: Option<Node>,
    documents: u32,
    anchors: HashMap<usize, Node>,
    expanded: usize,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a str) -> Self {
        let (open, problems) = (Vec::new(), Vec::new());
        Self { source, open, root: None, documents: 0, anchors: HashMap::new(), expanded: 0, problems }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Problem>> {
        let at = position(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let why = "a topology is one document: one InvokerDeployment";
                    let help = "keep one document, or put the others into files of their own";
                    return Err(self.fail(at, "a second document starts here", why, help));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = self.scalar(&text, style, tag.as_deref(), at)?;
                self.value(Node { at, value: Value::Scalar(scalar) }, anchor, Some(&text))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.start(Value::List(Vec::new()), anchor, tag.as_deref(), at)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.start(Value::Mapping(Vec::new()), anchor, tag.as_deref(), at)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(closed) => self.value(closed.node, closed.anchor, None),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.expand(&node)?;
                    let text = node.as_key();
                    self.value(node, 0, text.as_deref())
                }
                None => {
                    let why = "it would contain itself without end";
                    Err(self.fail(at, "an alias stands inside what it names", why, "write the value out"))
                }
            },
            _ => Ok(()),
        }
    }

    fn fail(&self, at: Position, what: &str, why: &str, help: &str) -> Box<Problem> {
        Box::new(problem(self.source, Some(at), &self.path(), what.to_owned(), why, help))
    }

    /// Path of the value that comes next.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            path = match (&open.node.value, &open.key) {
                (Value::List(items), _) => path_of_item(&path, items.len()),
                (_, Some((key, _))) => path_of_field(&path, key),
                (_, None) => path,
            };
        }
        path
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<Scalar, Box<Problem>> {
        match tag.map(|tag| (tag, tag.core_suffix())) {
            Some((_, Some("str"))) => Ok(Scalar::Text(text.to_owned())),
            Some((_, Some("int" | "float" | "bool" | "null"))) => Ok(Scalar::plain(text)),
            Some((tag, _)) => Err(self.unknown_tag(tag, at)),
            None if matches!(style, ScalarStyle::Plain) => Ok(Scalar::plain(text)),
            None => Ok(Scalar::Text(text.to_owned())),
        }
    }

    fn unknown_tag(&self, tag: &Tag, at: Position) -> Box<Problem> {
        let what = format!("the tag {tag} has no meaning here");
        self.fail(
            at,
            &what,
            "a topology is made of text, numbers, booleans, lists and mappings",
            "remove the tag",
        )
    }

    fn start(
        &mut self,
        value: Value,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), Box<Problem>> {
        if let Some(tag) = tag.filter(|tag| !matches!(tag.core_suffix(), Some("map" | "seq"))) {
            return Err(self.unknown_tag(tag, at));
        }
        if self.open.len() >= MAX_DEPTH {
            let why = format!("a topology nests at most {MAX_DEPTH} levels deep");
            return Err(self.fail(
                at,
                "the document is nested too deeply",
                &why,
                "check that this is the right file",
            ));
        }
        self.open.push(Open { node: Node { at, value }, anchor, key: None });
        Ok(())
    }

    /// Takes a finished node: a key, a value, an item or the document.
    fn value(&mut self, node: Node, anchor: usize, text: Option<&str>) -> Result<(), Box<Problem>> {
        if anchor != 0 {
            self.expand(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        let at = node.at;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { node: Node { value: Value::List(items), .. }, .. }) => items.push(node),
            Some(open) => match (open.key.take(), text) {
                (Some((key, key_at)), _) => self.entry(key, key_at, node)?,
                (None, Some(text)) => open.key = Some((text.to_owned(), at)),
                (None, None) => {
                    let why = "names of fields are plain text";
                    return Err(self.fail(
                        at,
                        "a list or a mapping stands where a name is expected",
                        why,
                        "write `name: value`",
                    ));
                }
            },
        }
        Ok(())
    }

    /// Counts a copy of `node` against the bounds of the document.
    fn expand(&mut self, node: &Node) -> Result<(), Box<Problem>> {
        self.expanded += node.cost();
        if self.expanded > MAX_EXPANDED || self.open.len() + node.depth() > MAX_DEPTH {
            let what = "the document is too large once its aliases are expanded";
            return Err(self.fail(
                node.at,
                what,
                "an alias repeats all that it names",
                "write less by alias",
            ));
        }
        Ok(())
    }

    fn entry(&mut self, key: String, key_at: Position, value: Node) -> Result<(), Box<Problem>> {
        let path = path_of_field(&self.path(), &key);
        let merge = key == "<<";
        let Some(Open { node: Node { value: Value::Mapping(entries), .. }, .. }) = self.open.last_mut()
        else {
            return Ok(());
        };
        if merge {
            return match value.into_entries() {
                Some(more) => {
                    take_over(entries, more);
                    Ok(())
                }
                None => {
                    let why = "`<<` takes over the fields of a mapping";
                    Err(self.fail(
                        key_at,
                        "`<<` names something else than a mapping",
                        why,
                        "write `<<: *anchor`",
                    ))
                }
            };
        }
        let full = entries.len() >= MAX_FIELDS;
        match entries.iter_mut().find(|present| present.key == key) {
            Some(present) if present.merged => *present = Entry { key, key_at, value, merged: false },
            Some(present) => {
                let what = format!("given twice, first in line {}", present.key_at.line);
                let why = "only one of them can hold";
                self.problems.push(problem(self.source, Some(key_at), &path, what, why, "remove one"));
            }
            None if full => {
                let (what, why) = ("too many fields", format!("a mapping may have {MAX_FIELDS}"));
                return Err(self.fail(key_at, what, &why, "check that this is the right file"));
            }
            None => entries.push(Entry { key, key_at, value, merged: false }),
        }
        Ok(())
    }
}

/// Adds entries that `<<` brings in; what is there already goes first.
fn take_over(entries: &mut Vec<Entry>, more: Vec<Entry>) {
    for entry in more {
        if !entries.iter().any(|present| present.key == entry.key) {
            entries.push(Entry { merged: true, ..entry });
        }
    }
}
