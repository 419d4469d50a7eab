//! The order of steps: who comes before whom, who may run beside whom, and where it goes in a circle. Knows numbers only.

/// Steps by number, and what each needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    needs: Vec<Vec<usize>>,
    /// `before[a][b]`: b is through before a begins.
    before: Vec<Vec<bool>>,
}

impl Graph {
    /// The graph of these needs, or a circle in it: each step needs the next one, and the last the first.
    pub fn new(needs: Vec<Vec<usize>>) -> Result<Self, Vec<usize>> {
        let order = order(&needs)?;
        let mut before = vec![vec![false; needs.len()]; needs.len()];
        for step in order {
            for &need in &needs[step] {
                let reached = before[need].clone();
                for (mine, theirs) in before[step].iter_mut().zip(reached) {
                    *mine |= theirs;
                }
                before[step][need] = true;
            }
        }
        Ok(Self { needs, before })
    }

    /// Whether `earlier` is through before `later` begins.
    pub fn is_before(&self, earlier: usize, later: usize) -> bool {
        self.before[later][earlier]
    }

    /// Pairs that may run at the same time, the earlier number first.
    pub fn beside(&self) -> impl Iterator<Item = (usize, usize)> {
        let count = self.needs.len();
        let pairs = (0..count).flat_map(move |one| (one + 1..count).map(move |other| (one, other)));
        pairs.filter(|(one, other)| !self.is_before(*one, *other) && !self.is_before(*other, *one))
    }
}

/// The steps so that each comes after what it needs, or a circle.
fn order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let (mut order, mut is_done) = (Vec::new(), vec![false; needs.len()]);
    while order.len() < needs.len() {
        let is_ready = |step: &usize| !is_done[*step] && needs[*step].iter().all(|need| is_done[*need]);
        let ready: Vec<usize> = (0..needs.len()).filter(is_ready).collect();
        if ready.is_empty() {
            return Err(circle(needs, &is_done));
        }
        for &step in &ready {
            is_done[step] = true;
        }
        order.extend(ready);
    }
    Ok(order)
}

/// Each step that is left needs another one that is left: whoever follows them comes back.
fn circle(needs: &[Vec<usize>], is_done: &[bool]) -> Vec<usize> {
    let is_left = |step: &usize| !is_done[*step];
    let mut path: Vec<usize> = (0..needs.len()).find(|step| is_left(step)).into_iter().collect();
    while let Some(next) =
        path.last().and_then(|last| needs[*last].iter().copied().find(|need| is_left(need)))
    {
        if let Some(begin) = path.iter().position(|step| *step == next) {
            return path.split_off(begin);
        }
        path.push(next);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_before_however_far_away() {
        // 0 ← 1 ← 3, 0 ← 2
        let graph = Graph::new(vec![vec![], vec![0], vec![0], vec![1]]).unwrap();
        assert!(graph.is_before(0, 3) && graph.is_before(1, 3) && !graph.is_before(2, 3));
        assert_eq!(graph.beside().collect::<Vec<_>>(), [(1, 2), (2, 3)]);
    }

    #[test]
    fn a_circle_is_named_without_the_way_to_it() {
        assert_eq!(Graph::new(vec![vec![1], vec![2], vec![3], vec![1]]), Err(vec![1, 2, 3]));
        assert_eq!(Graph::new(vec![vec![], vec![1]]), Err(vec![1]));
    }
}
