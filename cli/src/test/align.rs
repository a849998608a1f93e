//! Two lists side by side: what both have, what one has. Owns the lining up; what is equal, its caller says.

/// Most pairs of records that are lined up; longer lists are compared place by place.
const PAIRS: usize = 4_000_000;

/// Lines up two lists: what both have in the same order begins with a space, the rest with `-` or `+`. Empty where
/// nothing differs.
pub(super) fn lines<E, F>(
    expected: &[E],
    found: &[F],
    same: impl Fn(&E, &F) -> bool,
    show_expected: impl Fn(&E) -> String,
    show_found: impl Fn(&F) -> String,
) -> Vec<String> {
    let steps = steps(expected, found, &same);
    if steps.iter().all(|step| matches!(step, Step::Both(_))) {
        return Vec::new();
    }
    let line = |step: &Step<'_, E, F>| match step {
        Step::Both(found) => format!("  {}", show_found(found)),
        Step::Missing(expected) => format!("- {}", show_expected(expected)),
        Step::Extra(found) => format!("+ {}", show_found(found)),
    };
    steps.iter().map(line).collect()
}

enum Step<'a, E, F> {
    Both(&'a F),
    Missing(&'a E),
    Extra(&'a F),
}

fn steps<'a, E, F>(expected: &'a [E], found: &'a [F], same: &impl Fn(&E, &F) -> bool) -> Vec<Step<'a, E, F>> {
    let prefix = expected.iter().zip(found).take_while(|(e, f)| same(e, f)).count();
    let mut steps: Vec<_> = expected.iter().zip(found).take(prefix).map(|(_, f)| Step::Both(f)).collect();
    let (expected, found) =
        (expected.get(prefix..).unwrap_or_default(), found.get(prefix..).unwrap_or_default());
    if expected.len().saturating_mul(found.len()) > PAIRS {
        steps.extend(expected.iter().map(Step::Missing));
        steps.extend(found.iter().map(Step::Extra));
        return steps;
    }
    // longest[i][j]: how much of expected[i..] and found[j..] can be lined up.
    let width = found.len() + 1;
    let mut longest = vec![0u32; (expected.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    let get = |longest: &[u32], i: usize, j: usize| longest.get(at(i, j)).copied().unwrap_or_default();
    for (i, e) in expected.iter().enumerate().rev() {
        for (j, f) in found.iter().enumerate().rev() {
            let best = if same(e, f) {
                get(&longest, i + 1, j + 1) + 1
            } else {
                get(&longest, i + 1, j).max(get(&longest, i, j + 1))
            };
            if let Some(slot) = longest.get_mut(at(i, j)) {
                *slot = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (expected.get(i), found.get(j)) {
            (Some(e), Some(f)) if same(e, f) => {
                steps.push(Step::Both(f));
                (i, j) = (i + 1, j + 1);
            }
            (Some(e), f) if f.is_none() || get(&longest, i + 1, j) >= get(&longest, i, j + 1) => {
                steps.push(Step::Missing(e));
                i += 1;
            }
            (_, Some(f)) => {
                steps.push(Step::Extra(f));
                j += 1;
            }
            _ => return steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_lined_up_around_what_differs() {
        let shown = |word: &&str| (*word).to_owned();
        let diff = |a: &[&str], b: &[&str]| lines(a, b, |a, b| a == b, shown, shown);
        assert!(diff(&["a", "b"], &["a", "b"]).is_empty());
        assert_eq!(diff(&["a", "b", "c"], &["a", "x", "c"]), ["  a", "- b", "+ x", "  c"]);
        assert_eq!(diff(&["a", "b"], &["b", "c"]), ["- a", "  b", "+ c"]);
        assert_eq!(diff(&[], &["a"]), ["+ a"]);
    }
}
