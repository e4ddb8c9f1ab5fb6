//! Which broker is asked what any of them can answer. Pure.

use std::collections::VecDeque;

/// Host and port of a broker.
pub(super) type Place = (String, u16);

/// The brokers that are known: those that were named, and those that they told of.
#[derive(Debug)]
pub(super) struct Known {
    named: Vec<Place>,
    /// Who is asked first stands first.
    places: VecDeque<Place>,
}

impl Known {
    pub(super) fn new(named: Vec<Place>) -> Self {
        let places = named.iter().cloned().collect();
        Self { named, places }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Who is to be asked now. It is the last one to be asked again until it [answers](Self::answered): whoever waits in
    /// vain for a machine that is gone, and gives up waiting, does not begin with that machine the next time.
    pub(super) fn first(&mut self) -> Option<Place> {
        let place = self.places.pop_front()?;
        self.places.push_back(place.clone());
        Some(place)
    }

    /// It has answered.
    pub(super) fn answered(&mut self, place: &Place) {
        self.places.retain(|known| known != place);
        self.places.push_front(place.clone());
    }

    /// These make the cluster now; those that were named are asked too, whatever it says.
    pub(super) fn told(&mut self, cluster: &[Place]) {
        let named = &self.named;
        self.places
            .retain(|known| named.contains(known) || cluster.contains(known));
        for place in cluster {
            if !self.places.contains(place) {
                self.places.push_back(place.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        (name.to_owned(), 9092)
    }

    #[test]
    fn a_broker_that_never_answers_is_not_the_one_to_begin_with() {
        let mut known = Known::new(vec![place("gone"), place("away"), place("here")]);
        // Each time the caller is out of time with the first that says nothing.
        assert_eq!(known.first(), Some(place("gone")));
        assert_eq!(known.first(), Some(place("away")));
        assert_eq!(known.first(), Some(place("here")));
        known.answered(&place("here"));
        for _ in 0..3 {
            assert_eq!(known.first(), Some(place("here")));
            known.answered(&place("here"));
        }
        assert_eq!(known.len(), 3);
    }

    #[test]
    fn brokers_are_learned_and_forgotten_but_those_that_were_named() {
        let mut known = Known::new(vec![place("named")]);
        known.told(&[place("b"), place("c")]);
        known.told(&[place("c"), place("d")]);
        let order: Vec<_> = (0..4).filter_map(|_| known.first()).collect();
        assert_eq!(order[..3], ["named", "c", "d"].map(place));
        assert_eq!(order[3], place("named"));
    }
}
