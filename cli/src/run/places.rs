//! What `--input` and `--output` name: checked before anything runs.

use std::path::{Path, PathBuf};

use super::feed::{self, Input, InputSource};
use super::sink::{Output, OutputTarget};
use crate::args::{RunArgs, TopicPlace};
use crate::error::{Error, Exit};
use crate::plan::Loaded;
use crate::records::{OutputFormat, is_json_lines};

/// Every `--input`; what it names must be there.
pub(super) fn inputs(args: &RunArgs, loaded: &Loaded) -> Result<Vec<Input>, Error> {
    let mut inputs: Vec<Input> = Vec::new();
    for TopicPlace { topic, place } in &args.input {
        loaded.check_topic(topic, "--input")?;
        let source = if place == "-" { InputSource::Stdin } else { InputSource::Path(PathBuf::from(place)) };
        if let InputSource::Path(path) = &source {
            path.metadata().map_err(|error| feed::unreadable(path, &error))?;
        }
        let input = Input { topic: topic.clone(), source, format: args.input_records };
        let again = |earlier: &Input| match (&earlier.source, &input.source) {
            (InputSource::Stdin, InputSource::Stdin) => true,
            (InputSource::Path(earlier_path), InputSource::Path(path)) => {
                let (a, b) = (real(earlier_path), real(path));
                earlier.topic == input.topic && (is_within(&a, &b) || is_within(&b, &a))
            }
            _ => false,
        };
        if inputs.iter().any(again) {
            let why = "its records would be split between them, or come twice";
            let help = "give it once; two entities may read one topic";
            return Err(Error::new(Exit::Usage, format!("input {place:?} is given twice"), why, help));
        }
        inputs.push(input);
    }
    Ok(inputs)
}

/// Every `--output`; two cannot share a file, nor can one be an input.
pub(super) fn outputs(args: &RunArgs, loaded: &Loaded, inputs: &[Input]) -> Result<Vec<Output>, Error> {
    let mut outputs: Vec<Output> = Vec::new();
    for TopicPlace { topic, place } in &args.output {
        loaded.check_topic(topic, "--output")?;
        let target =
            if place == "-" { OutputTarget::Stdout } else { OutputTarget::Path(PathBuf::from(place)) };
        let by_name = match &target {
            OutputTarget::Path(path) if is_json_lines(path) => OutputFormat::Json,
            _ => OutputFormat::Value,
        };
        let output = Output { topic: topic.clone(), target, format: args.output_records.unwrap_or(by_name) };
        if let OutputTarget::Path(path) = &output.target
            && let Some(why) = taken(path, &outputs, inputs)
        {
            let what = format!("cannot write output {place:?}");
            return Err(Error::new(Exit::Usage, what, why, "give another file"));
        }
        outputs.push(output);
    }
    Ok(outputs)
}

/// The same path however it is spelt, also of a file that is not there yet.
fn real(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = || Some(parent.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// Whether a path is another, or a file of that folder.
fn is_within(path: &Path, other: &Path) -> bool {
    path == other || path.parent() == Some(other)
}

/// Why this file cannot be an output beside these. Devices and pipes can be shared.
fn taken(path: &Path, outputs: &[Output], inputs: &[Input]) -> Option<&'static str> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return None;
    }
    let path = real(path);
    let same = |other: &Path| is_within(&path, &real(other));
    let written = |output: &Output| matches!(&output.target, OutputTarget::Path(other) if same(other));
    let read = |input: &Input| matches!(&input.source, InputSource::Path(other) if same(other));
    match (outputs.iter().any(written), inputs.iter().any(read)) {
        (true, _) => Some("two outputs would write over each other"),
        (_, true) => Some("it is read as an input, too"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_however_it_is_spelt_and_whether_or_not_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("in")).unwrap();
        assert!(is_within(&real(&at("o.txt")), &real(&at("in/../o.txt"))));
        assert!(is_within(&real(&at("in/o.txt")), &real(&at("in"))));
        assert!(!is_within(&real(&at("o.txt")), &real(&at("in"))));
    }
}
